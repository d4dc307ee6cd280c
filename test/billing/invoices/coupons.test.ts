import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Coupon } from '../../../src/billing/coupon.ts'
import { decimal, sum } from '../../../src/kernel/decimal.ts'
import { CustomerAccount, DAY_MS, HOUR_MS } from '../customer-account.ts'

const base = (amount: string) => [{ key: 'base', amount }]
const half = { percentOff: '50' }
const opened = (
  coupon: Partial<Coupon>,
  currency = 'USD',
  [small, large]: readonly string[] = ['31', '310'],
) =>
  new CustomerAccount('2026-01-01T00:00Z')
    .plan('pro', { fees: base(small!) }, currency)
    .plan('large', { fees: base(large!) }, currency)
    .coupon('welcome', coupon)
const subscribed = async (coupon: Partial<Coupon>) => {
  const account = opened(coupon)
  const { id } = await account.subscribe({ plan: 'pro', coupons: ['welcome'] })
  return { account, id }
}
const prorations = (account: CustomerAccount) =>
  account
    .invoices()
    .flatMap(({ lines }) => lines)
    .flatMap((line) => (line.kind === 'proration' ? [[line.amount, line.discount]] : []))
const totals = (account: CustomerAccount) => account.invoices().map(({ totals }) => totals!.total)

describe('a fee that was billed in advance under a coupon', () => {
  it.each<[string, Partial<Coupon>, string, string[], string[]]>([
    ['for nothing, gives nothing back', { percentOff: '100', periods: 1 }, '20.00', ['0.00', '0.00'], []],
    ['for half of it, gives back half', { ...half, periods: 1 }, '10.00', ['15.50', '-10.00'], ['10.00']],
    ['that goes on, gives back half, too', half, '10.00', ['15.50', '-10.00'], ['10.00']],
    // 20 of 31 days of 21.00, as 10.00 − 3.55 of the coupon fall on them.
    [
      'of 10.00, gives back its share',
      { amountOff: '10', currency: 'USD' },
      '6.45',
      ['21.00', '-13.55'],
      ['13.55'],
    ],
  ])('%s, when the subscription ends early', async (_, coupon, discount, expected, granted) => {
    const { account, id } = await subscribed(coupon)
    await account.at('2026-01-11T10:30Z').cancel(id, 'now')
    account.closeUntil('2026-01-12T00:00Z')
    expect(prorations(account).map(([, one]) => one)).toEqual([discount])
    expect(totals(account)).toEqual(expected)
    expect(account.grants().map(({ amount }) => amount)).toEqual(granted)
  })

  it.each<[string, Partial<Coupon>, string]>([
    // −10.50 + 210.00 for the rest of January, 310.00 for February; the coupon is taken off what is charged.
    ['a coupon that goes on is taken off the new plan, and not off what is given back', half, '249.50'],
    [
      'one that is used up gives back what was paid, and the new plan costs its price',
      { ...half, periods: 1 },
      '509.50',
    ],
  ])('is taken back as it was paid when the plan changes: %s', async (_, coupon, total) => {
    const { account, id } = await subscribed(coupon)
    await account.at('2026-01-11T10:00Z').change(id, { plan: 'large', when: 'now' })
    account.closeUntil('2026-02-02T00:00Z')
    expect(prorations(account)).toEqual([
      ['-10.50', '10.50'],
      ['210.00', undefined],
    ])
    expect(totals(account)).toEqual(['15.50', total])
  })

  it.each<[string, string, string, string[][]]>([
    // 17 of 31 days cost 17.00, and the coupon of 10.00 falls on those 17: 4.12 on the first 7 of them, 5.88 on the other 10.
    ['ends', '2026-01-21T10:30Z', 'cancel', [['-4.12', '5.88']]],
    ['changes', '2026-01-22T10:30Z', 'large', [['-4.12', '5.88'], ['100.00']]],
  ])(
    'for a first period that was cut short, gives back what was paid for its own days, when it %s',
    async (_, at, what, expected) => {
      const account = opened({ amountOff: '10', currency: 'USD', periods: 1 })
      const { id } = await account.at('2026-01-15T00:00Z').subscribe({ plan: 'pro', coupons: ['welcome'] })
      account.at(at)
      await (what === 'cancel' ? account.cancel(id, 'now') : account.change(id, { plan: what, when: 'now' }))
      account.closeUntil('2026-02-02T00:00Z')
      expect(prorations(account).map((one) => one.filter((part) => part !== undefined))).toEqual(expected)
    },
  )

  it('gives back all that was paid, and no more, if it is cut twice', async () => {
    const { account, id } = await subscribed({ ...half, periods: 1 })
    await account.at('2026-01-11T10:00Z').change(id, { plan: 'large', when: 'now' })
    await account.at('2026-01-15T10:00Z').change(id, { plan: 'pro', when: 'now' })
    await account.at('2026-01-21T10:00Z').change(id, { plan: 'large', when: 'now' })
    account.closeUntil('2026-02-02T00:00Z')
    // Days 10 to 14 and 20 to 31 of the first fee: 4 and 11 of 31 days of 15.50.
    expect(prorations(account).filter(([, discount]) => discount)).toEqual([
      ['-2.00', '2.00'],
      ['-5.50', '5.50'],
    ])
  })

  it('never makes anybody owe more than nothing: whatever was free or cheaper is given back as it was paid', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('USD', 'JPY', 'KWD'),
        fc.constantFrom(['31', '310'], ['100', '7'], ['49', '1']),
        fc.oneof(
          fc.integer({ min: 1, max: 100 }).map((percent) => ({ percentOff: `${percent}` })),
          fc.integer({ min: 1, max: 120 }).map((amount) => ({ amountOff: `${amount}` })),
        ),
        fc.option(fc.integer({ min: 1, max: 3 })),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 60 * 24 }), fc.constantFrom('pro', 'large')), {
          maxLength: 4,
        }),
        fc.integer({ min: 1, max: 70 * 24 }),
        async (currency, fees, off, periods, changes, end) => {
          const account = opened({ ...off, currency, periods }, currency, fees)
          const { id } = await account.subscribe({ plan: 'pro', coupons: ['welcome'] })
          for (const [hour, plan] of changes.filter(([hour]) => hour < end).toSorted(([x], [y]) => x - y))
            await account
              .closeUntil(account.subscriptions.get(id)!.startMs + hour * HOUR_MS)
              .change(id, { plan, when: 'now' })
          await account.closeUntil(account.subscriptions.get(id)!.startMs + end * HOUR_MS).cancel(id, 'now')
          account.closeUntil(account.nowMs + 60 * DAY_MS)
          const all = sum(totals(account).map(decimal))
          expect(all.gte('0')).toBe(true)
          if ('percentOff' in off && off.percentOff === '100' && periods === null)
            expect(all.toFixed()).toBe('0')
        },
      ),
      { numRuns: 300 },
    )
  })
})
