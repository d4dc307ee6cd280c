// Creates a coupon, and archives one. The same again is a success.

import { TollgateError } from '../kernel/errors.ts'
import type { TenantConfig } from '../metering/meter.ts'
import type { CouponStore } from './account-ports.ts'
import { COUPONS_PER_TENANT, type Coupon, type NewCoupon } from './coupon.ts'

type Caller = { tenant: TenantConfig }

export const noCoupon = (key: string) => new TollgateError('not_found', `There is no coupon "${key}".`)

/** Throws already_exists if the key has another content. */
export async function createCoupon(
  { coupons }: { coupons: Pick<CouponStore, 'createCoupon'> },
  { tenant }: Caller,
  wanted: NewCoupon,
): Promise<{ coupon: Coupon; created: boolean }> {
  const outcome = await coupons.createCoupon(tenant.tenantId, wanted)
  if (outcome.kind === 'too_many')
    throw new TollgateError('validation_failed', `A tenant has ${COUPONS_PER_TENANT} coupons at most.`)
  const { coupon } = outcome
  const fields = Object.entries({
    name: 'name',
    percentOff: 'percent_off',
    amountOff: 'amount_off',
    currency: 'currency',
    periods: 'duration',
  }).flatMap(([field, name]) =>
    coupon[field as keyof NewCoupon] === wanted[field as keyof NewCoupon] ? [] : [name],
  )
  if (fields.length > 0) {
    throw new TollgateError(
      'already_exists',
      `There is a coupon "${coupon.key}" already, and it is another: ${fields.join(', ')}. Take another key.`,
      { issues: fields.map((field) => ({ pointer: `#/${field}`, detail: 'is another there' })) },
    )
  }
  return { coupon, created: outcome.kind === 'created' }
}

export async function archiveCoupon(
  { coupons }: { coupons: Pick<CouponStore, 'archiveCoupon'> },
  { tenant }: Caller,
  { key }: { key: string },
): Promise<Coupon> {
  const archived = await coupons.archiveCoupon(tenant.tenantId, key)
  if (archived === null) throw noCoupon(key)
  return archived
}
