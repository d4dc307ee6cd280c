// A subscription by its id, and as it is in its account.

import { TollgateError } from '../../kernel/errors.ts'
import type { Account } from '../account.ts'
import type { AccountStore } from '../account-ports.ts'
import type { Subscription } from './subscription.ts'

export const noSubscription = (id: string) =>
  new TollgateError('not_found', `There is no subscription ${id}.`)

export async function findSubscription(
  { accounts }: { accounts: Pick<AccountStore, 'findSubscription'> },
  tenantId: string,
  id: string,
): Promise<Subscription> {
  const found = await accounts.findSubscription(tenantId, id)
  if (found === null) throw noSubscription(id)
  return found
}

/** Throws state_conflict for one that has ended, and is not billed any more. */
export function inAccount({ subscriptions }: Account, id: string, nowMs: number): Subscription {
  const found = subscriptions.find((one) => one.id === id)
  if (found && (found.cancelAtMs === null || found.cancelAtMs > nowMs)) return found
  throw new TollgateError(
    'state_conflict',
    'The subscription has ended. To go on, create another one: POST /api/v1/subscriptions.',
  )
}
