// Finding events: those that are not settled yet in the counter store, and then the blocks. In this order only, as every
// read of usage: what is settled in between is found in the blocks, and left out of what was found before.

import type { CounterStore } from '../metering/ports.ts'
import type { BlockStore } from './block-store.ts'
import { byArrival, type LogEntry, type Position } from './entry.ts'
import { matches } from './filter.ts'
import { BLOCKS_PER_PAGE, LIVE_BYTES_PER_PAGE } from './limits.ts'
import type { EventFilter, FoundBlock, LogIndex, Order } from './ports.ts'
import { readBlocks } from './read-blocks.ts'
import { asTheyStand } from './stand.ts'
import { LATEST_MICROS, readLogOf, unsettledOf } from './unsettled.ts'

export type LogServices = {
  counters: CounterStore
  blocks: BlockStore
  logIndex: LogIndex
}

export type EventsQuery = { filter: EventFilter; order: Order; after: Position | null; limit: number }

/** `next`: where to go on; null if there are none further on. A page may be short, or empty, and not the last one. */
export type FoundEvents = { events: LogEntry[]; next: Position | null }

/** So many blocks are read at first, and twice as many each time that they weren't enough. */
const BLOCKS_AT_FIRST = 4

/** A page of a tenant's events in the order of their arrival, from what one page may look through (limits.ts). */
export async function findEvents(
  services: LogServices,
  tenantId: string,
  { filter, order, after, limit }: EventsQuery,
): Promise<FoundEvents> {
  const direction = order === 'asc' ? 1 : -1
  const beyond = (one: Position, other: Position) => direction * byArrival(one, other) > 0
  const live = await services.counters.readLog(tenantId, {
    order,
    fromMicros: order === 'asc' ? (after?.receivedMicros ?? 0) : 0,
    toMicros: order === 'desc' && after !== null ? newestBefore(after) : LATEST_MICROS,
    bytes: LIVE_BYTES_PER_PAGE,
    containing: filter.customerId === null ? '' : JSON.stringify(filter.customerId),
  })
  const query = { tenantId, filter, order, after, limit: BLOCKS_PER_PAGE }
  const index = await services.logIndex.findBlocks(query, live)
  const { blocks } = index
  const unsettled = await unsettledOf(services.blocks, tenantId, live, index)

  const fits = matches(filter)
  const found: LogEntry[] = []
  const take = (entries: LogEntry[]) => {
    for (const entry of entries)
      if (fits(entry) && (after === null || beyond(entry, after))) found.push(entry)
  }
  take(unsettled.entries)

  // What lies beyond this instant may be incomplete: the next call, or block, that was not read begins there.
  const completeTo = (read: number): number | null => {
    const block = blocks[read] && edge(blocks[read], order)
    const edges = [live.nextMicros, block ?? null].filter((one) => one !== null)
    if (edges.length === 0) return null
    return order === 'asc' ? Math.min(...edges) : Math.max(...edges)
  }
  const complete = (to: number | null) =>
    to === null ? found : found.filter(({ receivedMicros }) => direction * (to - receivedMicros) > 0)

  let read = 0
  let events = complete(completeTo(read))
  const readable = Math.min(blocks.length, BLOCKS_PER_PAGE)
  for (let step = BLOCKS_AT_FIRST; events.length <= limit && read < readable; step *= 2) {
    const next = blocks.slice(read, Math.min(read + step, readable))
    for (const [i, { entries }] of (await readBlocks(services.blocks, next)).entries())
      take(asTheyStand(unsettled.left(entries), next[i]!.name, index.acts))
    read += next.length
    events = complete(completeTo(read))
  }
  events.sort((a, b) => direction * byArrival(a, b))
  if (events.length > limit) return { events: events.slice(0, limit), next: positionOf(events[limit - 1]!) }
  const to = completeTo(read)
  return { events, next: to === null ? null : justBefore(to, order) }
}

const edge = ({ receivedMicros: [from, to] }: FoundBlock, order: Order): number =>
  order === 'asc' ? from : to

const positionOf = ({ receivedMicros, id }: LogEntry): Position => ({ receivedMicros, id })

/** The position from which everything of this instant lies beyond. */
const justBefore = (micros: number, order: Order): Position =>
  order === 'asc' ? { receivedMicros: micros, id: '' } : { receivedMicros: micros + 1, id: '' }

/** The latest instant with anything before this position; no id is empty. */
const newestBefore = ({ receivedMicros, id }: Position): number =>
  id === '' ? receivedMicros - 1 : receivedMicros

/** The event with this id, the newest if there are several, as an id may come again once it is forgotten. null: there is none. */
export async function findEvent(
  services: LogServices,
  tenantId: string,
  id: string,
): Promise<LogEntry | null> {
  const found: LogEntry[] = []
  const live = await readLogOf(services.counters, tenantId, id)
  const index = await services.logIndex.findBlocksOf(tenantId, id, live)
  const { blocks } = index
  const unsettled = await unsettledOf(services.blocks, tenantId, live, index)
  const take = (entries: LogEntry[]) => found.push(...entries.filter((entry) => entry.id === id))
  take(unsettled.entries)
  for (let read = 0; found.length === 0 && read < blocks.length; read += BLOCKS_AT_FIRST) {
    const next = blocks.slice(read, read + BLOCKS_AT_FIRST)
    for (const [i, { entries }] of (await readBlocks(services.blocks, next)).entries())
      take(asTheyStand(unsettled.left(entries), next[i]!.name, index.acts))
  }
  return found.sort(byArrival).at(-1) ?? null
}
