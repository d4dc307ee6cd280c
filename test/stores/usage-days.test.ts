import { type SQL, sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digest128 } from '../../src/kernel/digest.ts'
import { dayBegunAt, dayStartMs } from '../../src/kernel/local-day.ts'
import { bucketStartMs } from '../../src/kernel/time.ts'
import type { Counter, Merge } from '../../src/metering/counter.ts'
import type { UsageSpan } from '../../src/metering/ports.ts'
import { daysIn, pieceDays } from '../../src/metering/span-days.ts'
import { fillDays } from '../../src/stores/postgres/fill-days.ts'
import { PostgresUsageStore } from '../../src/stores/postgres/usage-store.ts'
import { cases } from '../support/effort.ts'
import { type PostgresBackend, postgresBackends, tenantIn } from '../support/postgres.ts'
import { daysMade, daysOf, monthsMade, monthsOf } from '../support/usage-days.ts'

const HOUR = 3_600_000
/** Clocks change within the days that are drawn; one zone's hours begin at half past. */
const zones: Record<string, number> = {
  UTC: Date.UTC(2026, 9, 24),
  'Europe/Berlin': Date.UTC(2026, 9, 24),
  'America/Havana': Date.UTC(2026, 9, 31),
  'Asia/Kolkata': Date.UTC(2026, 9, 24),
  'Australia/Lord_Howe': Date.UTC(2026, 9, 2),
}
const HOURS = 100
const merges: Merge[] = ['add', 'min', 'max', 'latest', 'once']
const digests = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'].map(digest128)

const counterOf = (kinds: Merge[]) =>
  fc.record({
    customerId: fc.constantFrom<string>('alice', 'bob', ''),
    merge: fc.constantFrom(...kinds),
    hour: fc.nat(HOURS - 1),
    /** Of a second meter, that replaces the first one. */
    isRevised: fc.boolean(),
    group: fc.constantFrom<string>('["eu"]', '["us"]'),
    digest: fc.constantFrom(...digests),
    a: fc.integer({ min: -9, max: 9 }).map((n) => `${n}.000000000001`),
    b: fc.integer({ min: 0, max: 5 }).map(String),
  })
type Drawn<Of> = Of extends fc.Arbitrary<infer Value> ? Value : never
type DrawnCounter = Omit<Drawn<ReturnType<typeof counterOf>>, 'isRevised'> & { isRevised?: boolean }
const changeOf = (kinds: Merge[], maxLength: number) =>
  fc.oneof(
    fc.record({ kind: fc.constant('settle' as const), counters: fc.array(counterOf(kinds), { maxLength }) }),
    fc.record({
      kind: fc.constant('worsen' as const),
      every: fc.integer({ min: 1, max: 4 }),
      by: fc.constantFrom('-5', '5'),
    }),
    fc.record({ kind: fc.constant('delete' as const), every: fc.integer({ min: 1, max: 4 }) }),
    // As corrections do: some of a day's hours change, and others go, in one statement.
    fc.record({
      kind: fc.constantFrom('delete and worsen' as const, 'worsen and delete' as const),
      every: fc.integer({ min: 2, max: 4 }),
      by: fc.constantFrom('-5', '5'),
    }),
  )

describe.each(postgresBackends)('days beside hours on $name', ({ name, open }) => {
  let backend: PostgresBackend
  let store: PostgresUsageStore
  beforeAll(async () => {
    backend = await open()
    store = new PostgresUsageStore(backend.db)
  })
  afterAll(() => backend.close())

  it.each([
    ['', merges, 20],
    [', of distinct values alone', ['once'], 60],
  ] as [string, Merge[], number][])(
    'are what their hours make, after any changes, and spans read the same from them%s',
    async (_, kinds, most) => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...Object.keys(zones)),
          // Hours of four days, or of four months.
          fc.constantFrom(1, 29),
          fc.array(changeOf(kinds, most), { minLength: 1, maxLength: 5 }),
          fc.array(
            fc.record({
              merge: fc.constantFrom(...kinds),
              from: fc.nat(HOURS),
              hours: fc.integer({ min: 1, max: HOURS }),
              level: fc.boolean(),
              revisedAt: fc.option(fc.integer({ min: -1, max: 2 * HOURS })),
              parts: fc.constantFrom<UsageSpan['parts']>([], [[{ position: 0, value: 'eu' }]]),
            }),
            { minLength: 1, maxLength: 4 },
          ),
          fc.array(counterOf(kinds), { maxLength: 5 }),
          async (timezone, stride, changes, asked, unsettled) => {
            const tenantId = crypto.randomUUID()
            await tenantIn(backend, { tenantId, timezone })
            const at = (hour: number) => bucketStartMs(timezone, zones[timezone]! + hour * stride * HOUR)
            for (const change of changes) await apply(tenantId, change, at)
            expect(await daysOf(backend.db, tenantId, sql`usage_by_day`)).toEqual(
              await daysMade(backend.db, tenantId),
            )
            expect(await monthsOf(backend.db, tenantId)).toEqual(await monthsMade(backend.db, tenantId))
            const live = countersOf(tenantId, unsettled, at).map((one) => ({ ...one, segment: 'live' }))

            const spans = asked.map(({ merge, from, hours, level, parts, revisedAt }): UsageSpan => {
              const span = {
                customerId: 'alice',
                meter: merge,
                startMs: at(from),
                endMs: at(from + hours + 1),
              }
              if (revisedAt === null) return { ...span, level, parts }
              const switchMs = revisedAt < 0 ? Number.NEGATIVE_INFINITY : at(revisedAt)
              const pieces = [
                { meter: merge, fromMs: Number.NEGATIVE_INFINITY, toMs: switchMs, parts },
                { meter: `${merge}_revised`, fromMs: switchMs, toMs: Number.POSITIVE_INFINITY, parts },
              ]
              return { ...span, level, parts, pieces: pieces.filter(({ fromMs, toMs }) => fromMs < toMs) }
            })
            const byDay = spans.map((span) => ({
              ...span,
              days: daysIn(timezone, span.startMs, span.endMs),
              ...(span.pieces && {
                pieces: span.pieces.map((piece) => ({
                  ...piece,
                  ...pieceDays(timezone, [span.startMs, span.endMs], piece),
                })),
              }),
            }))
            const sorted = (found: unknown[]) => found.map((one) => JSON.stringify(one)).sort()
            const found = await store.spanTotals(tenantId, byDay, live)
            expect(sorted(plain(found))).toEqual(sorted(plain(await store.spanTotals(tenantId, spans, live))))

            for (const { startMs, endMs, meter, level, parts, pieces = [] } of spans) {
              const middleMs = dayStartMs(timezone, dayBegunAt(timezone, (startMs + endMs) / 2))
              const cuts = middleMs > startMs ? [middleMs] : []
              const boundariesMs = [startMs, ...cuts, endMs]
              const groupPositions = parts.length > 0 ? [0] : []
              const meters = [meter, `${meter}_revised`]
              const revised = pieces.map((piece) => ({ ...piece, as: 'one', groupPositions }))
              const query = {
                ...{ tenantId, customerIds: ['alice', 'bob'], meters, groupPositions, boundariesMs },
                levelMeters: level ? meters : [],
                ...(revised.length > 0 && { revised }),
              }
              const days = daysIn(timezone, startMs, endMs, cuts)
              expect(days).not.toBeNull()
              const daily = {
                ...query,
                days,
                ...(revised.length > 0 && {
                  revised: revised.map((piece) => ({
                    ...piece,
                    ...pieceDays(timezone, boundariesMs, piece),
                  })),
                }),
              }
              expect(plain(await store.totals(daily, live))).toEqual(plain(await store.totals(query, live)))
            }
          },
        ),
        cases(8, 20),
      )
    },
  )

  // Migrations run over a connection, never over HTTP.
  const ifItMigrates = name.includes('Neon') ? () => {} : it
  ifItMigrates('are made for what was there before, cut off or not, and are read only then', async () => {
    const tenantId = crypto.randomUUID()
    await tenantIn(backend, { tenantId, timezone: 'Europe/Berlin' })
    const at = (hour: number) => bucketStartMs('Europe/Berlin', zones['Europe/Berlin']! + hour * HOUR)
    const counters = Array.from({ length: 60 }, (_, i) => ({
      ...{
        customerId: `customer_${i % 7}`,
        merge: merges[i % 5]!,
        hour: i,
        group: '["eu"]',
        digest: digests[i % 3]!,
      },
      ...{ a: String(i), b: '1' },
    }))
    await apply(tenantId, { kind: 'settle', counters }, at)
    const made = await daysOf(backend.db, tenantId, sql`usage_by_day`)
    await backend.db.execute(sql`drop view usage_by_day`)
    // As a run leaves it that was cut off, after a settle.
    await backend.db.execute(sql`delete from usage_days where customer_id > 'customer_3'`)
    await expect(store.spanTotals(tenantId, [spanOf(at)], [])).rejects.toThrow()
    await fillDays(backend.db)
    expect(await daysOf(backend.db, tenantId, sql`usage_by_day`)).toEqual(made)
  })

  it('are not looked at where Postgres has another beginning for one', async () => {
    const tenantId = crypto.randomUUID()
    await tenantIn(backend, { tenantId, timezone: 'Europe/Berlin' })
    const at = (hour: number) => bucketStartMs('Europe/Berlin', zones['Europe/Berlin']! + hour * HOUR)
    const counters = Array.from({ length: 50 }, (_, hour) => ({
      ...{ customerId: 'alice', merge: 'add' as const, hour, group: '["eu"]', digest: '', a: '1', b: '1' },
    }))
    await apply(tenantId, { kind: 'settle', counters }, at)
    const span = spanOf(at)
    const days = daysIn('Europe/Berlin', span.startMs, span.endMs)!
    const moved = { ...days, from: { ...days.from, startMs: days.from.startMs + HOUR } }
    const [wrong] = await store.spanTotals(tenantId, [{ ...span, days: moved }], [])
    const [right] = await store.spanTotals(tenantId, [{ ...span, days }], [])
    expect([wrong!.all.a, right!.all.a]).toEqual(['50', '50'])

    // It doesn't know the tenant, and so not its zone.
    const nobody = crypto.randomUUID()
    await apply(nobody, { kind: 'settle', counters }, at)
    const [startMs, endMs] = [at(10), at(48)]
    const shorter = { ...span, startMs, endMs, days: daysIn('Europe/Berlin', startMs, endMs) }
    const [known] = await store.spanTotals(tenantId, [shorter], [])
    const [unknown] = await store.spanTotals(nobody, [shorter], [])
    expect(known!.all.a).toBe('38')
    expect(unknown!.all.a).toBe(known!.all.a)
  })

  it.each(['delete and worsen', 'worsen and delete'] as const)(
    'of a day of which one hour goes and another changes (%s)',
    async (kind) => {
      const tenantId = crypto.randomUUID()
      await tenantIn(backend, { tenantId, timezone: 'UTC' })
      const at = (hour: number) => Date.UTC(2026, 9, 24) + hour * HOUR
      const hour = (n: number): DrawnCounter => ({
        ...{
          customerId: 'alice',
          merge: 'add',
          hour: n,
          group: '["eu"]',
          digest: digests[0]!,
          a: '7',
          b: '0',
        },
      })
      await apply(tenantId, { kind: 'settle', counters: [hour(0), hour(1)] }, at)
      await apply(tenantId, { kind, every: 2, by: '-5' }, at)
      expect(await daysOf(backend.db, tenantId, sql`usage_by_day`)).toEqual(
        await daysMade(backend.db, tenantId),
      )
      await apply(tenantId, { kind: 'delete', every: 1 }, at)
      expect(await monthsOf(backend.db, tenantId)).toEqual([])
    },
  )

  const spanOf = (at: (hour: number) => number): UsageSpan => {
    const [startMs, endMs] = [at(0), at(90)]
    return {
      ...{ customerId: 'alice', meter: 'add', level: false, parts: [], startMs, endMs },
      days: daysIn('Europe/Berlin', startMs, endMs),
    }
  }

  async function apply(
    tenantId: string,
    change: Drawn<ReturnType<typeof changeOf>> | { kind: 'settle'; counters: DrawnCounter[] },
    at: (hour: number) => number,
  ): Promise<void> {
    if (change.kind === 'settle') {
      const segment = { id: crypto.randomUUID(), partition: 0, bornMs: 0, quarantined: null, offer: '' }
      await store.settle(segment, countersOf(tenantId, change.counters, at))
    } else {
      const ofHours = (which: number) =>
        sql`tenant_id = ${tenantId}::uuid and (extract(epoch from bucket)::bigint / 3600) % ${change.every}::int = ${which}::int`
      const by = 'by' in change ? change.by : '0'
      const worsen = (which: number) =>
        sql`update usage set a = a + ${by}::numeric, b = b + ${by}::numeric where ${ofHours(which)}`
      const remove = sql`delete from usage where ${ofHours(0)}`
      const both = (first: SQL, second: SQL) =>
        sql`with one as (${first} returning 1), other as (${second} returning 1) select count(*)::text as n from one, other`
      const statements = {
        delete: remove,
        worsen: worsen(0),
        'delete and worsen': both(remove, worsen(1)),
        'worsen and delete': both(worsen(1), remove),
      }
      await backend.db.execute(statements[change.kind])
    }
  }

  /** Each once. */
  function countersOf(tenantId: string, drawn: DrawnCounter[], at: (hour: number) => number): Counter[] {
    const counters = drawn.map(
      ({ hour, group, digest, merge, isRevised = false, ...rest }): Counter => ({
        ...{
          tenantId,
          meter: isRevised ? `${merge}_revised` : merge,
          merge,
          groups: group,
          bucketMs: at(hour),
          ...rest,
        },
        distinctValue: merge === 'once' ? digest : '',
      }),
    )
    const key = ({ customerId, meter, bucketMs, groups, distinctValue }: Counter) =>
      [customerId, meter, bucketMs, groups, distinctValue].join('|')
    return [...new Map(counters.map((one) => [key(one), one])).values()]
  }
})

/** Decimals without their trailing zeros; b only where it says something. */
const plain = <Row extends { merge: string; all: object; settled: object | null }>(found: Row[]) =>
  found.map((row) => {
    const trimmed = (value: object | null) =>
      value &&
      Object.fromEntries(
        Object.entries(value as Record<string, string | null>)
          .filter(([name]) => name === 'a' || row.merge === 'add')
          .map(([name, text]) => [
            name,
            text === null ? null : text.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, ''),
          ]),
      )
    return { ...row, all: trimmed(row.all), settled: trimmed(row.settled) }
  })
