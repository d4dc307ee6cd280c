// What the counter store has of the log. It is looked at first, and the index then: what is settled in between is in the blocks.

import type { CounterStore, LiveLog } from '../metering/ports.ts'
import type { BlockStore } from './block-store.ts'
import type { LogEntry } from './entry.ts'
import { isErased } from './erase-block.ts'
import { LIVE_BYTES_PER_PAGE } from './limits.ts'
import type { FoundBlocks } from './ports.ts'
import { liveEntries } from './read-blocks.ts'
import { entriesKept } from './write-blocks.ts'

/** Later than any event's arrival: 2^53 − 1, as µs in the year 2255. */
export const LATEST_MICROS = Number.MAX_SAFE_INTEGER

/** Calls that may have an event with this id. */
export const readLogOf = (
  counters: Pick<CounterStore, 'readLog'>,
  tenantId: string,
  eventId: string,
): Promise<LiveLog> =>
  counters.readLog(tenantId, {
    order: 'desc',
    fromMicros: 0,
    toMicros: LATEST_MICROS,
    bytes: LIVE_BYTES_PER_PAGE,
    // How its line begins, after the lists or another line.
    containing: `\n[${JSON.stringify(eventId)},`,
  })

/** `entries`: those that no block has. `left`: those of some entries that are not to be erased, by whom they were sent for. */
export async function unsettledOf(
  store: BlockStore,
  tenantId: string,
  live: LiveLog,
  { settled, erased }: Pick<FoundBlocks, 'settled' | 'erased'>,
): Promise<{ entries: LogEntry[]; left: (entries: LogEntry[]) => LogEntry[] }> {
  const isGone = isErased([...live.erased, ...erased])
  const left = (entries: LogEntry[]) => entries.filter((entry) => !isGone(entry))
  const entries = liveEntries(live.calls.filter(({ segment }) => !settled.has(segment)))
  for (const { segment, kept } of live.kept)
    if (!settled.has(segment)) entries.push(...(await entriesKept(store, tenantId, kept)))
  return { entries: left(entries), left }
}
