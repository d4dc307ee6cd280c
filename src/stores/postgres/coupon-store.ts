// Coupons in Postgres.

import { sql } from 'drizzle-orm'
import type { CouponStore } from '../../billing/account-ports.ts'
import { COUPONS_PER_TENANT, type Coupon, type NewCoupon } from '../../billing/coupon.ts'
import type { PageRequest } from '../../kernel/page.ts'
import { changing } from './changing.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'
import { couponFrom } from './rows.ts'

type Row = { coupon: string }

export class PostgresCouponStore implements CouponStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  createCoupon(
    tenantId: string,
    coupon: NewCoupon,
  ): Promise<{ kind: 'created' | 'exists'; coupon: Coupon } | { kind: 'too_many' }> {
    const { key, name, percentOff, amountOff, currency, periods } = coupon
    // Of two at the same instant the second does not see the first one's row, and is run again.
    return changing(async () => {
      const [row] = await query<{ is_full: string; created: string | null; existing: string | null }>(
        this.#db,
        sql`
          with seen as (
            select (select count(*) from coupons where tenant_id = ${tenantId}::uuid) >= ${COUPONS_PER_TENANT}::int as is_full
          ), created as (
            insert into coupons (tenant_id, key, name, percent_off, amount_off, currency, periods)
            select ${tenantId}::uuid, ${key}::text, ${name}::text, ${percentOff}::text, ${amountOff}::text, ${currency}::text,
              ${periods}::int
            from seen where not is_full
            on conflict do nothing
            returning *
          )
          select is_full::text as is_full, (select to_jsonb(created)::text from created) as created,
            (select to_jsonb(coupons)::text from coupons where tenant_id = ${tenantId}::uuid and key = ${key}::text) as existing
          from seen`,
      )
      if (row!.created !== null) return { kind: 'created', coupon: couponFrom(row!.created) }
      if (row!.existing !== null) return { kind: 'exists', coupon: couponFrom(row!.existing) }
      return row!.is_full === 'true' ? { kind: 'too_many' } : null
    })
  }

  async archiveCoupon(tenantId: string, key: string): Promise<Coupon | null> {
    const [row] = await query<Row>(
      this.#db,
      sql`update coupons set archived_at = coalesce(archived_at, now())
        where tenant_id = ${tenantId}::uuid and key = ${key}::text returning to_jsonb(coupons)::text as coupon`,
    )
    return row ? couponFrom(row.coupon) : null
  }

  async findCoupon(tenantId: string, key: string): Promise<Coupon | null> {
    const [row] = await query<Row>(
      this.#db,
      sql`select to_jsonb(coupons)::text as coupon from coupons where tenant_id = ${tenantId}::uuid and key = ${key}::text`,
    )
    return row ? couponFrom(row.coupon) : null
  }

  async listCoupons(tenantId: string, { after, limit }: PageRequest): Promise<Coupon[]> {
    const found = await query<Row>(
      this.#db,
      sql`select to_jsonb(coupons)::text as coupon from coupons
        where tenant_id = ${tenantId}::uuid and key > ${after ?? ''}::text order by key limit ${limit + 1}::int`,
    )
    return found.map(({ coupon }) => couponFrom(coupon))
  }
}
