// Invoices as the API shows them.

import { z } from 'zod'
import { roundedAmount } from '../../kernel/currency.ts'
import { zero } from '../../kernel/decimal.ts'
import { decimalOutput } from '../../kernel/decimal-schema.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { aggregations } from '../../metering/meter.ts'
import { priceSchema } from '../../pricing/price.ts'
import { ratedFields } from '../../pricing/rated.ts'
import { type Invoice, type InvoiceLine, invoiceKinds, invoiceNumber, invoiceStatuses } from './invoice.ts'
import { CORRECTIONS_NAMED } from './recount.ts'

const instant = (description: string) =>
  z.iso.datetime().meta({ description, example: '2026-11-01T00:00:00.000Z' })
const money = (description: string, example = '12.50') => decimalOutput().meta({ description, example })
const quantity = (description: string, example = '1500') => decimalOutput().meta({ description, example })
const id = z.guid().meta({ example: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11' })

const lineFields = {
  line: z.int().meta({ description: 'Its number within the invoice, from 1.', example: 1 }),
  from: instant('What it is for begins here.'),
  to: instant('The first instant after it.'),
}
const meterFields = {
  meter: z.string().meta({ example: 'tokens' }),
  name: z.string().nullable().meta({ example: 'Tokens' }),
  match: z
    .record(z.string(), z.string().nullable())
    .nullable()
    .meta({
      description: 'The groups that this price is for; null: all, or those that no other price is for.',
      example: { model: 'large' },
    }),
}
const price = priceSchema.nullable().meta({ description: 'null: nothing prices this.' })

const usageLineSchema = z
  .object({
    kind: z.literal('usage'),
    ...lineFields,
    ...meterFields,
    aggregation: z.enum(aggregations).meta({ 'x-name': 'Aggregation' }),
    quantity: quantity('What was used.'),
    events: quantity('How many events that was, where the meter knows it; else 0.', '31'),
    price,
    unpriced: z
      .boolean()
      .meta({ description: 'Used, but nothing prices it: not free, but forgotten.', example: false }),
    ...ratedFields,
  })
  .meta({ id: 'UsageLine' })

const ofFee = {
  ...lineFields,
  fee: z.string().meta({ description: 'Key of the fee.', example: 'base' }),
  name: z.string().nullable().meta({ example: 'Base fee' }),
  plan: z.string().meta({ example: 'pro' }),
  fee_amount: money('The fee for a full period.', '49'),
  days: z.int().meta({ description: 'Days that this is for …', example: 17 }),
  of_days: z.int().meta({ description: '… of so many of the full period.', example: 31 }),
  amount: money('By days, rounded so that all parts of a period add up to the fee.'),
}
const feeLineSchema = z
  .object({
    kind: z.literal('fee'),
    due: z.enum(['advance', 'arrears']).meta({ 'x-name': 'FeeDue' }),
    ...ofFee,
  })
  .meta({ id: 'FeeLine' })
const prorationLineSchema = z
  .object({
    kind: z.literal('proration'),
    ...ofFee,
    amount: money('By days; of what is taken back, less `discount`.', '-15.00'),
    discount: money('What coupons had taken off of the days that are taken back: it is not given back.', '0'),
  })
  .meta({
    id: 'ProrationLine',
    description:
      'Days that were billed in advance and turned out otherwise: taken back (negative), or added.',
  })
const adjustmentLineSchema = z
  .object({
    kind: z.literal('adjustment'),
    ...lineFields,
    adjusts: z
      .object({
        invoice_id: id,
        number: z.string().meta({ example: 'INV-000041' }),
        line: z.int().meta({ example: 1 }),
      })
      .meta({ description: 'The line of an earlier invoice that late events or corrections changed.' }),
    ...meterFields,
    quantity: quantity('What was not billed yet; negative: less was used than billed.', '20'),
    rated_quantity: quantity('What that line comes to now.', '1520'),
    events: quantity('Events of rated_quantity, where the meter knows it.', '32'),
    price,
    rated: z
      .object(ratedFields)
      .meta({ description: 'What rated_quantity costs, by the price of its own period.' }),
    amount: money('That, less what was billed so far.', '0.20'),
    corrections: z.array(id).meta({
      description: `Corrections of events that changed it, as far as they are known, ${CORRECTIONS_NAMED} at most; none: events that came late, or were counted from the log.`,
    }),
  })
  .meta({ id: 'AdjustmentLine' })

export const invoiceLineSchema = z
  .discriminatedUnion('kind', [usageLineSchema, feeLineSchema, prorationLineSchema, adjustmentLineSchema])
  .meta({ id: 'InvoiceLine' })

const summaryFields = {
  id,
  number: z
    .string()
    .nullable()
    .meta({ description: 'Without gaps within the tenant; null: not issued.', example: 'INV-000042' }),
  status: z.enum(invoiceStatuses).meta({ 'x-name': 'InvoiceStatus' }),
  kind: z.enum(invoiceKinds).meta({
    'x-name': 'InvoiceKind',
    description:
      'opening: before the first period (the trial, or what is due in advance). period: its usage and fees. change: within a period, what a change of plan made due at once. trailing: what came in late after the end.',
  }),
  customer_id: z.string().meta({ example: 'cust_42' }),
  subscription_id: id,
  period: z.object({ start: instant('Its first instant.'), end: instant('The first instant after it.') }),
  currency: z.string().meta({ description: 'ISO 4217 code.', example: 'USD' }),
  total: money('Lines − discounts + taxes. Of a draft in a list: null; read the draft itself.').nullable(),
  amount_due: money('total − credits, never below zero.').nullable(),
  issued_at: instant('When it was issued; null: it is a draft.').nullable(),
  moved_at: instant('When it was paid, written off or voided.').nullable(),
}

export const invoiceSummarySchema = z.object(summaryFields).meta({ id: 'InvoiceSummary' })

export const invoiceSchema = z
  .object({
    ...summaryFields,
    recipient: z
      .object({ name: z.string().nullable(), email: z.string().nullable() })
      .nullable()
      .meta({ description: 'The customer as it was when the invoice was issued.' }),
    lines: z.array(invoiceLineSchema),
    subtotal: money('Sum of the lines.'),
    discounts: z.array(
      z.object({
        coupon: z.string().meta({ example: 'welcome' }),
        name: z.string().nullable(),
        percent_off: decimalOutput().nullable().meta({ example: '15' }),
        amount: money('Taken off.', '1.88'),
      }),
    ),
    taxes: z.array(
      z.object({
        name: z.string().meta({ example: 'VAT' }),
        percent: decimalOutput().meta({ example: '19' }),
        amount: money('Added.', '2.02'),
      }),
    ),
    credits: z.array(z.object({ grant_id: id, name: z.string(), amount: money('Drawn.', '5.00') })),
    credit_granted: money('Of a negative total: what became credit.', '0.00'),
    incomplete: z.boolean().meta({
      description:
        'Of a draft: a meter that it prices is being filled from the event log (its `filling`), so that usage may still come that was accepted before.',
      example: false,
    }),
    as_of: instant('The instant that it is exact for: of a draft now, of any other when it was issued.'),
  })
  .meta({ id: 'Invoice' })

export type InvoiceJson = z.input<typeof invoiceSchema>

const orNull = (ms: number | null): string | null => (ms === null ? null : rfc3339(ms))

export const invoiceSummary = (invoice: Invoice): z.input<typeof invoiceSummarySchema> => ({
  id: invoice.id,
  number: invoice.number === null ? null : invoiceNumber(invoice.number),
  status: invoice.status,
  kind: invoice.kind,
  customer_id: invoice.customerId,
  subscription_id: invoice.subscriptionId,
  period: { start: rfc3339(invoice.startMs), end: rfc3339(invoice.endMs) },
  currency: invoice.currency,
  total: invoice.totals?.total ?? null,
  amount_due: invoice.totals?.amountDue ?? null,
  issued_at: orNull(invoice.issuedMs),
  moved_at: orNull(invoice.movedMs),
})

export function invoiceJson(invoice: Invoice, nowMs: number): InvoiceJson {
  const { totals, currency } = invoice
  const nothing = roundedAmount(zero, currency)
  return {
    ...invoiceSummary(invoice),
    recipient: invoice.recipient,
    lines: invoice.lines.map((line, i) => lineJson(line, i + 1)),
    subtotal: totals?.subtotal ?? nothing,
    discounts: (totals?.discounts ?? []).map(({ coupon, name, percentOff, amount }) => ({
      coupon,
      name,
      percent_off: percentOff,
      amount,
    })),
    taxes: totals?.taxes ?? [],
    credits: (totals?.credits ?? []).map(({ grantId, name, amount }) => ({
      grant_id: grantId,
      name,
      amount,
    })),
    credit_granted: totals?.creditGranted ?? nothing,
    incomplete: invoice.incomplete ?? false,
    as_of: rfc3339(invoice.issuedMs ?? nowMs),
  }
}

export function lineJson(line: InvoiceLine, number: number): z.input<typeof invoiceLineSchema> {
  const common = { line: number, from: rfc3339(line.fromMs), to: rfc3339(line.toMs) }
  switch (line.kind) {
    case 'usage': {
      const { fromMs: _, toMs: __, ...rest } = line
      return { ...common, ...rest, unpriced: line.price === null }
    }
    case 'adjustment': {
      const { fromMs: _, toMs: __, adjusts, ratedQuantity, corrections = [], ...rest } = line
      const { invoiceId, number: of, line: at } = adjusts
      return {
        ...common,
        ...rest,
        adjusts: { invoice_id: invoiceId, number: invoiceNumber(of), line: at },
        rated_quantity: ratedQuantity,
        corrections,
      }
    }
    case 'fee': {
      const { fromMs: _, toMs: __, feeAmount, fromDay, toDay, ofDays, fullStartMs: ___, ...rest } = line
      return { ...common, ...rest, fee_amount: feeAmount, days: toDay - fromDay, of_days: ofDays }
    }
    case 'proration': {
      const { fromMs: _, toMs: __, feeAmount, fromDay, toDay, ofDays, discount = '0', ...rest } = line
      const days = { days: toDay - fromDay, of_days: ofDays }
      return { ...common, ...rest, fee_amount: feeAmount, ...days, discount }
    }
  }
}
