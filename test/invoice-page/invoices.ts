// Invoices to be shown: one line of each kind, and what to make others of.

import type {
  AdjustmentLine,
  FeeLine,
  Invoice,
  InvoiceLine,
  ProrationLine,
  UsageLine,
} from '../../src/billing/invoices/invoice.ts'
import { totalsOf } from '../../src/billing/invoices/totals.ts'
import { decimal } from '../../src/kernel/decimal.ts'
import { type Price, priceSchema } from '../../src/pricing/price.ts'
import { rate } from '../../src/pricing/rate.ts'

export const BERLIN = 'Europe/Berlin'
const at = (text: string) => Date.parse(text)
export const november = { startMs: at('2026-11-01T00:00+01:00'), endMs: at('2026-12-01T00:00+01:00') }
const october = { fromMs: at('2026-10-01T00:00+02:00'), toMs: at('2026-11-01T00:00+01:00') }
const inNovember = { fromMs: november.startMs, toMs: november.endMs }

export const perUnit = (unit_amount: string): Price => priceSchema.parse({ model: 'per_unit', unit_amount })
export const tiered = priceSchema.parse({
  model: 'graduated',
  tiers: [
    { up_to: '1000000', unit_amount: '0.000002' },
    { up_to: null, unit_amount: '0.00000015', flat_amount: '5' },
  ],
  free_units: '100000',
  discount_percent: '10',
})

export function usage(more: Partial<UsageLine> = {}): UsageLine {
  const { quantity = '1200', price = perUnit('0.01'), events = '31' } = more
  const rated =
    price === null
      ? { amount: '0.00', unrounded_amount: '0', breakdown: [] }
      : rate(price, decimal(quantity), 'EUR', decimal(events))
  return {
    kind: 'usage',
    meter: 'api_call',
    name: 'API calls',
    aggregation: 'sum',
    match: null,
    ...inNovember,
    quantity,
    events,
    price,
    ...rated,
    ...more,
  }
}

const ofFee = {
  fee: 'base',
  name: 'Base fee',
  plan: 'pro',
  feeAmount: '49',
  fromDay: 0,
  toDay: 30,
  ofDays: 30,
}

export const fee = (more: Partial<FeeLine> = {}): FeeLine => ({
  kind: 'fee',
  due: 'arrears',
  ...ofFee,
  ...inNovember,
  amount: '49.00',
  ...more,
})

export const proration = (more: Partial<ProrationLine> = {}): ProrationLine => ({
  kind: 'proration',
  ...ofFee,
  fromMs: at('2026-11-15T14:00+01:00'),
  toMs: november.endMs,
  fromDay: 14,
  amount: '-26.13',
  ...more,
})

export const adjustment = (more: Partial<AdjustmentLine> = {}): AdjustmentLine => ({
  kind: 'adjustment',
  adjusts: { invoiceId: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11', number: 41, line: 3 },
  meter: 'api_call',
  name: 'API calls',
  match: null,
  ...october,
  quantity: '-20',
  ratedQuantity: '1520',
  events: '32',
  price: perUnit('0.01'),
  rated: rate(perUnit('0.01'), decimal('1520'), 'EUR'),
  amount: '-0.20',
  ...more,
})

export const everyKind: InvoiceLine[] = [
  usage(),
  usage({
    meter: 'tokens',
    name: 'Tokens',
    match: { model: 'large', tier: null },
    quantity: '2500000',
    price: tiered,
  }),
  usage({ meter: 'tokens', name: 'Tokens', quantity: '1234.5', price: null }),
  usage({ meter: 'unused', name: 'Never used', quantity: '0', price: null }),
  fee({ fee: 'support', name: 'Support', feeAmount: '20', amount: '20.00' }),
  proration(),
  proration({ plan: 'scale', feeAmount: '99', amount: '52.80' }),
  adjustment(),
  fee({
    due: 'advance',
    fromMs: november.endMs,
    toMs: at('2027-01-01T00:00+01:00'),
    toDay: 31,
    ofDays: 31,
    plan: 'scale',
    feeAmount: '99',
    amount: '99.00',
  }),
]

export function invoiceOf(lines: InvoiceLine[], more: Partial<Invoice> = {}): Invoice {
  const { currency = 'EUR' } = more
  return {
    id: '3c0e0b52-5a0c-4c0e-8f7e-1f2a3b4c5d6e',
    customerId: 'cust_42',
    subscriptionId: '7d7a4a1e-93a3-4a4f-9d0c-0e5b6a7c8d9e',
    sequence: 1,
    kind: 'period',
    status: 'issued',
    number: 42,
    currency,
    ...november,
    fullStartMs: november.startMs,
    fullEndMs: november.endMs,
    fullDays: 30,
    advance: [],
    adjustedBy: [],
    lines,
    totals: totalsOf({
      takenBack: [],
      amounts: lines.map(({ amount }) => amount),
      currency,
      attached: [{ coupon: 'welcome', used: 0 }],
      coupons: [
        {
          key: 'welcome',
          name: 'Welcome',
          percentOff: '15',
          amountOff: null,
          currency: null,
          periods: null,
          createdAt: new Date(0),
          archivedAt: null,
        },
      ],
      taxRates: [{ name: 'VAT', percent: '19' }],
      grants: [
        {
          id: '51b1f6a0-4c1d-4f7e-9d55-0d8f3a0a8f22',
          name: 'Prepaid',
          currency,
          remaining: '50',
          priority: 0,
          amount: '50',
          customerId: 'cust_42',
          source: null,
          expiresMs: null,
          createdMs: 0,
        },
      ],
      nowMs: 0,
    }),
    recipient: { name: 'Globex GmbH', email: 'billing@globex.example' },
    issuedMs: at('2026-12-01T01:07+01:00'),
    movedMs: null,
    lateUntilMs: at('2027-01-06T00:00Z'),
    usageFinal: false,
    createdMs: november.startMs,
    ...more,
  }
}
