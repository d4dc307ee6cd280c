// Writes many accounts, in statements that are small enough.

import type { AccountChange } from '../account.ts'
import type { AccountStore } from '../account-ports.ts'

/** Bytes of JSON in one statement that writes accounts. */
const SAVE_BYTES = 3_000_000

/** Those of them that were written: the others were overtaken. */
export async function savedAccounts(
  accounts: Pick<AccountStore, 'saveAccounts'>,
  tenantId: string,
  changes: AccountChange[],
): Promise<AccountChange[]> {
  const written: AccountChange[] = []
  for (const some of chunksOf(changes)) {
    const saved = new Set((await accounts.saveAccounts(tenantId, some)).map(({ customerId }) => customerId))
    written.push(...some.filter(({ customerId }) => saved.has(customerId)))
  }
  return written
}

/** In order, each small enough for one statement. */
function chunksOf(changes: AccountChange[]): AccountChange[][] {
  const chunks: AccountChange[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const change of changes) {
    const size = JSON.stringify(change).length
    if (bytes + size > SAVE_BYTES) {
      chunks.push([])
      bytes = 0
    }
    chunks.at(-1)!.push(change)
    bytes += size
  }
  return chunks
}
