// A tenant's events as they come. The counter store is looked at again and again, which costs one command a second and
// wakes no Postgres; only where a segment has left it since the last look are the blocks asked, too.

import type { Limits } from '../metering/limits.ts'
import { byArrival, type LogEntry, type Position } from './entry.ts'
import { isErased } from './erase-block.ts'
import { matches } from './filter.ts'
import { findEvents, type LogServices } from './find-events.ts'
import { LIVE_BYTES_PER_PAGE, STREAM_EVERY_MS, STREAM_PAGE, STREAM_SECONDS } from './limits.ts'
import type { EventFilter } from './ports.ts'
import { liveEntries } from './read-blocks.ts'
import { LATEST_MICROS } from './unsettled.ts'

type StreamServices = LogServices & {
  clock: () => number
  limits: Limits
  pause: (ms: number) => Promise<void>
}

/**
 * Events after `after` (null: from now on), in the order of arrival, as they come; an empty list now and then, to say that it
 * is still there. It ends by itself after STREAM_SECONDS: whoever listens goes on after the last one.
 */
export async function* streamEvents(
  services: StreamServices,
  tenantId: string,
  { filter, after }: { filter: EventFilter; after: Position | null },
): AsyncGenerator<LogEntry[]> {
  const { clock, limits, counters, pause } = services
  const endMs = clock() + STREAM_SECONDS * 1000
  let position = after ?? { receivedMicros: clock() * 1000, id: '' }
  let known: string[] | null = null
  for (;;) {
    const seen = await counters.readLog(tenantId, {
      order: 'asc',
      fromMicros: position.receivedMicros,
      toMicros: LATEST_MICROS,
      bytes: LIVE_BYTES_PER_PAGE,
      containing: '',
    })
    const stays = new Set(seen.segments)
    // Without a fence a segment may come and go between two looks.
    const gone = limits.settleAfterMs === 0 || known === null || known.some((segment) => !stays.has(segment))
    known = seen.segments
    if (gone) {
      let next: Position | null = position
      while (next !== null) {
        const page: Awaited<ReturnType<typeof findEvents>> = await findEvents(services, tenantId, {
          filter,
          order: 'asc',
          after: next,
          limit: STREAM_PAGE,
        })
        if (page.events.length > 0) yield page.events
        position = latest(position, page.next ?? page.events.at(-1) ?? position)
        next = page.next
      }
    } else {
      const entries = liveEntries(seen.calls).filter((entry) => byArrival(entry, position) > 0)
      entries.sort(byArrival)
      const fits = matches(filter)
      const isGone = isErased(seen.erased)
      const wanted = entries.filter((entry) => fits(entry) && !isGone(entry))
      if (wanted.length > 0) yield wanted
      position = latest(position, entries.at(-1) ?? position)
      if (seen.nextMicros !== null) {
        position = { receivedMicros: seen.nextMicros, id: '' }
        continue
      }
    }
    if (clock() >= endMs) return
    yield []
    await pause(STREAM_EVERY_MS)
  }
}

const latest = (a: Position, b: Position): Position =>
  byArrival(a, b) > 0 ? a : { receivedMicros: b.receivedMicros, id: b.id }
