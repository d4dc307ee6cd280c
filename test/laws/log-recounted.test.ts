// Law 1 of the event log, for every aggregation: the log's events, counted again by a counter that knows nothing of ours, are the
// usage, after any run of recording, dying flushes, repeats, and stores that are put back or emptied.

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { text } from '../../src/kernel/decimal.ts'
import { HOUR_MS } from '../../src/kernel/time.ts'
import type { LogEntry } from '../../src/log/entry.ts'
import { flush } from '../../src/metering/flush.ts'
import { aggregations, type TenantConfig } from '../../src/metering/meter.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import { reoffer } from '../../src/metering/reoffer.ts'
import { dyingAt, emptied } from '../support/dying.ts'
import { cases } from '../support/effort.ts'
import { logOf } from '../support/log.ts'
import { MemoryBlockStore } from '../support/memory-blocks.ts'
import { meter, meterId, tenantConfig } from '../support/metering.ts'
import { type Drawn, oracles, quantity, SCALE } from '../support/oracles.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { isSpread } from '../support/two-databases.ts'
import { type LoggedWorld, send, worldOn } from '../support/world.ts'

const END_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
const boundariesMs = [END_MS - 6 * HOUR_MS, END_MS - 3 * HOUR_MS, END_MS]
const CUSTOMERS = ['alice', 'bob']

const content = fc.record({
  customer: fc.nat(1),
  units: fc.bigInt(0n, 5n * SCALE),
  change: fc.bigInt(-5n * SCALE, 5n * SCALE),
  atMs: fc.integer({ min: END_MS - 8 * HOUR_MS, max: END_MS - 1 }),
  user: fc.nat(3),
  metered: fc.boolean(),
})
type Content = typeof content extends fc.Arbitrary<infer T> ? T : never

/** Few, so that they come again, in any company; now and then with the content of another one. */
const POOL = 12
const pool = fc.array(content, { minLength: POOL, maxLength: POOL })
const event = fc.record({
  id: fc.nat(POOL - 1),
  content: fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(POOL - 1) }),
})
type SentEvent = { id: number; content: number | null }

const ops = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        op: fc.constant('send'),
        events: fc.array(event, { minLength: 1, maxLength: 6 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('flush') }) },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant('dying'),
        at: fc.integer({ min: 1, max: 6 }),
        when: fc.constantFrom('before' as const, 'after' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('meters'), fewer: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('postgres put back') }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('offered again') }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('redis emptied') }) },
  ),
  { minLength: 4, maxLength: 16 },
)
type Op = {
  op: string
  events?: SentEvent[]
  at?: number
  when?: 'before' | 'after'
  fewer?: boolean
}

const valueOfMeter = { unique_count: 'user', weighted_sum: 'change' } as Record<string, string>
const meters = aggregations.map((aggregation) =>
  meter(aggregation, aggregation, { value: valueOfMeter[aggregation] ?? 'quantity' }),
)
/** Some are archived: what came while they were is not theirs. */
const fewer = meters.map((one, i) => (i % 2 === 0 ? { ...one, archivedAt: new Date() } : one))

const sentOf = (contents: Content[], { id, content }: SentEvent) => {
  const { customer, units, change, atMs, user, metered } = contents[content ?? id]!
  return {
    id: `e${id}`,
    customer_id: CUSTOMERS[customer]!,
    resource_type: metered ? 'api_call' : 'of no meter',
    quantity: quantity(units),
    timestamp: new Date(atMs).toISOString(),
    properties: { user: `u${user}`, change: quantity(change) },
  }
}

/** In units of 10^-12. */
function unitsOf(text: string): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)!
  return BigInt(`${sign}${whole}${fraction.padEnd(12, '0')}`)
}

/** What the log says of the events that this meter counted. */
const countedBy = (entries: LogEntry[], key: string): Drawn[] =>
  entries
    .filter(({ meters }) => meters.includes(meterId(key)))
    .map(({ quantity, properties, timestampMs }) => ({
      units: unitsOf(key === 'weighted_sum' ? String(properties.change) : quantity),
      atMs: timestampMs,
      user: Number(String(properties.user).slice(1)),
    }))

function recounted(entries: LogEntry[]): Record<string, string> {
  const rows = CUSTOMERS.flatMap((customer) =>
    aggregations.flatMap((aggregation) => {
      const of = countedBy(
        entries.filter(({ customerId }) => customerId === customer),
        aggregation,
      )
      return [0, 1].flatMap((window) => {
        const [from, to] = [boundariesMs[window]!, boundariesMs[window + 1]!]
        const within = of.filter(({ atMs }) => atMs >= from && atMs < to)
        const value = oracles[aggregation](
          within,
          of.filter(({ atMs }) => atMs < from),
          [from, to],
        )
        return value === null ? [] : [[`${customer} ${aggregation} ${window}`, quantity(value)]]
      })
    }),
  )
  return Object.fromEntries(rows)
}

async function shown(world: LoggedWorld, config: TenantConfig): Promise<Record<string, string>> {
  const query = { customerIds: CUSTOMERS, meter: null, boundariesMs, groupBy: [] }
  const { quantities } = await readUsage(world, config, query)
  return Object.fromEntries(
    quantities.map(({ customerId, meter, window, quantity }) => [
      `${customerId} ${meter.key} ${window}`,
      text(quantity),
    ]),
  )
}

describe('the log, counted again,', () => {
  let redis: RedisBackend
  let postgres: PostgresBackend
  beforeAll(async () => {
    ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
  })
  afterAll(() => Promise.all([redis.close(), postgres.close()]))

  async function run(contents: Content[], all: Op[], outside: boolean): Promise<void> {
    await redis.client.flushdb()
    const [whole, some] = [meters, fewer].map((of) => tenantConfig(of, { unmetered: 'keep' })) as [
      TenantConfig,
      TenantConfig,
    ]
    const archived = { ...some, tenantId: whole.tenantId }
    let config = whole
    const world = worldOn(redis, postgres, whole, {}, outside ? new MemoryBlockStore() : undefined)
    let accepted = 0
    let lost = false
    const agree = async () => {
      const entries = await logOf(world, whole, { limit: () => 7 })
      expect(recounted(entries)).toEqual(await shown(world, whole))
      // Of what nothing was lost, the log has each event once, and as many as were accepted. Of a tenant that is spread, ids are its
      // customers'.
      if (lost) return
      const names = entries.map(({ id, customerId }) => (isSpread() ? `${customerId} ${id}` : id))
      expect(new Set(names).size).toBe(entries.length)
      expect(entries).toHaveLength(accepted)
    }
    for (const { op, events = [], at = 1, when = 'before', ...one } of all) {
      if (op === 'send')
        accepted += (
          await send(
            world,
            config,
            events.map((one) => sentOf(contents, one)),
            'lenient',
          )
        ).accepted
      if (op === 'flush') await flush(world, { leaseMs: 0 })
      if (op === 'dying') await flush(dyingAt(world, at, when).world, { leaseMs: 0 }).catch(() => {})
      if (op === 'meters') config = one.fewer ? archived : whole
      if (op === 'postgres put back') {
        await emptied(postgres.db)
        await reoffer(world)
      }
      if (op === 'offered again') await reoffer(world)
      if (op === 'redis emptied') {
        await redis.client.flushdb()
        lost = true
      }
      await agree()
    }
    await flush(world, { leaseMs: 0 })
    await agree()
  }

  it.each([
    ['Postgres', false],
    ['a store outside', true],
  ])('is the usage of every aggregation, with blocks in %s', async (_, outside) => {
    await fc.assert(
      fc.asyncProperty(pool, ops, (contents, all) => run(contents, all as Op[], outside)),
      { ...cases(4, 10), endOnFailure: true },
    )
  })
})
