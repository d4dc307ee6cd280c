import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { COUPONS_PER_TENANT, type NewCoupon } from '../../src/billing/coupon.ts'
import { PostgresCouponStore } from '../../src/stores/postgres/coupon-store.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'

const coupon = (more: Partial<NewCoupon> = {}): NewCoupon => ({
  key: 'welcome',
  name: 'Wëlcome "x" 😀',
  percentOff: '12.500000000001',
  amountOff: null,
  currency: null,
  periods: 3,
  ...more,
})
const first = { after: null, limit: 100 }

describe.each(postgresBackends)('a coupon store on $name', ({ open }) => {
  let backend: PostgresBackend
  let store: PostgresCouponStore
  let tenantId: string

  const newTenant = async () => {
    const id = crypto.randomUUID()
    await rows(
      backend.db,
      sql`insert into tenants (id, name, timezone, currency) values (${id}::uuid, 't', 'UTC', 'USD')`,
    )
    return id
  }
  beforeAll(async () => {
    backend = await open()
    store = new PostgresCouponStore(backend.db)
  })
  afterAll(() => backend?.close())
  beforeEach(async () => {
    tenantId = await newTenant()
  })

  it('keeps a coupon as it was sent, and gives it back when it is created again', async () => {
    const created = await store.createCoupon(tenantId, coupon())
    expect(created).toEqual({
      kind: 'created',
      coupon: { ...coupon(), createdAt: expect.any(Date), archivedAt: null },
    })
    const found = await store.findCoupon(tenantId, 'welcome')
    expect({ kind: 'created', coupon: found }).toEqual(created)
    const other = coupon({ percentOff: null, amountOff: '10', currency: 'USD', name: null, periods: null })
    expect(await store.createCoupon(tenantId, other)).toEqual({ kind: 'exists', coupon: found })
    const amount = { ...other, key: 'ten' }
    expect(await store.createCoupon(tenantId, amount)).toMatchObject({ kind: 'created', coupon: amount })
    expect(await store.findCoupon(tenantId, 'nope')).toBeNull()
  })

  it('creates a coupon once for all who do at the same instant', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => store.createCoupon(tenantId, coupon())),
    )
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['created', ...Array(7).fill('exists')])
    expect(await store.listCoupons(tenantId, first)).toHaveLength(1)
  })

  it('archives a coupon once, and keeps it', async () => {
    await store.createCoupon(tenantId, coupon())
    const archived = await store.archiveCoupon(tenantId, 'welcome')
    expect(archived).toMatchObject({ ...coupon(), archivedAt: expect.any(Date) })
    expect(await store.archiveCoupon(tenantId, 'welcome')).toEqual(archived)
    expect(await store.findCoupon(tenantId, 'welcome')).toEqual(archived)
    expect(await store.createCoupon(tenantId, coupon())).toEqual({ kind: 'exists', coupon: archived })
    expect(await store.archiveCoupon(tenantId, 'nope')).toBeNull()
  })

  it('lists coupons in the order of their keys, a page at a time', async () => {
    const keys = ['a', 'a-b', 'a.b', 'a_b', 'ab', 'b', '0']
    for (const key of keys) await store.createCoupon(tenantId, coupon({ key }))
    const sorted = keys.toSorted((x, y) => (x < y ? -1 : 1))
    const listed = async (after: string | null, limit: number) =>
      (await store.listCoupons(tenantId, { after, limit })).map(({ key }) => key)
    expect(await listed(null, 100)).toEqual(sorted)
    // One more than the limit says that there is another page.
    expect(await listed(null, 2)).toEqual(sorted.slice(0, 3))
    expect(await listed(sorted[2]!, 2)).toEqual(sorted.slice(3, 6))
    expect(await listed(sorted.at(-1)!, 2)).toEqual([])
  })

  it('keeps so many coupons, archived ones too, and no more', async () => {
    await rows(
      backend.db,
      sql`insert into coupons (tenant_id, key, percent_off, archived_at)
        select ${tenantId}::uuid, 'c' || n, '10', now() from generate_series(2, ${COUPONS_PER_TENANT}::int) as n`,
    )
    expect(await store.createCoupon(tenantId, coupon())).toMatchObject({ kind: 'created' })
    expect(await store.createCoupon(tenantId, coupon({ key: 'another' }))).toEqual({ kind: 'too_many' })
    expect(await store.createCoupon(tenantId, coupon())).toMatchObject({ kind: 'exists' })
    expect(await store.createCoupon(await newTenant(), coupon())).toMatchObject({ kind: 'created' })
  })

  it('shows nothing to another tenant', async () => {
    await store.createCoupon(tenantId, coupon())
    const other = await newTenant()
    expect(await store.findCoupon(other, 'welcome')).toBeNull()
    expect(await store.listCoupons(other, first)).toEqual([])
    expect(await store.archiveCoupon(other, 'welcome')).toBeNull()
    expect((await store.findCoupon(tenantId, 'welcome'))?.archivedAt).toBeNull()
  })
})
