import { describe, expect, it } from 'vitest'
import type { Coupon } from '../../../src/billing/coupon.ts'
import type { OpenGrant } from '../../../src/billing/credit/credit.ts'
import { type TotalsFacts, totalsOf } from '../../../src/billing/invoices/totals.ts'

const coupon = (key: string, more: Partial<Coupon>): Coupon => ({
  key,
  name: null,
  percentOff: null,
  amountOff: null,
  currency: null,
  periods: null,
  createdAt: new Date(0),
  archivedAt: null,
  ...more,
})
const percent = (percentOff: string, more: Partial<Coupon> = {}) =>
  coupon(`${percentOff}%`, { percentOff, ...more })
const off = (amountOff: string, currency = 'USD', more: Partial<Coupon> = {}) =>
  coupon(`−${amountOff}`, { amountOff, currency, ...more })

const grant = (id: string, remaining: string, more: Partial<OpenGrant> = {}): OpenGrant => ({
  id,
  customerId: 'alice',
  name: id,
  currency: 'USD',
  amount: remaining,
  remaining,
  priority: 50,
  expiresMs: null,
  source: null,
  createdMs: 0,
  ...more,
})

const vat = (percent: string) => ({ name: `VAT ${percent}`, percent })

function totals(
  amounts: string[],
  {
    coupons = [],
    used = [],
    ...more
  }: Partial<Omit<TotalsFacts, 'coupons'>> & { coupons?: Coupon[]; used?: number[] } = {},
) {
  return totalsOf({
    amounts,
    takenBack: [],
    currency: 'USD',
    attached: coupons.map(({ key }, i) => ({ coupon: key, used: used[i] ?? 0 })),
    coupons,
    taxRates: [],
    grants: [],
    nowMs: 1_000,
    ...more,
  })
}

const shown = (found: ReturnType<typeof totals>) => ({
  ...found,
  discounts: found.discounts.map(({ coupon, amount }) => `${coupon} ${amount}`),
  taxes: found.taxes.map(({ name, amount }) => `${name} ${amount}`),
  credits: found.credits.map(({ grantId, amount }) => `${grantId} ${amount}`),
})

describe('totals', () => {
  it('are lines − coupons + taxes − credit, in this order', () => {
    expect(
      shown(
        totals(['100.00', '20.00', '-10.00'], {
          coupons: [percent('10'), off('9')],
          taxRates: [vat('20')],
          grants: [grant('g', '8.00')],
        }),
      ),
    ).toEqual({
      subtotal: '110.00',
      discounts: ['10% 11.00', '−9 9.00'],
      taxes: ['VAT 20 18.00'],
      total: '108.00',
      credits: ['g 8.00'],
      amountDue: '100.00',
      creditGranted: '0.00',
    })
  })

  it('of nothing are zero', () => {
    expect(
      shown(totals([], { coupons: [percent('10')], taxRates: [vat('19')], grants: [grant('g', '5')] })),
    ).toEqual({
      subtotal: '0.00',
      discounts: [],
      taxes: ['VAT 19 0.00'],
      total: '0.00',
      credits: [],
      amountDue: '0.00',
      creditGranted: '0.00',
    })
  })

  it('below zero become credit, tax included', () => {
    expect(
      shown(totals(['10.00', '-30.00'], { taxRates: [vat('19')], grants: [grant('g', '5')] })),
    ).toMatchObject({
      subtotal: '-20.00',
      taxes: ['VAT 19 -3.80'],
      total: '-23.80',
      credits: [],
      amountDue: '0.00',
      creditGranted: '23.80',
    })
  })

  it.each([
    ['JPY', ['1001'], '10', ['VAT 10 90'], '991'],
    ['KWD', ['1.001'], '10', ['VAT 10 0.090'], '0.991'],
  ])('come in the minor units of %s', (currency, amounts, taxPercent, taxes, total) => {
    const found = shown(totals(amounts, { currency, coupons: [percent('10')], taxRates: [vat(taxPercent)] }))
    expect([found.taxes, found.total]).toEqual([taxes, total])
  })
})

describe('coupons', () => {
  it.each<[string, string[], Coupon[], string[]]>([
    [
      'take percent of what is left by those before',
      ['100.00'],
      [percent('50'), percent('10')],
      ['50% 50.00', '10% 5.00'],
    ],
    [
      'take amounts before percent, if they come first',
      ['100.00'],
      [off('20'), percent('10')],
      ['−20 20.00', '10% 8.00'],
    ],
    ['never take more than there is', ['15.00'], [off('10'), off('10.00')], ['−10 10.00', '−10.00 5.00']],
    ['take all at 100 %, and nothing after that', ['15.00'], [percent('100'), off('1')], ['100% 15.00']],
    ['take nothing off a negative subtotal', ['-15.00'], [percent('10'), off('1')], []],
    ['take nothing off in another currency', ['15.00'], [off('1', 'EUR'), percent('10')], ['10% 1.50']],
    [
      'round each once, half away from zero',
      ['0.05'],
      [percent('10'), percent('50')],
      ['10% 0.01', '50% 0.02'],
    ],
    ['that round to nothing are not taken off', ['0.04'], [percent('10')], []],
  ])('%s', (_, amounts, coupons, discounts) => {
    expect(shown(totals(amounts, { coupons })).discounts).toEqual(discounts)
  })

  it.each([
    ['once', 1, [0, 1], [true, false]],
    ['three times', 3, [0, 2, 3], [true, true, false]],
    ['forever', null, [0, 1_000_000], [true, true]],
  ])('are taken off %s', (_, periods, used, taken) => {
    expect(
      used.map(
        (n) => totals(['10.00'], { coupons: [percent('10', { periods })], used: [n] }).discounts.length === 1,
      ),
    ).toEqual(taken)
  })
})

describe('taxes', () => {
  it('are each of what is left after coupons, and each rounded once', () => {
    expect(
      shown(totals(['10.05'], { coupons: [off('0.03')], taxRates: [vat('5'), vat('9.975')] })),
    ).toMatchObject({
      taxes: ['VAT 5 0.50', 'VAT 9.975 1.00'],
      total: '11.52',
    })
  })
})

describe('credit', () => {
  it('is drawn by priority, then the nearest expiry, then the oldest', () => {
    const grants = [
      grant('old', '1', { createdMs: 1 }),
      grant('oldest', '1', { createdMs: 0 }),
      grant('late', '1', { expiresMs: 9_000 }),
      grant('soon', '1', { expiresMs: 5_000, createdMs: 7 }),
      grant('first', '1', { priority: 1, createdMs: 9 }),
    ]
    expect(shown(totals(['4.50'], { grants })).credits).toEqual([
      'first 1.00',
      'soon 1.00',
      'late 1.00',
      'oldest 1.00',
      'old 0.50',
    ])
  })

  it('is drawn no further than the total, and not from what has expired, is spent, or is in another currency', () => {
    const grants = [
      grant('expired', '5', { expiresMs: 1_000, priority: 0 }),
      grant('spent', '0', { priority: 0 }),
      grant('euros', '5', { currency: 'EUR', priority: 0 }),
      grant('left', '2.50'),
      grant('more', '9'),
    ]
    const found = shown(totals(['4.00'], { grants }))
    expect([found.credits, found.amountDue, found.total]).toEqual([
      ['left 2.50', 'more 1.50'],
      '0.00',
      '4.00',
    ])
  })
})
