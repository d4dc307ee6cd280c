// Spans that all differ, each cut into parts: law 4 for them, and that every event is in exactly one part of a span.

import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { text } from '../../src/kernel/decimal.ts'
import { TollgateError } from '../../src/kernel/errors.ts'
import { flush } from '../../src/metering/flush.ts'
import { type Aggregation, aggregations, type TenantConfig } from '../../src/metering/meter.ts'
import { type HourQuantity, type Hours, readHours } from '../../src/metering/read-hours.ts'
import { type PartQuantity, readSpans } from '../../src/metering/read-spans.ts'
import type { Span } from '../../src/metering/span.ts'
import { cases } from '../support/effort.ts'
import { interleavings, runInOrder } from '../support/interleave.ts'
import { meter, type Sent, tenantConfig } from '../support/metering.ts'
import { type Drawn, oracles, quantity, SCALE } from '../support/oracles.ts'
import { type PostgresBackend, postgresBackends, tenantIn } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { partitions, shortened } from '../support/two-databases.ts'
import { intercept, send, type World, worldOn } from '../support/world.ts'

const hour = 3_600_000
/** Nepal's hours begin at a quarter past. */
const timezone = 'Asia/Kathmandu'
const end = Math.floor(Date.now() / hour) * hour - hour + hour / 4
const HOURS = 10
const start = end - HOURS * hour

let redis: RedisBackend
let postgres: PostgresBackend
beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))
beforeEach(() => redis.client.flushdb())

const metersOf = (aggregation: Aggregation) => [
  meter('m', aggregation, {
    groupBy: ['region', 'model'],
    ...(aggregation === 'unique_count' && { value: 'user' }),
  }),
]
const brief = ({ quantity, settledQuantity, events }: PartQuantity) => [
  text(quantity),
  text(settledQuantity),
  text(events),
]

const customers = ['alice', 'bob'] as const
const regions = ['eu', 'e"u,\\', null] as const
const models = ['large', '7', null] as const
type Used = Drawn & {
  customer: (typeof customers)[number]
  region: string | null
  model: string | null
}

const drawn = fc.record({
  units: fc.oneof(
    fc.bigInt(0n, 50n).map((n) => n * SCALE),
    fc.bigInt(0n, 10n ** 27n - 1n),
  ),
  negative: fc.boolean(),
  atMs: fc.integer({ min: start, max: end - 1 }),
  user: fc.integer({ min: 0, max: 3 }),
  customer: fc.constantFrom(...customers),
  region: fc.constantFrom(...regions),
  model: fc.constantFrom(...models),
})
const part = fc.record(
  { region: fc.constantFrom(...regions, 'never'), model: fc.constantFrom(...models) },
  { requiredKeys: [] },
)
const spanDrawn = fc
  .record({
    customerId: fc.constantFrom(...customers, 'nobody'),
    from: fc.integer({ min: 0, max: HOURS - 1 }),
    hours: fc.integer({ min: 1, max: HOURS }),
    parts: fc.array(part, { maxLength: 3 }),
  })
  .map(
    ({ customerId, from, hours, parts }): Span => ({
      customerId,
      meter: 'm',
      startMs: start + from * hour,
      endMs: start + (from + hours) * hour,
      parts: parts.map((one) => ({ ...one })),
    }),
  )

/** The part that an event is in, said anew: undefined of no part, the rest. */
const partOf = (used: Used, parts: Span['parts']): number | null => {
  const index = parts.findIndex(
    (one) =>
      (!('region' in one) || one.region === used.region) && (!('model' in one) || one.model === used.model),
  )
  return index < 0 ? null : index
}

const counted = (aggregation: Aggregation, events: Used[]): string =>
  ['sum', 'count', 'avg'].includes(aggregation) ? String(events.length) : '0'

function expectedOf(aggregation: Aggregation, span: Span, all: Used[], part: number | null) {
  const mine = all.filter((used) => used.customer === span.customerId && partOf(used, span.parts) === part)
  const within = mine.filter(({ atMs }) => atMs >= span.startMs && atMs < span.endMs)
  const before = mine.filter(({ atMs }) => atMs < span.startMs)
  const value = oracles[aggregation](within, before, [span.startMs, span.endMs])
  return { quantity: quantity(value ?? 0n), events: counted(aggregation, within) }
}

/** By the hour; of a gauge what it changed. */
function expectedHours(aggregation: Aggregation, span: Span, all: Used[], part: number | null) {
  const within = all.filter(
    (used) =>
      used.customer === span.customerId &&
      partOf(used, span.parts) === part &&
      used.atMs >= span.startMs &&
      used.atMs < span.endMs,
  )
  const byHour = Map.groupBy(within, ({ atMs }) => start + Math.floor((atMs - start) / hour) * hour)
  const oracle = oracles[aggregation === 'weighted_sum' ? 'sum' : aggregation]
  return [...byHour]
    .sort(([x], [y]) => x - y)
    .map(([bucketMs, events]) => ({
      bucketMs,
      quantity: quantity(oracle(events, [], [0, 1])!),
      events: counted(aggregation, events),
    }))
}

async function allHours(world: World, config: TenantConfig, span: Span, part: number | null, limit: number) {
  const hours: HourQuantity[] = []
  for (let after: string | null = null; ; ) {
    const found: Hours = await readHours(world, config, { span, part }, { after, limit })
    expect(found.incomplete).toBe(false)
    const page = found.hours
    expect(page.length).toBeLessThanOrEqual(limit + 1)
    hours.push(...page.slice(0, limit))
    if (page.length <= limit) return hours
    after = String(page[limit - 1]!.bucketMs)
  }
}

describe('every event is in exactly one part of a span, and every part is exact', () => {
  it.each(aggregations)('%s: for any spans and parts, settled at any time', async (aggregation) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(drawn, { minLength: 1, maxLength: 25 }),
        fc.array(spanDrawn, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        async (all, spans, limit) => {
          const config = tenantConfig(metersOf(aggregation), { timezone })
          await tenantIn(postgres, config)
          const world = worldOn(redis, postgres, config)
          const signed: Used[] = all.map(({ negative, units, ...rest }) => ({
            ...rest,
            units: negative && aggregation === 'weighted_sum' ? -units : units,
          }))
          let batch: Sent[] = []
          for (const [i, event] of signed.entries()) {
            batch.push({
              customer_id: event.customer,
              quantity: quantity(event.units),
              timestamp: new Date(event.atMs).toISOString(),
              properties: {
                user: `u${event.user}`,
                model: event.model,
                ...(event.region !== null && { region: event.region }),
              },
            })
            if (i % 3 !== 0 && i < signed.length - 1) continue
            await send(world, config, batch)
            batch = []
            if (event.user % 2 === 0) await flush(world)
          }

          const shown = (await readSpans(world, config, spans)).map(({ parts, rest }) =>
            [...parts, rest].map(({ quantity, events }) => ({
              quantity: text(quantity),
              events: text(events),
            })),
          )
          const wanted = spans.map((span) =>
            [...span.parts.keys(), null].map((part) => expectedOf(aggregation, span, signed, part)),
          )
          expect(shown).toEqual(wanted)

          const [span] = spans
          for (const part of [...span!.parts.keys(), null]) {
            const hours = await allHours(world, config, span!, part, limit)
            expect(
              hours.map(({ bucketMs, quantity, events }) => ({
                bucketMs,
                quantity: text(quantity),
                events: text(events),
              })),
            ).toEqual(expectedHours(aggregation, span!, signed, part))
          }

          await flush(world)
          for (const { parts, rest } of await readSpans(world, config, spans))
            for (const one of [...parts, rest]) expect(text(one.settledQuantity)).toBe(text(one.quantity))
        },
      ),
      cases(8, 25),
    )
  })
})

describe('law 4: spans are exact at every instant', () => {
  const config = tenantConfig(
    [
      meter('calls', 'sum', { groupBy: ['model'] }),
      meter('users', 'unique_count', { value: 'user' }),
      meter('gb', 'weighted_sum'),
    ],
    { timezone },
  )
  const span = (meter: string, more: Partial<Span> = {}): Span => ({
    customerId: 'alice',
    meter,
    startMs: start,
    endMs: end,
    parts: [],
    ...more,
  })
  const spans = [
    span('calls', { parts: [{ model: 'large' }] }),
    span('calls', { customerId: 'bob', endMs: start + hour }),
    span('users', { startMs: start + hour }),
    span('gb', { startMs: start + hour, endMs: start + 2 * hour }),
  ]
  const at = (ms: number) => new Date(start + ms).toISOString()
  const events: Sent[] = [
    { id: '1', quantity: 2, timestamp: at(0), properties: { user: 'u1', model: 'large' } },
    { id: '2', quantity: '0.5', timestamp: at(1.5 * hour), properties: { user: 'u1', model: 'small' } },
    { id: '3', customer_id: 'bob', quantity: 7, timestamp: at(1), properties: { user: 'u1' } },
    { id: '4', quantity: 3, timestamp: at(2 * hour), properties: { user: 'u2', model: 'large' } },
    { id: '5', customer_id: 'bob', quantity: 1, timestamp: at(hour), properties: { user: 'u9' } },
  ]
  const read = async (of: World) =>
    (await readSpans(of, config, spans)).map(({ parts, rest }) =>
      [...parts, rest].map(({ quantity, events }) => `${text(quantity)} of ${text(events)}`),
    )
  const settle = (of: World) => flush(of, { leaseMs: 0 })
  const exact = [['5 of 2', '0.5 of 1'], ['7 of 1'], ['2 of 0'], ['2.25 of 0']]

  it.each(shortened(interleavings(partitions() + 3, 2)).map((order) => [order.join('')]))(
    'with the steps of a flush (a) and of a read (b) in the order %s',
    async (order) => {
      const own = { ...config, tenantId: crypto.randomUUID() }
      await tenantIn(postgres, own)
      const world = worldOn(redis, postgres, own)
      await send(world, own, events.slice(0, 2))
      await settle(world)
      await send(world, own, events.slice(2))
      const { b } = await runInOrder(world, [...order] as ('a' | 'b')[], {
        a: settle,
        b: (of) => readSpans(of, own, spans),
      })
      const shown = (b as Awaited<ReturnType<typeof readSpans>>).map(({ parts, rest }) =>
        [...parts, rest].map(({ quantity, events }) => `${text(quantity)} of ${text(events)}`),
      )
      expect(shown).toEqual(exact)
    },
  )

  it('says what of it is settled, and an entry for every part where nothing was', async () => {
    await tenantIn(postgres, config)
    const world = worldOn(redis, postgres, config)
    await send(world, config, events.slice(0, 2))
    await settle(world)
    await send(world, config, events.slice(2))
    const parts = [{ model: 'large' }, { model: null }, { model: 'never' }]
    const [found, nobody] = await readSpans(world, config, [
      span('calls', { parts }),
      span('calls', { customerId: 'nobody', parts }),
    ])
    expect(found!.parts.map(brief)).toEqual([
      ['5', '2', '2'],
      ['0', '0', '0'],
      ['0', '0', '0'],
    ])
    expect(brief(found!.rest)).toEqual(['0.5', '0.5', '1'])
    expect([...nobody!.parts, nobody!.rest].map(brief)).toEqual(Array(4).fill(['0', '0', '0']))
    expect(await read(world)).toEqual(exact)
  })
})

describe('what can’t be read', () => {
  const config = tenantConfig([meter('calls', 'sum', { groupBy: ['model'] })])
  const span: Span = { customerId: 'alice', meter: 'calls', startMs: 0, endMs: hour, parts: [] }

  it('a meter that the tenant doesn’t have, and a property that its meter doesn’t group by', async () => {
    const world = worldOn(redis, postgres, config)
    await expect(readSpans(world, config, [{ ...span, meter: 'other' }])).rejects.toMatchObject({
      code: 'not_found',
    })
    const cut = { ...span, parts: [{ region: 'eu' }] }
    await expect(readSpans(world, config, [cut])).rejects.toMatchObject({ code: 'internal' })
    await expect(
      readHours(world, config, { span: cut, part: 0 }, { after: null, limit: 1 }),
    ).rejects.toMatchObject({ code: 'internal' })
  })

  it('a meter that is newer than the caller’s configuration is read with the one that Redis knows of', async () => {
    const newer = { ...config, version: 2, meters: [...config.meters, meter('new', 'count')] }
    const world = worldOn(redis, postgres, newer)
    await send(world, newer, [{ timestamp: new Date(start).toISOString() }])
    const asked = { ...span, meter: 'new', startMs: start - hour, endMs: end }
    const [found] = await readSpans(world, config, [asked])
    expect(brief(found!.rest)).toEqual(['1', '0', '1'])
  })

  it('too many live counters: the error comes through, and nothing is asked of Postgres', async () => {
    const world = worldOn(redis, postgres, config)
    const tooMany = new TollgateError('too_many_counters', 'too many')
    const full: World = {
      ...world,
      counters: intercept(world.counters, async () => Promise.reject(tooMany)),
      usage: intercept(world.usage, async () => Promise.reject(new Error('asked'))),
    }
    await expect(readSpans(full, config, [span])).rejects.toBe(tooMany)
  })
})
