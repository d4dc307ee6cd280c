// The shell of every command on an account: read, decide, write; and again, if somebody was faster.

import { TollgateError } from '../kernel/errors.ts'
import type { TenantConfig } from '../metering/meter.ts'
import type { Account, AccountChange } from './account.ts'
import type { AccountStore, Asked, Saved } from './account-ports.ts'

const TRIES = 8

/** Whose account it is, and where new ids come from: the same for every try of one request. */
export type Caller = { tenant: TenantConfig; newId: () => string }

export type AccountServices = { accounts: Pick<AccountStore, 'loadAccounts' | 'saveAccounts'> }

export type Decision<Result> = { change: AccountChange | null; result: (saved: Saved | null) => Result }

/** `decide` may be called several times, each time with the account as it is then. `change: null`: there is nothing to write. */
export async function changingAccount<Result>(
  { accounts }: AccountServices,
  tenantId: string,
  { customerId, invoiceIds, endedAfterMs }: { customerId: string } & Asked,
  decide: (account: Account) => Decision<Result> | Promise<Decision<Result>>,
): Promise<Result> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const [account] = await accounts.loadAccounts(tenantId, [customerId], { invoiceIds, endedAfterMs })
    const { change, result } = await decide(account!)
    if (change === null) return result(null)
    const [saved] = await accounts.saveAccounts(tenantId, [change])
    if (saved) return result(saved)
  }
  throw new TollgateError(
    'store_unavailable',
    'This customer’s account is being changed by others at this moment. Send the same request again.',
    { retryAfterSeconds: 1 },
  )
}
