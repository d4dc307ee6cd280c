// What a simulated year begins with: tenants with meters, plans and coupons, and customers with taxes.

import fc from 'fast-check'
import type { NewCoupon } from '../../../src/billing/coupon.ts'
import type { PlanPrice, Terms } from '../../../src/billing/terms.ts'
import type { Aggregation } from '../../../src/metering/meter.ts'
import type { NewMeter } from '../../../src/metering/meter-input.ts'
import type { Price } from '../../../src/pricing/price.ts'
import { meterId } from '../../support/metering.ts'
import { pace, some } from '../operations/operation.ts'

const meter = (
  key: string,
  resourceType: 'call' | 'gauge',
  aggregation: Aggregation,
  value: string,
  groupBy: string[] = [],
): NewMeter => ({
  ...{ id: meterId(key), key, name: null, resourceType, aggregation, value, groupBy },
  missing: 'refuse',
  filter: [],
  countsFromMs: null,
})

export const meters: NewMeter[] = [
  meter('calls', 'call', 'sum', 'quantity', ['model']),
  meter('requests', 'call', 'count', 'quantity'),
  meter('peak', 'call', 'max', 'v'),
  meter('mean', 'call', 'avg', 'v'),
  meter('users', 'call', 'unique_count', 'user', ['model']),
  meter('least', 'call', 'min', 'v'),
  meter('last', 'call', 'latest', 'v'),
  meter('storage', 'gauge', 'weighted_sum', 'change'),
]

const tiers = [
  { up_to: '10', unit_amount: '0.5', flat_amount: '1' },
  { up_to: '100.5', unit_amount: '0.25' },
  { up_to: null, unit_amount: '0.01', flat_amount: '2' },
]

const plain: Price[] = [
  { model: 'per_unit', unit_amount: '0.01' },
  { model: 'per_unit', unit_amount: '0.333', free_units: '5' },
  { model: 'per_unit', unit_amount: '3', minimum_amount: '5' },
  { model: 'package', package_size: '7', package_amount: '2.5' },
  { model: 'graduated', tiers },
  { model: 'volume', tiers },
  { model: 'flat', flat_amount: '4.2' },
  { model: 'percentage', rate: '2.9' },
]
const byEvent: Price[] = [{ model: 'percentage', rate: '2.9', fixed_amount: '0.3' }]

/** Those whose counters know how many events they are of. */
const counted: Aggregation[] = ['sum', 'count', 'avg']

const priceOf = ({ aggregation }: NewMeter): fc.Arbitrary<Price> =>
  fc.constantFrom(...plain, ...(counted.includes(aggregation) ? byEvent : []))

const matches = [{ model: 'a' }, { model: 'b' }, { model: null }]

const planPrice = (of: NewMeter): fc.Arbitrary<PlanPrice> => {
  const price = priceOf(of)
  const whole = price.map((one): PlanPrice => ({ meter: of.key, price: one }))
  if (of.groupBy.length === 0) return whole
  const groups = fc
    .subarray(matches, { minLength: 1 })
    .chain((some) => fc.tuple(...some.map((match) => price.map((one) => ({ match, price: one })))))
  const parts = fc
    .record({ groups, price: fc.option(price, { nil: undefined }) })
    .map((one): PlanPrice => ({ meter: of.key, ...one }))
  return fc.oneof(whole, parts)
}

/** Some meters, each with a price. */
export const pricesArbitrary = (some: NewMeter[]): fc.Arbitrary<PlanPrice[]> =>
  fc.subarray(some).chain((chosen) => fc.tuple(...chosen.map(planPrice)))

const intervals: Pick<Terms, 'interval' | 'interval_count'>[] = [
  { interval: 'day', interval_count: 10 },
  { interval: 'week', interval_count: 1 },
  { interval: 'week', interval_count: 3 },
  { interval: 'month', interval_count: 1 },
  { interval: 'month', interval_count: 1 },
  { interval: 'month', interval_count: 2 },
  { interval: 'quarter', interval_count: 1 },
]

const fee = (key: string) =>
  fc.record({
    key: fc.constant(key),
    name: fc.constant(null),
    amount: fc.constantFrom('49', '10.01', '0.07', '100'),
    due: fc.constantFrom('advance' as const, 'arrears' as const),
  })

export const termsArbitrary = (some: NewMeter[] = meters): fc.Arbitrary<Terms> =>
  fc
    .record({
      prices: pricesArbitrary(some),
      fees: fc.subarray(['base', 'support']).chain((keys) => fc.tuple(...keys.map(fee))),
      every: fc.constantFrom(...intervals),
      trial_days: fc.constantFrom(0, 0, 0, 0, 9, 20),
    })
    .map(({ every, ...terms }) => ({ ...terms, ...every, entitlements: {} }))

/** Meters of one half are never in the same plan as those of the other: two subscriptions of a customer go together then. */
const halves = [meters.slice(0, 3), meters.slice(3)]

/** Often all with one interval: a change leaves the period as it is then. */
const plansArbitrary: fc.Arbitrary<Terms[]> = fc
  .tuple(
    fc.boolean(),
    fc.array(termsArbitrary(), { minLength: 1, maxLength: 2 }),
    ...halves.map(termsArbitrary),
  )
  .map(([alike, free, ...others]) => {
    const plans = [...free, ...others]
    const { interval, interval_count } = plans[0]!
    return alike ? plans.map((plan) => ({ ...plan, interval, interval_count })) : plans
  })

export const coupons: NewCoupon[] = [
  { key: 'tenth', percentOff: '10', amountOff: null, currency: null, periods: null },
  { key: 'third', percentOff: '33.3', amountOff: null, currency: null, periods: 3 },
  { key: 'once', percentOff: null, amountOff: '5', currency: 'USD', periods: 1 },
].map((coupon) => ({ ...coupon, name: null }))

const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })

/** A subscription that somebody asks for. */
export const wanted = fc.record({
  isolate: some,
  tenant: some,
  pace,
  customer: some,
  plan: some,
  startsInHours: fc.constantFrom(0, 0, 0, 0, 30, 400, -3, -200),
  anchor: fc.constantFrom('calendar' as const, 'anniversary' as const),
  trialDays: fc.constantFrom(undefined, undefined, 0, 3),
  overrides: fc.option(pricesArbitrary(meters), { freq: 4, nil: [] }),
  coupons: fc.subarray(coupons.map(({ key }) => key)),
  /** what periods are counted from: so many days before now, at an hour at which no clock is changed */
  counted: seldom(
    fc.record({ daysBack: fc.integer({ min: -40, max: 900 }), hour: fc.constantFrom(0, 0, 0, 9, 14, 23) }),
  ),
  /** brought along: it began so many days ago, and is billed from the beginning of its present period, or from its end */
  brought: seldom(fc.record({ daysAgo: fc.integer({ min: 20, max: 4_000 }), ahead: fc.boolean() })),
})

export const taxes = [
  [],
  [{ name: 'VAT', percent: '19' }],
  [
    { name: 'GST', percent: '5' },
    { name: 'QST', percent: '9.975' },
  ],
]

export const customerIds = ['c', 'c1', 'd']

/** 31 March, 31 May, 29 and 31 January. */
const LAST_OF_MONTH = [29, 90, 333, 335]

export const setupArbitrary = fc.record({
  skewsMs: fc.array(fc.integer({ min: -180_000, max: 180_000 }), { minLength: 2, maxLength: 3 }),
  resends: fc.constantFrom(0, 0, 1),
  partitions: fc.constantFrom(1, 1, 2),
  coalesce: fc.constant(false),
  slots: fc.constant(16),
  tenants: fc.array(fc.constantFrom('UTC', 'Asia/Kathmandu', 'America/New_York', 'Europe/Berlin'), {
    minLength: 1,
    maxLength: 2,
  }),
  /** days after the start of the clock that the year begins */
  day: fc.oneof(fc.nat(364), fc.constantFrom(...LAST_OF_MONTH)),
  currency: fc.constantFrom('USD', 'USD', 'JPY', 'KWD'),
  plans: plansArbitrary,
  /** by customer */
  taxes: fc.array(fc.nat(taxes.length - 1), { minLength: customerIds.length, maxLength: customerIds.length }),
  billing: fc.record({
    accountsPerBatch: fc.constantFrom(100, 2, 1),
    batchesPerRun: fc.constantFrom(10, 2),
  }),
  /** in the first minute, while nothing is broken */
  subscribers: fc.array(wanted, { minLength: 1, maxLength: 4, size: 'max' }),
  /** that go by at the end with nothing but the job, run once a month */
  quietMonths: fc.constantFrom(0, 0, 0, 0, 1, 2, 2, 12),
  voidsAtEnd: fc.boolean(),
  /** while the events in Redis are a few weeks old, too */
  segmentMaxCounters: fc.constantFrom(10_000, 12),
})
export type Setup = typeof setupArbitrary extends fc.Arbitrary<infer T> ? T : never
