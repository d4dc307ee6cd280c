// Blocks that nothing names: made by a run that was cut off before it settled, or cut otherwise than those that were
// settled; or out of the index, and not out of the store yet. A run looks through some of the store, and the next goes on there.

import type { Limits } from '../metering/limits.ts'
import type { CounterStore } from '../metering/ports.ts'
import type { BlockStore } from './block-store.ts'
import { SWEEP_NAMES, SWEEP_PAGES_PER_RUN, SWEEP_SLACK_MS } from './limits.ts'
import type { RetentionStore } from './retention-ports.ts'

export type SweepServices = {
  clock: () => number
  limits: Pick<Limits, 'keepSettledMs'>
  counters: Pick<CounterStore, 'knownSegments'>
  /** null: there is no log */
  blocks: BlockStore | null
  retention: RetentionStore
}

/** Gives how many blocks it removed. */
export async function sweepBlocks(
  services: SweepServices,
  { pages = SWEEP_PAGES_PER_RUN, names = SWEEP_NAMES }: { pages?: number; names?: number } = {},
): Promise<number> {
  const { clock, limits, blocks, retention } = services
  if (blocks === null) return 0
  // What is younger may be on its way into the index, or be offered again.
  const madeBeforeMs = clock() - limits.keepSettledMs - SWEEP_SLACK_MS
  let after = await retention.sweptTo(blocks.kind)
  let swept = 0
  for (let page = 0; page < pages; page++) {
    const listed = await blocks.list(after, names)
    const old = listed.filter(({ createdMs }) => createdMs < madeBeforeMs).map(({ name }) => name)
    const unnamed = await unnamedIn(services, old)
    if (unnamed.length > 0) await blocks.remove(unnamed)
    swept += unnamed.length
    after = listed.length < names ? '' : listed.at(-1)!.name
    await retention.noteSwept(blocks.kind, after)
    if (after === '') break
  }
  return swept
}

/**
 * A segment that the counter store has may be settled yet, whatever its age. It is asked before the index is asked for good: what
 * it does not have any more is in the index, or never will be.
 */
async function unnamedIn({ counters, retention }: SweepServices, names: string[]): Promise<string[]> {
  const unnamed = names.length === 0 ? [] : await retention.unnamed(names)
  if (unnamed.length === 0) return []
  const known = await counters.knownSegments(unnamed.map(placeOf))
  const lost = unnamed.filter((name) => !known.has(placeOf(name).segment))
  return lost.length === 0 ? [] : retention.unnamed(lost)
}

function placeOf(name: string): { segment: string; tenantId: string } {
  const [segment, tenantId] = name.split('/') as [string, string]
  return { segment, tenantId }
}
