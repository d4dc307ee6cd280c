import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { digest128 } from '../../src/kernel/digest.ts'
import type { Counter } from '../../src/metering/counter.ts'
import {
  type LiveCounter,
  type SegmentRef,
  SegmentRefused,
  type TotalsQuery,
} from '../../src/metering/ports.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { PostgresUsageStore } from '../../src/stores/postgres/usage-store.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'

const hour = 3_600_000
const start = Date.UTC(2026, 10, 1)

describe.each(postgresBackends)('a usage store on $name', ({ open }) => {
  let backend: PostgresBackend
  let store: PostgresUsageStore
  let tenantId: string
  const segment = (): SegmentRef => ({
    id: crypto.randomUUID(),
    partition: 0,
    bornMs: 0,
    quarantined: null,
    offer: '',
  })
  const counter = (more: Partial<Counter> = {}): Counter => ({
    tenantId,
    customerId: 'alice',
    meter: 'calls',
    bucketMs: start,
    merge: 'add',
    groups: '[]',
    distinctValue: '',
    a: '1',
    b: '0',
    ...more,
  })
  const live = (segmentId: string, more: Partial<Counter> = {}): LiveCounter => ({
    segment: segmentId,
    ...counter(more),
  })
  const query = (more: Partial<TotalsQuery> = {}): TotalsQuery => ({
    tenantId,
    customerIds: ['alice'],
    meters: ['calls', 'users', 'gb', 'other', 'm2'],
    boundariesMs: [start, start + 24 * hour],
    levelMeters: [],
    groupPositions: [],
    ...more,
  })
  const brief = async (more: Partial<TotalsQuery> = {}, liveCounters: LiveCounter[] = []) =>
    (await store.totals(query(more), liveCounters)).map(
      ({ customerId, meter, window, groups, all, settled }) => ({
        customerId,
        meter,
        window,
        groups,
        a: all.a,
        settled: settled?.a ?? null,
      }),
    )

  beforeAll(async () => {
    backend = await open()
    store = new PostgresUsageStore(backend.db)
  })
  afterAll(() => backend.close())
  beforeEach(() => {
    tenantId = crypto.randomUUID()
  })

  it('applies a segment once, however often and at the same time it is settled', async () => {
    const one = segment()
    const applied = await Promise.all([1, 2, 3].map(() => store.settle(one, [counter({ a: '2.5' })])))
    expect(applied.filter((result) => result.applied)).toHaveLength(1)
    expect(await store.settle(one, [counter({ a: '2.5' })])).toEqual({ applied: false })
    expect(await brief()).toMatchObject([{ a: '2.5', settled: '2.5' }])
  })

  it.each([
    [
      'add',
      [
        { a: '0.1', b: '1' },
        { a: '0.2', b: '-3' },
      ],
      '0.3',
      '-2',
    ],
    ['min', [{ a: '2' }, { a: '-1.5' }, { a: '3' }], '-1.5', '0'],
    ['max', [{ a: '2' }, { a: '10' }, { a: '9' }], '10', '0'],
    [
      'latest',
      [
        { a: '9', b: '100' },
        { a: '4', b: '200' },
        { a: '3', b: '200' },
      ],
      '4',
      '500',
    ],
  ] as const)('merges %s the same, settled or live, in any order', async (merge, values, a, _b) => {
    for (const order of [values, [...values].reverse()]) {
      tenantId = crypto.randomUUID()
      for (const value of order) await store.settle(segment(), [counter({ merge, ...value })])
      expect(await brief()).toMatchObject([{ a, settled: a }])
      tenantId = crypto.randomUUID()
      const [first, ...others] = order
      await store.settle(segment(), [counter({ merge, ...first })])
      expect(
        await brief(
          {},
          others.map((value) => live(crypto.randomUUID(), { merge, ...value })),
        ),
      ).toMatchObject([{ a, settled: first!.a }])
    }
  })

  it('counts a distinct value once over segments, buckets and both stores', async () => {
    const once = { merge: 'once', meter: 'users' } as const
    await store.settle(segment(), [
      counter({ ...once, distinctValue: digest128('x') }),
      counter({ ...once, distinctValue: digest128('y') }),
    ])
    await store.settle(segment(), [
      counter({ ...once, distinctValue: digest128('x') }),
      counter({ ...once, distinctValue: digest128('x'), bucketMs: start + hour }),
    ])
    const more = [
      live('s', { ...once, distinctValue: digest128('y') }),
      live('s', { ...once, distinctValue: digest128('z') }),
    ]
    expect(await brief({}, more)).toMatchObject([{ a: '3', settled: '2' }])
  })

  it('leaves out of a read what it has settled already', async () => {
    const one = segment()
    await store.settle(one, [counter({ a: '5' })])
    expect(await brief({}, [live(one.id, { a: '5' }), live('another', { a: '2' })])).toMatchObject([
      { a: '7', settled: '5' },
    ])
    expect(await brief({}, [live('another', { a: '2' })])).toMatchObject([{ a: '7', settled: '5' }])
  })

  it('refuses a segment whose content Postgres can’t take, and applies nothing of it', async () => {
    const bad = segment()
    await expect(
      store.settle(bad, [counter(), counter({ meter: 'x', a: 'no number' })]),
    ).rejects.toBeInstanceOf(SegmentRefused)
    await expect(store.settle(bad, [counter(), counter()])).rejects.toBeInstanceOf(SegmentRefused)
    expect(await brief()).toEqual([])
    const [ledger] = await rows(
      backend.db,
      sql`select count(*)::text as n from segments where id = ${bad.id}`,
    )
    expect(ledger!.n).toBe('0')
  })

  it('keeps every digit', async () => {
    const a = '123456789012345678901234.123456789012'
    await store.settle(segment(), [counter({ a })])
    expect(await brief()).toMatchObject([{ a }])
    expect(await brief({}, [live('s', { a: '0.000000000001' })])).toMatchObject([
      { a: '123456789012345678901234.123456789013' },
    ])
  })

  it('cuts windows half-open, and tells what lies before them only for levels', async () => {
    const at = (hours: number, more: Partial<Counter> = {}) =>
      counter({ bucketMs: start + hours * hour, ...more })
    await store.settle(segment(), [at(-1), at(0), at(1), at(2), at(3), at(-1, { meter: 'gb', a: '7' })])
    const windows = { boundariesMs: [start, start + hour, start + 3 * hour], levelMeters: ['gb'] }
    expect((await brief(windows)).map(({ meter, window, a }) => [meter, window, a])).toEqual([
      ['calls', 0, '1'],
      ['calls', 1, '2'],
      ['gb', -1, '7'],
    ])
  })

  it('keeps groups apart by the positions asked for, and sums over the rest', async () => {
    const grouped = (groups: string, a: string) => counter({ groups, a })
    await store.settle(segment(), [
      grouped('["m1","eu"]', '1'),
      grouped('["m1","us"]', '2'),
      grouped('[null,"eu"]', '4'),
    ])
    expect(await brief()).toMatchObject([{ a: '7', groups: [] }])
    expect(
      (await brief({ groupPositions: [0] }, [live('s', { groups: '["m1","x"]', a: '8' })])).map(
        ({ groups, a }) => [groups, a],
      ),
    ).toEqual([
      [['m1'], '11'],
      [[null], '4'],
    ])
    expect(await brief({ groupPositions: [1, 0] })).toHaveLength(3)
  })

  it('reads only the customers, meters and tenant asked for', async () => {
    await store.settle(segment(), [counter(), counter({ customerId: 'bob' }), counter({ meter: 'other' })])
    expect(await brief({ meters: ['calls'] })).toHaveLength(1)
    expect(await brief({ customerIds: ['alice', 'bob'] })).toHaveLength(3)
    expect(await store.totals({ ...query(), tenantId: crypto.randomUUID() }, [])).toEqual([])
  })

  it('lists customers in byte order, a page at a time', async () => {
    const names = ['b', 'a', 'ab', 'é', '\u{10000}', '\uffee']
    await store.settle(
      segment(),
      names.flatMap((customerId) => [counter({ customerId }), counter({ customerId, meter: 'm2' })]),
    )
    const sorted = [...names].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))
    expect(await store.settledCustomers(tenantId, '', 10)).toEqual(sorted)
    expect(await store.settledCustomers(tenantId, sorted[1]!, 2)).toEqual(sorted.slice(2, 4))
  })

  it('settles segments with the same counters at once without a deadlock', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `c${i}`)
    const settle = (order: string[]) =>
      store.settle(
        segment(),
        order.map((customerId) => counter({ customerId })),
      )
    await Promise.all(Array.from({ length: 6 }, (_, i) => settle(i % 2 ? names : [...names].reverse())))
    const found = await store.totals(query({ customerIds: names }), [])
    expect(found.map(({ all }) => all.a)).toEqual(names.map(() => '6'))
  })
})
