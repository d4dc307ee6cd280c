import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Bill,
  type BillFacts,
  billSchema,
  computeBill,
  type MeterUsage,
} from '../../src/billing/bill.ts'
import type { PartUsage } from '../../src/billing/charge.ts'
import type { PlanPrice } from '../../src/billing/terms.ts'
import { decimal } from '../../src/kernel/decimal.ts'
import { rate } from '../../src/pricing/rate.ts'
import { price, quantity } from '../pricing/arbitraries.ts'

const cent = { model: 'per_unit', unit_amount: '0.01' } as const
const flat = { model: 'graduated', tiers: [{ up_to: null, flat_amount: '5' }] } satisfies PlanPrice['price']

const planOf = (prices: PlanPrice[], currency = 'USD'): BillFacts['plan'] => ({
  key: 'pro',
  prices,
  currency,
})
const noPlan = (currency = 'USD'): BillFacts['plan'] => ({ key: null, prices: [], currency })

const used = (quantity: string, settled = quantity): MeterUsage => ({
  quantity: decimal(quantity),
  settledQuantity: decimal(settled),
})

const facts = (some: Partial<BillFacts>): BillFacts => ({
  customerId: 'cus_42',
  period: { start: new Date(Date.UTC(2026, 10, 1)), end: new Date(Date.UTC(2026, 11, 1)), key: '2026-11' },
  plan: noPlan(),
  asOf: new Date(Date.UTC(2026, 10, 22, 10, 15, 30, 5)),
  meters: ['api_calls', 'storage', 'tokens'].map((key) => ({ key, name: `The ${key}`, aggregation: 'sum' })),
  usage: new Map(),
  parts: new Map(),
  ...some,
})

describe('a bill', () => {
  test('says whose, of when, by which plan, for what and how much', () => {
    const bill = computeBill(
      facts({
        plan: planOf([{ meter: 'api_calls', price: { ...cent, free_units: '100' } }]),
        usage: new Map([['api_calls', used('1600.5', '1500')]]),
      }),
    )
    expect(bill).toEqual({
      customer_id: 'cus_42',
      period: { key: '2026-11', start: '2026-11-01T00:00:00.000Z', end: '2026-12-01T00:00:00.000Z' },
      currency: 'USD',
      plan: 'pro',
      lines: [
        {
          meter: 'api_calls',
          name: 'The api_calls',
          aggregation: 'sum',
          quantity: '1600.5',
          settled_quantity: '1500',
          live_quantity: '100.5',
          match: null,
          price: { model: 'per_unit', unit_amount: '0.01', free_units: '100' },
          unpriced: false,
          amount: '15.01',
          unrounded_amount: '15.005',
          breakdown: [
            { kind: 'free_units', free_units: '100', quantity: '100', amount: '0' },
            { kind: 'per_unit', quantity: '1500.5', unit_amount: '0.01', amount: '15.005' },
          ],
        },
      ],
      total: '15.01',
      incomplete: false,
      as_of: '2026-11-22T10:15:30.005Z',
    })
    expect(billSchema.parse(bill)).toEqual(bill)
  })

  test('has the lines of the plan in its order, then what was used without a price, by key', () => {
    const bill = computeBill(
      facts({
        plan: planOf([
          { meter: 'tokens', price: cent },
          { meter: 'api_calls', price: flat },
        ]),
        usage: new Map([
          ['z', used('1')],
          ['api_calls', used('2')],
          ['storage', used('3')],
          ['tokens', used('4')],
          ['a', used('5')],
        ]),
      }),
    )
    expect(bill.lines.map((line) => [line.meter, line.unpriced, line.amount])).toEqual([
      ['tokens', false, '0.04'],
      ['api_calls', false, '5.00'],
      ['a', true, '0.00'],
      ['storage', true, '0.00'],
      ['z', true, '0.00'],
    ])
    expect(bill.total).toBe('5.04')
  })

  test('has a line for every price at zero usage too, because flat and minimum amounts are due then', () => {
    const bill = computeBill(
      facts({
        plan: planOf([
          { meter: 'api_calls', price: flat },
          { meter: 'storage', price: { ...cent, minimum_amount: '2.5' } },
          { meter: 'tokens', price: cent },
        ]),
      }),
    )
    expect(bill.lines.map((line) => [line.meter, line.quantity, line.amount])).toEqual([
      ['api_calls', '0', '5.00'],
      ['storage', '0', '2.50'],
      ['tokens', '0', '0.00'],
    ])
    expect(bill.total).toBe('7.50')
  })

  test('shows usage that no price matches: not free in silence', () => {
    const [line] = computeBill(
      facts({ plan: planOf([]), usage: new Map([['storage', used('7', '0')]]) }),
    ).lines
    expect(line).toEqual({
      meter: 'storage',
      name: 'The storage',
      aggregation: 'sum',
      quantity: '7',
      settled_quantity: '0',
      live_quantity: '7',
      match: null,
      price: null,
      unpriced: true,
      amount: '0.00',
      unrounded_amount: '0',
      breakdown: [],
    })
  })

  test('has no unpriced line for what was not used', () => {
    expect(computeBill(facts({ usage: new Map([['storage', used('0')]]) })).lines).toEqual([])
    // Taken back by a live change: the bill must be the same when that has settled, too.
    expect(computeBill(facts({ usage: new Map([['storage', used('0', '3')]]) })).lines).toEqual([])
  })

  test('has a line at zero for a price whose meter does not exist', () => {
    const [line] = computeBill(facts({ plan: planOf([{ meter: 'gone', price: flat }]) })).lines
    expect(line).toMatchObject({
      meter: 'gone',
      name: null,
      aggregation: null,
      quantity: '0',
      amount: '5.00',
    })
  })

  test('shows a negative quantity as it is, and charges for none', () => {
    const bill = computeBill(
      facts({
        plan: planOf([{ meter: 'storage', price: cent }]),
        usage: new Map([['storage', used('-3.5', '1')]]),
      }),
    )
    expect(bill.lines[0]).toMatchObject({
      quantity: '-3.5',
      settled_quantity: '1',
      live_quantity: '-4.5',
      amount: '0.00',
      breakdown: [{ kind: 'per_unit', quantity: '0', unit_amount: '0.01', amount: '0' }],
    })
    expect(bill.total).toBe('0.00')
  })

  test('without a plan is of nothing, in the currency that it is given', () => {
    const bill = computeBill(facts({ plan: noPlan('KWD'), usage: new Map([['storage', used('7')]]) }))
    expect(bill).toMatchObject({ plan: null, currency: 'KWD', total: '0.000' })
    expect(bill.lines[0]).toMatchObject({ unpriced: true, amount: '0.000' })
  })

  test('is in the currency of its plan', () => {
    const plan = planOf([{ meter: 'storage', price: { model: 'per_unit', unit_amount: '0.5' } }], 'JPY')
    const bill = computeBill(facts({ plan, usage: new Map([['storage', used('3')]]) }))
    expect(bill).toMatchObject({ currency: 'JPY', total: '2' })
  })

  test('adds up rounded lines: three of 0.005 are 0.03, not 0.02', () => {
    const half = { model: 'per_unit', unit_amount: '0.005' } as const
    const meters = ['api_calls', 'storage', 'tokens']
    const bill = computeBill(
      facts({
        plan: planOf(meters.map((meter) => ({ meter, price: half }))),
        usage: new Map(meters.map((meter) => [meter, used('1')])),
      }),
    )
    expect(bill.lines.map((line) => line.amount)).toEqual(['0.01', '0.01', '0.01'])
    expect(bill.total).toBe('0.03')
  })

  test('leaves out the name of a period that has none', () => {
    const { period } = computeBill(facts({ period: { start: new Date(0), end: new Date(1) } }))
    expect(period).toEqual({ start: '1970-01-01T00:00:00.000Z', end: '1970-01-01T00:00:00.001Z' })
  })
})

describe('a bill of a meter whose groups are priced apart', () => {
  const part = (quantity: string, settled = quantity, events = '0'): PartUsage => ({
    ...used(quantity, settled),
    events: decimal(events),
  })
  const perUnit = (unit_amount: string) => ({ model: 'per_unit', unit_amount }) as const
  const groups: PlanPrice['groups'] = [
    { match: { region: 'eu' }, price: perUnit('1') },
    { match: { region: 'us' }, price: perUnit('2') },
    { match: { region: 'eu', tier: null }, price: perUnit('3') },
  ]
  const brief = ({ lines }: Bill) =>
    lines.map(({ match, quantity, amount, unpriced }) => [match, quantity, amount, unpriced])
  const billOf = (price: Omit<PlanPrice, 'meter'>, parts: PartUsage[]) =>
    computeBill(
      facts({
        plan: planOf([{ meter: 'tokens', ...price }]),
        // What the meter has in all: no line may show it where its groups are priced apart.
        usage: new Map([['tokens', used('99')]]),
        parts: new Map([['tokens', parts]]),
      }),
    )

  test('has a line for each group, those that ask for more first, and then one for the rest', () => {
    const parts = [part('10', '4'), part('20'), part('30'), part('39')]
    const bill = billOf({ price: perUnit('0.5'), groups }, parts)
    expect(brief(bill)).toEqual([
      [{ region: 'eu', tier: null }, '10', '30.00', false],
      [{ region: 'eu' }, '20', '20.00', false],
      [{ region: 'us' }, '30', '60.00', false],
      [null, '39', '19.50', false],
    ])
    expect(bill.lines[0]).toMatchObject({ settled_quantity: '4', live_quantity: '6', price: perUnit('3') })
    expect(bill.total).toBe('129.50')
    expect(billSchema.parse(bill)).toEqual(bill)
  })

  test('shows the rest as unpriced where it was used, and only there', () => {
    const priced = [part('1'), part('1'), part('1')]
    const rest = (before: PartUsage[], last: PartUsage) =>
      brief(billOf({ groups }, [...before, last])).slice(3)
    expect(rest(priced, part('39'))).toEqual([[null, '39', '0.00', true]])
    expect(rest(priced, part('-1'))).toEqual([[null, '-1', '0.00', true]])
    expect(rest(priced, part('0', '3'))).toEqual([])
  })

  test('has a line for a group that was not used: its minimum is due', () => {
    const bill = billOf({ groups: [{ match: { region: 'eu' }, price: { ...cent, minimum_amount: '2' } }] }, [
      part('0'),
      part('0'),
    ])
    expect(brief(bill)).toEqual([[{ region: 'eu' }, '0', '2.00', false]])
  })

  test('prices each part by its own number of events', () => {
    const price = { model: 'percentage', rate: '1', fixed_amount: '0.25' } as const
    const bill = billOf({ price, groups: [{ match: { region: 'eu' }, price }] }, [
      part('100', '100', '4'),
      part('200', '200', '1'),
    ])
    expect(bill.lines.map(({ amount }) => amount)).toEqual(['2.00', '2.25'])
  })
})

describe('every bill', () => {
  const meters = ['a', 'b', 'c', 'd', 'e', 'f']
  const prices = fc.uniqueArray(fc.record({ meter: fc.constantFrom(...meters), price }), {
    selector: ({ meter }) => meter,
  })
  const usage = fc
    .uniqueArray(fc.tuple(fc.constantFrom(...meters), quantity, quantity), { selector: ([meter]) => meter })
    .map((entries) => new Map(entries.map(([meter, all, settled]) => [meter, used(all, settled)])))
  const currency = fc.constantFrom('JPY', 'USD', 'KWD', 'CLF')
  const bills = fc.record({ prices, usage, currency }).map(({ prices, usage, currency }) => ({
    usage,
    prices,
    bill: computeBill(facts({ plan: planOf(prices, currency), usage })),
  }))

  test('has a total that is the sum of its lines, in minor units', () => {
    const minor = (amount: string): bigint => BigInt(amount.replace('.', ''))
    fc.assert(
      fc.property(bills, ({ bill }) => {
        expect(minor(bill.total)).toBe(bill.lines.reduce((sum, line) => sum + minor(line.amount), 0n))
      }),
    )
  })

  test('has one line for each meter that is priced or used, and each costs what its price says', () => {
    fc.assert(
      fc.property(bills, ({ bill, prices, usage }) => {
        const nonZero = [...usage].filter(([, { quantity }]) => !quantity.eq('0'))
        const expected = new Set([...prices.map(({ meter }) => meter), ...nonZero.map(([meter]) => meter)])
        expect(bill.lines.map((line) => line.meter).sort()).toEqual([...expected].sort())
        for (const line of bill.lines) {
          const { amount } =
            line.price === null
              ? { amount: undefined }
              : rate(line.price, decimal(line.quantity), bill.currency)
          if (amount !== undefined) expect(line.amount).toBe(amount)
          expect(decimal(line.settled_quantity).plus(line.live_quantity).eq(line.quantity)).toBe(true)
        }
      }),
    )
  })

  test('has the form that the API documents', () => {
    fc.assert(
      fc.property(bills, ({ bill }) => {
        expect(billSchema.parse(bill)).toEqual(bill)
      }),
    )
  })
})
