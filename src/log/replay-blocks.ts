// Counting blocks into one meter, in memory: as many at a time as one statement takes.

import { type Delta, deltaTo } from '../metering/count-events.ts'
import type { Counter } from '../metering/counter.ts'
import { countersOf, type Merging, mergeInto } from '../metering/merge-counters.ts'
import type { Meter, TenantConfig } from '../metering/meter.ts'
import { type Act, stateOf } from './act.ts'
import type { BlockStore } from './block-store.ts'
import { asEvent, type LogEntry } from './entry.ts'
import { REPLAY_CHARS, REPLAY_COUNTERS, REPLAY_EVENTS_PER_STEP } from './limits.ts'
import { readBlocks } from './read-blocks.ts'
import type { OwedBlock } from './replay-ports.ts'

/** `events`: those that were counted. */
export type Counting = { blocks: OwedBlock[]; counters: Counter[]; events: number }

/** `acts`: those that the meter counts an event after. */
type Into = { meter: Meter; config: TenantConfig; acts: readonly Act[] }

/** In parts that are one statement each. */
export async function* replayBlocks(
  store: BlockStore,
  into: Into,
  taken: OwedBlock[],
): AsyncGenerator<Counting> {
  const contents = await readBlocks(store, taken)
  let [merging, chars, events, blocks]: [Merging, number, number, OwedBlock[]] = [new Map(), 0, 0, []]
  for (const [i, { entries }] of contents.entries()) {
    const block = taken[i]!
    for (const entry of entries) {
      const delta = countedLater(entry, block.name, into)
      if (delta === null) continue
      if (!merging.has(delta.field)) chars += delta.field.length
      mergeInto(merging, delta.field, delta)
      events++
    }
    blocks.push(block)
    if (merging.size < REPLAY_COUNTERS && chars < REPLAY_CHARS && i < contents.length - 1) continue
    yield { blocks, counters: countersOf(merging), events }
    ;[merging, chars, events, blocks] = [new Map(), 0, 0, []]
  }
}

/** An event is in the meter once: by its list when it was recorded, or from here. */
function countedLater(entry: LogEntry, block: string, { meter, config, acts }: Into): Delta | null {
  if (entry.resourceType !== meter.resourceType || entry.meters.includes(meter.id)) return null
  const state = stateOf(entry, block, acts)
  return state && deltaTo(meter, asEvent(state), config)
}

/** As many as one step counts, and one at least. */
export function upToEvents(owed: OwedBlock[]): OwedBlock[] {
  let events = 0
  return owed.filter((block, i) => {
    events += block.events
    return i === 0 || events <= REPLAY_EVENTS_PER_STEP
  })
}
