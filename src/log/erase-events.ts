// Erasure: a customer's events leave the blocks that have them. What is not settled yet is rewritten once it is, and what a meter
// owes that is being filled, once it is counted. A run is bounded and may be cut off anywhere: what is left is found in the index.

import { isOfCounters } from '../metering/flush.ts'
import type { CounterStore } from '../metering/ports.ts'
import type { BlockStore } from './block-store.ts'
import { eraseFrom } from './erase-block.ts'
import type { BlockToErase, ErasureStore, LiveSegment } from './erasure-ports.ts'
import { ERASED_BLOCKS_AT_ONCE, ERASED_BLOCKS_PER_RUN } from './limits.ts'

export type EraseServices = {
  counters: Pick<CounterStore, 'listPartitions' | 'state'>
  /** null: there is no log */
  blocks: BlockStore | null
  erasures: ErasureStore
}

/** `blocks`, `events`: what was rewritten and taken out; `done`: erasures of which nothing is left; `more`: a run did not do. */
export type EraseReport = { blocks: number; events: number; done: number; more: boolean }

export async function eraseEvents(
  { counters, blocks, erasures }: EraseServices,
  { tenantId = null, limit = ERASED_BLOCKS_PER_RUN }: { tenantId?: string | null; limit?: number } = {},
): Promise<EraseReport> {
  const report: EraseReport = { blocks: 0, events: 0, done: 0, more: false }
  if (blocks === null) return report
  const found = await erasures.blocks({ store: blocks.kind, tenantId, limit })
  if (found === null) return report
  for (let at = 0; at < found.length; at += ERASED_BLOCKS_AT_ONCE)
    await eraseSome({ blocks, erasures }, found.slice(at, at + ERASED_BLOCKS_AT_ONCE), report)
  report.more = found.length === limit
  // The counter store first: what it does not have any more is in the index.
  const live = await liveSegments(counters)
  if (live === null) return { ...report, more: true }
  report.done = await erasures.finish(live)
  return report
}

async function eraseSome(
  { blocks, erasures }: { blocks: BlockStore; erasures: ErasureStore },
  some: BlockToErase[],
  report: EraseReport,
): Promise<void> {
  const stored = await blocks.get(some.map(({ name }) => name))
  for (const [i, block] of some.entries()) {
    const found = stored[i]
    // In the index, and not in the store: reads say so by name.
    if (!found) continue
    const { content, row, removed } = eraseFrom(block.tenantId, found.content, block.erasures)
    const inPostgres = blocks.kind === 'postgres'
    const isSame = content === found.content
    // Somebody else has rewritten it: what is left is found again.
    if (!inPostgres && !isSame && !(await blocks.replace(block.name, found.version, content))) continue
    const isMarked = await erasures.rewritten({
      block,
      row,
      removed: removed.map((ids, n) => ({ erasure: block.erasures[n]!.id, ids })),
      content: inPostgres ? { bytes: content, version: found.version } : null,
    })
    if (!isMarked) continue
    report.blocks++
    report.events += block.events - row.events
  }
}

/** null: one of the databases can't be asked. Whether such events are in it is open, and keeps nobody from asking for an erasure elsewhere. */
async function liveSegments(counters: EraseServices['counters']): Promise<LiveSegment[] | null> {
  const live: LiveSegment[] = []
  try {
    for (const { id } of await counters.listPartitions()) {
      const { open, sealed } = await counters.state(id)
      if (open !== null) live.push(open)
      live.push(...sealed)
    }
  } catch (error) {
    if (isOfCounters(error)) return null
    throw error
  }
  return live.map(({ id, bornMs }) => ({ id, bornMs }))
}
