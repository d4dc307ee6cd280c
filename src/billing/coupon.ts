// A coupon: what is taken off the invoices of the subscriptions that it is attached to.

import { z } from 'zod'
import { currencySchema, tooFine } from '../kernel/currency.ts'
import { decimal } from '../kernel/decimal.ts'
import { decimalOutput, decimalString } from '../kernel/decimal-schema.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { keySchema, line } from '../kernel/text.ts'
import { wholeNumber } from '../kernel/whole-number.ts'

export const COUPONS_PER_TENANT = 1_000
const NAME_CHARS = 200
const PERIODS_MAX = 1_200

export type Coupon = {
  key: string
  name: string | null
  percentOff: string | null
  amountOff: string | null
  /** of amountOff */
  currency: string | null
  /** on how many invoices of a subscription it is taken off; null: on all */
  periods: number | null
  createdAt: Date
  archivedAt: Date | null
}

const positive = (description: string, example: string) =>
  decimalString({ above: '0' }).meta({ description, example })

export const couponInputSchema = knownFields('A coupon', {
  key: keySchema.meta({ description: 'Your own name for it; it stays.', example: 'welcome' }),
  name: line(NAME_CHARS)
    .nullable()
    .default(null)
    .meta({ description: 'On the invoice.', example: 'Welcome' }),
  percent_off: positive('Percent of what is left to pay: "15" is 15 %.', '15')
    .refine((percent) => decimal(percent).lte('100'), 'must be 100 or less')
    .optional(),
  amount_off: positive('An amount of money; what an invoice can’t use up is lost.', '10').optional(),
  currency: currencySchema.optional().meta({ description: 'Of amount_off.' }),
  duration: z.enum(['once', 'periods', 'forever'], { error: 'must be "once", "periods" or "forever"' }).meta({
    'x-name': 'CouponDuration',
    description: 'On how many invoices of a subscription.',
    example: 'once',
  }),
  periods: wholeNumber(1, PERIODS_MAX)
    .optional()
    .meta({ description: 'With the duration "periods": on so many.', example: 3 }),
})
  .superRefine((coupon, context) => {
    const wrong = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    if ((coupon.percent_off === undefined) === (coupon.amount_off === undefined))
      wrong('percent_off', 'must be there, or amount_off must: one of them, not both')
    if ((coupon.amount_off === undefined) !== (coupon.currency === undefined))
      wrong('currency', 'must come together with amount_off, and only with it')
    if (coupon.amount_off !== undefined && coupon.currency !== undefined) {
      const detail = tooFine(coupon.amount_off, coupon.currency)
      if (detail !== null) wrong('amount_off', detail)
    }
    if ((coupon.duration === 'periods') !== (coupon.periods !== undefined))
      wrong('periods', 'must come together with the duration "periods", and only with it')
  })
  .meta({ id: 'CouponInput' })

export type CouponInput = z.output<typeof couponInputSchema>

export const couponSchema = z
  .object({
    key: z.string().meta({ example: 'welcome' }),
    name: z.string().nullable().meta({ example: 'Welcome' }),
    percent_off: decimalOutput().nullable().meta({ example: '15' }),
    amount_off: decimalOutput().nullable().meta({ example: null }),
    currency: z.string().nullable().meta({ example: null }),
    duration: z.enum(['once', 'periods', 'forever']).meta({ 'x-name': 'CouponDuration' }),
    periods: z.int().nullable().meta({ description: 'On so many invoices; null: on all.', example: 1 }),
    created_at: z.iso.datetime().meta({ example: '2026-11-01T09:30:00.000Z' }),
    archived_at: z.iso
      .datetime()
      .nullable()
      .meta({ description: 'Since then it is attached to no further subscription.', example: null }),
  })
  .meta({ id: 'Coupon' })

const durationOf = ({ periods }: Coupon) =>
  periods === null ? 'forever' : periods === 1 ? 'once' : 'periods'

export const couponJson = (coupon: Coupon): z.output<typeof couponSchema> => ({
  key: coupon.key,
  name: coupon.name,
  percent_off: coupon.percentOff,
  amount_off: coupon.amountOff,
  currency: coupon.currency,
  duration: durationOf(coupon),
  periods: coupon.periods,
  created_at: coupon.createdAt.toISOString(),
  archived_at: coupon.archivedAt?.toISOString() ?? null,
})

export type NewCoupon = Omit<Coupon, 'createdAt' | 'archivedAt'>

export const couponFrom = (input: CouponInput): NewCoupon => ({
  key: input.key,
  name: input.name,
  percentOff: input.percent_off ?? null,
  amountOff: input.amount_off ?? null,
  currency: input.currency ?? null,
  periods: input.duration === 'forever' ? null : input.duration === 'once' ? 1 : input.periods!,
})
