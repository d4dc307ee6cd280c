import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Decimal, decimal, sum, text, zero } from '../../src/kernel/decimal.ts'
import { digest128 } from '../../src/kernel/digest.ts'
import type { Counter, Merge } from '../../src/metering/counter.ts'
import type { LiveCounter, MergedValue, SegmentRef, UsageSpan } from '../../src/metering/ports.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { spansStatement } from '../../src/stores/postgres/usage-spans.ts'
import { PostgresUsageStore } from '../../src/stores/postgres/usage-store.ts'
import { cases } from '../support/effort.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'

const hour = 3_600_000
const start = Date.UTC(2026, 10, 1)
const HOURS = 6

const merges: Merge[] = ['add', 'min', 'max', 'latest', 'once']
const values = ['a', 'b"]', 'ü', null] as const
const segments = ['settled', 'settled, and read of Redis before', 'live', 'live, too'] as const

const counterDrawn = fc.record({
  segment: fc.nat(segments.length - 1),
  customerId: fc.constantFrom('alice', 'bob'),
  merge: fc.constantFrom(...merges),
  bucket: fc.nat(HOURS - 1),
  groups: fc.tuple(fc.constantFrom(...values), fc.constantFrom(...values)),
  distinct: fc.nat(3),
  a: fc.oneof(
    fc.integer({ min: -9, max: 9 }).map(String),
    fc.bigInt(0n, 10n ** 20n).map((n) => `${n}.000000000001`),
  ),
  b: fc.integer({ min: 0, max: 5 }).map(String),
})
const spanDrawn = fc.record({
  customerId: fc.constantFrom('alice', 'bob', 'nobody'),
  merge: fc.constantFrom(...merges),
  from: fc.nat(HOURS - 1),
  hours: fc.integer({ min: 1, max: HOURS }),
  level: fc.boolean(),
  parts: fc.array(
    fc.uniqueArray(fc.record({ position: fc.nat(1), value: fc.constantFrom(...values, 'never') }), {
      selector: ({ position }) => position,
      maxLength: 2,
    }),
    { maxLength: 3 },
  ),
})

describe.each(postgresBackends)('spans of a usage store on $name', ({ open }) => {
  let backend: PostgresBackend
  let store: PostgresUsageStore
  beforeAll(async () => {
    backend = await open()
    store = new PostgresUsageStore(backend.db)
  })
  afterAll(() => backend.close())

  it('are what their counters make, each in one part, settled or live, whatever merges', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(counterDrawn, { maxLength: 40 }),
        fc.array(spanDrawn, { minLength: 1, maxLength: 6 }),
        async (drawn, asked) => {
          const tenantId = crypto.randomUUID()
          const refs = segments.map(
            (): SegmentRef => ({
              id: crypto.randomUUID(),
              partition: 0,
              bornMs: 0,
              quarantined: null,
              offer: '',
            }),
          )
          const stored = refs.map((_, i) =>
            distinctCounters(
              drawn.filter(({ segment }) => segment === i).map((one) => counterOf(tenantId, one)),
            ),
          )
          const inPostgres = [...stored[0]!, ...stored[1]!]
          for (const i of [0, 1]) await store.settle(refs[i]!, stored[i]!)
          // Another tenant's are nobody's business.
          await store.settle(
            { ...refs[0]!, id: crypto.randomUUID() },
            inPostgres.map((one) => ({ ...one, tenantId: crypto.randomUUID() })),
          )
          const live = [1, 2, 3].flatMap((i) =>
            stored[i]!.map((one): LiveCounter => ({ ...one, segment: refs[i]!.id })),
          )
          const spans = asked.map(
            ({ merge, from, hours, ...rest }): UsageSpan => ({
              ...rest,
              meter: merge,
              startMs: start + from * hour,
              endMs: start + (from + hours) * hour,
            }),
          )

          const found = await store.spanTotals(tenantId, spans, live)
          const shown = found.map((row) => ({
            ...row,
            all: plain(row.merge, row.all),
            settled: row.settled && plain(row.merge, row.settled),
          }))
          expect(sorted(shown)).toEqual(
            sorted(
              spans.flatMap((span, i) =>
                expectedRows(span, i, [...inPostgres, ...stored[2]!, ...stored[3]!], inPostgres),
              ),
            ),
          )

          for (const [i, span] of spans.entries()) {
            if (span.parts.length > 0) continue
            const windows = await store.totals(
              {
                tenantId,
                customerIds: [span.customerId],
                meters: [span.meter],
                boundariesMs: [span.startMs, span.endMs],
                levelMeters: span.level ? [span.meter] : [],
                groupPositions: [],
              },
              live.filter(({ customerId }) => customerId === span.customerId),
            )
            const ofTotals = windows.map(({ merge, window, all, settled }) => ({
              span: i,
              part: null,
              before: window === -1,
              merge,
              all,
              settled,
            }))
            expect(sorted(found.filter((row) => row.span === i))).toEqual(sorted(ofTotals))
          }
        },
      ),
      cases(20, 60),
    )
  })

  it('a span’s hours are the spans of its hours', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(counterDrawn, { maxLength: 40 }),
        spanDrawn,
        fc.integer({ min: 1, max: HOURS }),
        async (drawn, { merge, ...asked }, limit) => {
          const tenantId = crypto.randomUUID()
          const ref: SegmentRef = {
            id: crypto.randomUUID(),
            partition: 0,
            bornMs: 0,
            quarantined: null,
            offer: '',
          }
          const of = (settled: boolean) =>
            distinctCounters(
              drawn.filter(({ segment }) => segment < 2 === settled).map((one) => counterOf(tenantId, one)),
            )
          await store.settle(ref, of(true))
          const live = of(false).map((one): LiveCounter => ({ ...one, segment: 'live' }))
          const span: UsageSpan = {
            ...asked,
            meter: merge,
            level: false,
            startMs: start,
            endMs: start + asked.hours * hour,
          }
          const hourly = Array.from({ length: asked.hours }, (_, i) => ({
            ...span,
            startMs: start + i * hour,
            endMs: start + (i + 1) * hour,
          }))
          const found = await store.spanTotals(tenantId, hourly, live)
          for (const part of [...span.parts.keys(), null]) {
            const wanted = found
              .filter((row) => row.part === part)
              .sort((x, y) => x.span - y.span)
              .map(({ span, merge, all, settled }) => ({
                bucketMs: start + span * hour,
                merge,
                all,
                settled,
              }))
            expect(await store.hourTotals(tenantId, { span, part, limit }, live)).toEqual(
              wanted.slice(0, limit),
            )
          }
        },
      ),
      cases(10, 30),
    )
  })

  it('are found by the primary key, though the planner knows nothing of the tenant: nothing else is read', async () => {
    const tenantId = crypto.randomUUID()
    await backend.db.execute(sql`
      insert into usage select ${tenantId}::uuid, 'c' || c, 'add', to_timestamp(${start / 1000}::float8) + h * interval '1 hour', '[]', '', 'add', 1, 1
      from generate_series(1, 50) c, generate_series(0, 99) h`)
    const spans = Array.from(
      { length: 50 },
      (_, i): UsageSpan => ({
        customerId: `c${i + 1}`,
        meter: 'add',
        startMs: start + i * hour,
        endMs: start + (i + 2) * hour,
        level: false,
        parts: [],
      }),
    )
    const plan = await rows<{ 'QUERY PLAN': string }>(
      backend.db,
      sql`explain ${spansStatement(tenantId, spans, [])}`,
    )
    const text = plan.map((line) => line['QUERY PLAN']).join('\n')
    expect(text).toMatch(/Index Cond: .*tenant_id = .*customer_id = .*meter = .*bucket >= .*bucket < /)
    expect(text).not.toMatch(/Seq Scan on usage/)
  })

  it('of nobody are none', async () => {
    expect(await store.spanTotals(crypto.randomUUID(), [], [])).toEqual([])
  })
})

type DrawnCounter = typeof counterDrawn extends fc.Arbitrary<infer T> ? T : never
type Row = { span: number; part: number | null; before: boolean }

const counterOf = (
  tenantId: string,
  { customerId, merge, bucket, groups, distinct, a, b }: DrawnCounter,
): Counter => ({
  tenantId,
  customerId,
  meter: merge,
  bucketMs: start + bucket * hour,
  merge,
  groups: JSON.stringify(groups),
  distinctValue: merge === 'once' ? digest128(`d${distinct}`) : '',
  a: merge === 'once' ? '1' : a,
  b,
})

/** A segment has each counter once. */
const distinctCounters = (counters: Counter[]): Counter[] => [
  ...new Map(counters.map((one) => [JSON.stringify({ ...one, a: '', b: '' }), one])).values(),
]

const sorted = <R extends Row>(rows: R[]): R[] =>
  rows.toSorted(
    (x, y) => x.span - y.span || (x.part ?? 99) - (y.part ?? 99) || Number(x.before) - Number(y.before),
  )

/** What is known of a merged value: only sums have a b. */
const plain = (merge: Merge, { a, b, aTimesBucketMs }: MergedValue) => ({
  a: text(decimal(a)),
  ...(merge === 'add' && { b: text(decimal(b)), aTimesBucketMs: text(decimal(aTimesBucketMs)) }),
})

function expectedRows(span: UsageSpan, index: number, all: Counter[], inPostgres: Counter[]) {
  const partOf = ({ groups }: Counter): number | null => {
    const has = JSON.parse(groups) as (string | null)[]
    const found = span.parts.findIndex((part) => part.every(({ position, value }) => has[position] === value))
    return found < 0 ? null : found
  }
  return [...span.parts.keys(), null].flatMap((part) =>
    (span.level ? [true, false] : [false]).flatMap((before) => {
      const mine = (counters: Counter[]) =>
        counters.filter(
          (one) =>
            one.customerId === span.customerId &&
            one.meter === span.meter &&
            (before
              ? one.bucketMs < span.startMs
              : one.bucketMs >= span.startMs && one.bucketMs < span.endMs) &&
            partOf(one) === part,
        )
      const [counters, settled] = [mine(all), mine(inPostgres)]
      if (counters.length === 0) return []
      const merge = counters[0]!.merge
      return [
        {
          span: index,
          part,
          before,
          merge,
          all: mergedOf(merge, counters),
          settled: settled.length > 0 ? mergedOf(merge, settled) : null,
        },
      ]
    }),
  )
}

function mergedOf(merge: Merge, counters: Counter[]) {
  const a = counters.map((one) => decimal(one.a))
  const extreme = (better: (x: Decimal, y: Decimal) => boolean) => a.reduce((x, y) => (better(y, x) ? y : x))
  if (merge === 'min') return { a: text(extreme((x, y) => x.lt(y))) }
  if (merge === 'max') return { a: text(extreme((x, y) => x.gt(y))) }
  if (merge === 'once') return { a: String(new Set(counters.map(({ distinctValue }) => distinctValue)).size) }
  if (merge === 'latest') {
    const latest = Math.max(...counters.map(({ b }) => Number(b)))
    const last = counters.filter(({ b }) => Number(b) === latest).map((one) => decimal(one.a))
    return { a: text(last.reduce((x, y) => (y.gt(x) ? y : x))) }
  }
  return {
    a: text(sum(a)),
    b: text(sum(counters.map(({ b }) => decimal(b)))),
    aTimesBucketMs: text(
      counters.reduce((total, one) => total.plus(decimal(one.a).times(String(one.bucketMs))), zero),
    ),
  }
}
