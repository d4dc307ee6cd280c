// How long events are kept. Blocks that are too old leave the index first, and then the store: whoever is cut off in between
// leaves blocks that nothing names, and those are swept.

import type { BlockStore } from './block-store.ts'
import { EXPIRED_PER_RUN } from './limits.ts'
import type { RetentionStore } from './retention-ports.ts'

export type ExpireServices = {
  clock: () => number
  /** null: there is no log */
  blocks: BlockStore | null
  retention: RetentionStore
  /** for how many days events are kept where the tenant doesn't say; 0: for ever */
  logDays: number
}

/** `blocks`: those that went; `more`: whether there was more to do than one run does. */
export type ExpireReport = { blocks: number; more: boolean }

export async function expireBlocks(
  { clock, blocks, retention, logDays }: ExpireServices,
  { limit = EXPIRED_PER_RUN }: { limit?: number } = {},
): Promise<ExpireReport> {
  if (blocks === null) return { blocks: 0, more: false }
  const wanted = { nowMs: clock(), days: logDays, store: blocks.kind, limit }
  const found = await retention.expired(wanted)
  let gone = 0
  for (const some of found) {
    const names = await retention.expire(some)
    await blocks.remove(names)
    gone += names.length
  }
  const listed = found.reduce((number, { names }) => number + names.length, 0)
  return { blocks: gone, more: listed === limit }
}
