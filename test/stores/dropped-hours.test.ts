import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digest128 } from '../../src/kernel/digest.ts'
import { bucketStartMs } from '../../src/kernel/time.ts'
import type { Counter, Merge } from '../../src/metering/counter.ts'
import { dropHours } from '../../src/metering/drop-hours.ts'
import type { UsageSpan } from '../../src/metering/ports.ts'
import { daysIn } from '../../src/metering/span-days.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { PostgresHoursStore } from '../../src/stores/postgres/hours-store.ts'
import { PostgresUsageStore } from '../../src/stores/postgres/usage-store.ts'
import { type PostgresBackend, postgresBackends, tenantIn } from '../support/postgres.ts'

const HOUR = 3_600_000
const ZONE = 'Europe/Berlin'
const merges: Merge[] = ['add', 'min', 'max', 'latest', 'once']
const NOW = Date.UTC(2026, 10, 20)
/** Local midnights: the first of August is the month that 100 days before NOW is in. */
const local = (month: number, day: number) =>
  bucketStartMs(ZONE, Date.UTC(2026, month, day) - (month === 10 ? 1 : 2) * HOUR)
const [JULY, AUGUST, SEPTEMBER] = [local(6, 1), local(7, 1), local(8, 1)]

describe.each(postgresBackends)('hours that are dropped on $name', ({ open }) => {
  let backend: PostgresBackend
  let store: PostgresUsageStore
  let hours: PostgresHoursStore
  beforeAll(async () => {
    backend = await open()
    store = new PostgresUsageStore(backend.db)
    hours = new PostgresHoursStore(backend.db)
  })
  afterAll(() => backend.close())

  const settle = (counters: Counter[]) =>
    store.settle({ id: crypto.randomUUID(), partition: 0, bornMs: 0, quarantined: null, offer: '' }, counters)
  const counter = (tenantId: string, merge: Merge, bucketMs: number, n: number): Counter => ({
    ...{ tenantId, customerId: 'alice', meter: merge, merge, groups: '[]', bucketMs },
    distinctValue: merge === 'once' ? digest128(String(n % 7)) : '',
    a: merge === 'once' ? '1' : String((n % 5) - 2),
    b: String(n),
  })
  const every = (tenantId: string, fromMs: number, toMs: number) =>
    merges.flatMap((merge) =>
      Array.from({ length: Math.ceil((toMs - fromMs) / (31 * HOUR)) }, (_, n) =>
        counter(tenantId, merge, bucketStartMs(ZONE, fromMs + n * 31 * HOUR), n),
      ),
    )
  const span = (meter: string, startMs: number, endMs: number, level = false): UsageSpan => ({
    ...{ customerId: 'alice', meter, startMs, endMs, level, parts: [] },
    days: daysIn(ZONE, startMs, endMs),
  })
  const read = async (tenantId: string, spans: UsageSpan[]) =>
    (await store.spanTotals(tenantId, spans, []))
      .map(
        ({ span, before, all }) => `${spans[span]!.meter} ${before} ${Number(all.a)} ${all.aTimesBucketMs}`,
      )
      .sort()
  const left = async (tenantId: string) => {
    const [row] = await rows(
      backend.db,
      sql`select count(*) filter (where bucket < ${new Date(AUGUST).toISOString()}::timestamptz and customer_id <> '')::text as old,
        count(*)::text as all from usage where tenant_id = ${tenantId}::uuid`,
    )
    return row!
  }
  const drop = () => dropHours({ clock: () => NOW, hours, hoursKeptDays: 100 })
  const tenantWithUsage = async () => {
    const tenantId = crypto.randomUUID()
    await tenantIn(backend, { tenantId, timezone: ZONE })
    const tally = { ...counter(tenantId, 'add', JULY, 1), customerId: '' }
    await settle([tally, ...every(tenantId, JULY, SEPTEMBER)])
    return tenantId
  }

  it('leave their days, and whoever reads whole days reads what there was', async () => {
    const tenantId = await tenantWithUsage()
    const spans = merges.flatMap((merge) => [
      span(merge, JULY, AUGUST),
      span(merge, local(6, 15), local(7, 15)),
      span(merge, local(7, 3) + 5 * HOUR, SEPTEMBER - 7 * HOUR, true),
    ])
    const before = await read(tenantId, spans)
    expect((await left(tenantId)).old).not.toBe('0')
    while ((await drop()).more);
    expect((await left(tenantId)).old).toBe('0')
    expect((await left(tenantId)).all).not.toBe('1')
    expect(await read(tenantId, spans)).toEqual(before)
    expect(await store.settledCustomers(tenantId, '', 10)).toEqual(['alice'])
    const tallies = { tenantId, customerIds: [''], meters: ['add'], levelMeters: [], groupPositions: [] }
    expect(await store.totals({ ...tallies, boundariesMs: [JULY, JULY + HOUR] }, [])).toHaveLength(1)

    // What comes late all the same is in the days, and goes from the hours with the next run.
    await settle([counter(tenantId, 'add', JULY + HOUR, 40), counter(tenantId, 'once', JULY + HOUR, 40)])
    const [more] = await store.spanTotals(tenantId, [span('add', JULY, AUGUST)], [])
    const was = before.find((one) => one.startsWith('add false'))!
    expect(was).toBeDefined()
    expect(Number(more!.all.b)).toBeGreaterThan(40)
    const late = await read(tenantId, spans)
    while ((await drop()).more);
    expect((await left(tenantId)).old).toBe('0')
    expect(await read(tenantId, spans)).toEqual(late)
  })

  it('are refused by name: ends within their days, windows finer than a day, and single hours', async () => {
    const tenantId = await tenantWithUsage()
    while ((await drop()).more);
    const refused = { code: 'hours_gone' }
    const within = span('add', JULY + HOUR, AUGUST)
    await expect(store.spanTotals(tenantId, [within], [])).rejects.toMatchObject(refused)
    await expect(
      store.spanTotals(tenantId, [span('add', JULY, local(6, 9) + HOUR)], []),
    ).rejects.toMatchObject(refused)
    const query = { tenantId, customerIds: ['alice'], meters: ['add'], levelMeters: [], groupPositions: [] }
    await expect(
      store.totals({ ...query, boundariesMs: [JULY, JULY + HOUR], days: null }, []),
    ).rejects.toMatchObject(refused)
    const hourly = { span: span('add', JULY, AUGUST), part: null, limit: 10 }
    await expect(store.hourTotals(tenantId, hourly, [])).rejects.toMatchObject(refused)
    expect(
      await store.hourTotals(tenantId, { ...hourly, span: span('add', AUGUST, SEPTEMBER) }, []),
    ).not.toEqual([])
    // A level that is read by the hour would begin before them.
    await expect(
      store.spanTotals(tenantId, [{ ...span('add', AUGUST, SEPTEMBER, true), days: null }], []),
    ).rejects.toMatchObject(refused)
  })

  it('can be taken off where they add, and nothing else of them can be changed', async () => {
    const tenantId = await tenantWithUsage()
    await backend.db.execute(
      sql`update tenants set hours_from = ${new Date(AUGUST).toISOString()}::timestamptz where id = ${tenantId}::uuid`,
    )
    const ofJuly = () => read(tenantId, [span('add', JULY, AUGUST)])
    const before = await ofJuly()
    await settle([{ ...counter(tenantId, 'add', JULY + HOUR, 3), a: '100' }])
    expect(await ofJuly()).not.toEqual(before)
    const gone = sql`tenant_id = ${tenantId}::uuid and bucket = ${new Date(JULY + HOUR).toISOString()}::timestamptz`
    await backend.db.execute(sql`delete from usage where ${gone} and merge = 'add'`)
    expect(await ofJuly()).toEqual(before)
    for (const merge of ['min', 'once'])
      await expect(
        rows(
          backend.db,
          sql`delete from usage where tenant_id = ${tenantId}::uuid and merge = ${merge}::text
            and bucket < ${new Date(AUGUST).toISOString()}::timestamptz`,
        ),
      ).rejects.toThrow()
  })

  it('stay as long as a period is open that needs them, or an invoice that may change', async () => {
    const tenantId = await tenantWithUsage()
    const invoice = sql`insert into invoices (tenant_id, id, customer_id, subscription_id, sequence, status, period_start, period_end,
      currency, usage_final, created_at, state) values (${tenantId}::uuid, gen_random_uuid(), 'alice', gen_random_uuid(), 1, 'issued',
      ${new Date(local(6, 9)).toISOString()}::timestamptz, ${new Date(SEPTEMBER).toISOString()}::timestamptz, 'EUR', false, now(), '{}')`
    await backend.db.execute(invoice)
    while ((await drop()).more);
    expect((await left(tenantId)).old).not.toBe('0')
    await backend.db.execute(sql`update invoices set usage_final = true where tenant_id = ${tenantId}::uuid`)
    while ((await drop()).more);
    expect((await left(tenantId)).old).toBe('0')
  })
})
