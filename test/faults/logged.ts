// The event log as a client reads it over HTTP, held against what the clients know: every acknowledged event is in it once, as
// it was sent, and nothing that was not sent.

import type { Random } from '../fuzz/random.ts'
import { amountOf, ONE, quotient, textOf } from './amount.ts'
import { call, describe, isTemporary, type Reply } from './calls.ts'
import type { Ledger, LedgerEvent, Quantities } from './ledger.ts'
import type { Served } from './site.ts'
import type { Period, Tenant } from './tenant.ts'

export type Logged = {
  id: string
  customer_id: string
  resource_type: string
  quantity: string
  timestamp: string
  received_at: string
  properties: Record<string, unknown>
  meters: { key: string; value: string }[]
}

type Read = Logged[] | 'unavailable' | { wrong: string }

const PAGES = 10_000
/** Of one page: a server that is away comes back within so many. */
const TRIES = 60

export type LogQuery = {
  customer: string | null
  order: 'asc' | 'desc'
  limit: number
  /** Whether it is enough that it can't be read now; otherwise a page is asked for until it comes. */
  givesUp: () => boolean
}

/** All pages, each from any of the apps. Where one doesn't come, its cursor is sent again. */
export async function readLog(
  { site, tenant, random }: { site: Served; tenant: Tenant; random: Random },
  { customer, order, limit, givesUp }: LogQuery,
): Promise<Read> {
  const events: Logged[] = []
  let cursor = ''
  for (let page = 0, tries = 0; page < PAGES; ) {
    const path = `/api/v1/events?order=${order}&limit=${limit}${cursor}${customer === null ? '' : `&customer_id=${customer}`}`
    const reply = await call(random.pick(site.apps), { path, token: tenant.key })
    if (isTemporary(reply)) {
      if (++tries > TRIES || givesUp()) return 'unavailable'
      continue
    }
    if (reply!.status !== 200) return { wrong: `GET ${path}: ${describe(reply!)}` }
    const { data, next_cursor } = reply!.body as { data: Logged[]; next_cursor: string | null }
    if (data.length > limit) return { wrong: `GET ${path}: ${data.length} events` }
    events.push(...data)
    if (next_cursor === null) return events
    cursor = `&cursor=${encodeURIComponent(next_cursor)}`
    ;[page, tries] = [page + 1, 0]
  }
  return { wrong: `GET /api/v1/events has no end after ${PAGES} pages` }
}

export type Wanted = {
  /** What may be there: sent before the read ended. */
  sent: LedgerEvent[]
  /** The ledger's moment before the read began: what was acknowledged by then must be there. */
  began: number
  order: LogQuery['order']
}

/** What is wrong with what was read; nothing, if nothing is. */
export function wrongInLog(read: Logged[], { sent, began, order }: Wanted): string[] {
  const wrong: string[] = []
  const known = new Map(sent.map((event) => [event.content.id, event]))
  const times = Map.groupBy(read, ({ id }) => id)
  for (const [id, found] of times) {
    const event = known.get(id)
    if (event === undefined) wrong.push(`${id} is in the log, and was never sent`)
    else if (found.length > 1) wrong.push(`${id} is in the log ${found.length} times${receivedAt(found)}`)
    else wrong.push(...otherwise(found[0]!, event))
  }
  for (const { ackedAt, content } of sent)
    if (ackedAt !== null && ackedAt < began && !times.has(content.id))
      wrong.push(`${content.id} was acknowledged, but is not in the log`)
  const arrivals = read.map(({ received_at }) => received_at)
  const sorted = arrivals.toSorted()
  if (order === 'desc') sorted.reverse()
  if (arrivals.some((at, i) => at !== sorted[i])) wrong.push(`the log is not in order (${order})`)
  return wrong
}

/** One instant: one call's, shown twice. Several: it was logged by as many. */
const receivedAt = (found: Logged[]) =>
  `, received at ${[...new Set(found.map(({ received_at }) => received_at))].join(', ')}`

/** What of an event is not as it was sent. */
function otherwise(shown: Logged, { content }: LedgerEvent): string[] {
  const { properties, timestamp = shown.timestamp, quantity, ...rest } = content
  const inOrder = (of: unknown) => JSON.stringify(Object.entries(of as object).sort())
  const same =
    shown.customer_id === rest.customer_id &&
    shown.resource_type === rest.resource_type &&
    amountOf(shown.quantity) === amountOf(quantity as string) &&
    shown.timestamp === timestamp &&
    inOrder(shown.properties) === inOrder(properties)
  return same ? [] : [`${content.id} is in the log as ${JSON.stringify(shown)}: it was sent otherwise`]
}

/** What meters come to by what the log says of each event: what a bill of these events must show. */
export function quantitiesOf(events: Logged[], { startMs, endMs }: Period): Quantities {
  const values = (key: string) =>
    events.flatMap(({ meters, timestamp }) =>
      meters.filter((one) => one.key === key).map(({ value }) => ({ value, atMs: Date.parse(timestamp) })),
    )
  const sum = (key: string) => values(key).reduce((all, { value }) => all + amountOf(value), 0n)
  const peak = values('peak').reduce((max, { value }) => (amountOf(value) > max ? amountOf(value) : max), 0n)
  const level = values('level').reduce(
    (all, { value, atMs }) => all + amountOf(value) * BigInt(endMs - atMs),
    0n,
  )
  return new Map([
    ['units', textOf(sum('units'))],
    ['calls', textOf(sum('calls'))],
    ['users', textOf(BigInt(new Set(values('users').map(({ value }) => value)).size) * ONE)],
    ['peak', textOf(peak)],
    ['level', textOf(quotient(level, BigInt(endMs - startMs)))],
  ])
}

/** What is wrong with an answer to `GET /api/v1/events/{id}`. */
export const wrongEvent = (reply: Reply | null, event: LedgerEvent): string[] =>
  reply?.status === 200
    ? wrongInLog([reply.body as Logged], { sent: [event], began: 0, order: 'asc' })
    : [`GET /api/v1/events/${event.content.id}: ${reply ? describe(reply) : 'no answer'}`]

/** Sent before this moment. */
export const sentBefore = (ledger: Ledger, moment: number, customer: string | null): LedgerEvent[] =>
  (customer === null ? ledger.sent : ledger.eventsOf(customer)).filter(
    ({ sentAt }) => sentAt !== null && sentAt < moment,
  )
