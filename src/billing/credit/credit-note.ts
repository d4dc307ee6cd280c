// A credit note as the API takes it and shows it.

import { z } from 'zod'
import { decimalOutput, decimalString } from '../../kernel/decimal-schema.ts'
import { knownFields } from '../../kernel/object-schema.ts'
import { line } from '../../kernel/text.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { wholeNumber } from '../../kernel/whole-number.ts'
import { type Invoice, invoiceNumber, LINES_PER_INVOICE } from '../invoices/invoice.ts'
import type { CreditNote } from './credit.ts'

const REASON_CHARS = 500
const settlements = ['invoice', 'credit', 'refund'] as const

const askedLineSchema = knownFields('A line of a credit note', {
  line: wholeNumber(1, LINES_PER_INVOICE).meta({
    description: 'Its number in the invoice, as in `lines` and lines.csv.',
    example: 2,
  }),
  amount: decimalString({ above: '0' }).optional().meta({
    description:
      'How much of it, before tax. Absent, and no quantity: all that is left of it, and no more than is left of the invoice.',
    example: '12.50',
  }),
  quantity: decimalString({ above: '0' }).optional().meta({
    description:
      'Instead of an amount, how much of what the line counts: its usage, or the days of a fee. It comes to that part of what is left of the line, whatever its price is made of.',
    example: '3',
  }),
})
  .refine(({ amount, quantity }) => amount === undefined || quantity === undefined, {
    path: ['quantity'],
    error: 'must not come together with an amount: one of them, or neither for all that is left',
  })
  .meta({ id: 'CreditNoteLineInput' })

export const creditNoteInputSchema = knownFields('A credit note', {
  amount: decimalString({ above: '0' }).optional().meta({
    description:
      'In the invoice’s currency, tax included: it is split over net and taxes as they are in what is left of the invoice. Or send `lines`.',
    example: '12.50',
  }),
  lines: z
    .array(askedLineSchema)
    .min(1)
    .max(LINES_PER_INVOICE)
    .optional()
    .meta({
      description: 'Instead of an amount: which lines of the invoice, each once. Their taxes come along.',
      example: [{ line: 1, quantity: '3' }, { line: 2 }],
    }),
  reason: line(REASON_CHARS).meta({ description: 'On the credit note.', example: 'Outage on 3 November' }),
  settlement: z.enum(settlements, { error: 'must be "invoice", "credit" or "refund"' }).optional().meta({
    'x-name': 'Settlement',
    description:
      'invoice: reduces what is due, as long as it is not paid. credit: the customer’s next invoices draw on it. refund: you pay it back yourself. Absent: invoice where it is not paid, credit otherwise.',
    example: 'credit',
  }),
})
  .refine(({ amount, lines }) => (amount === undefined) !== (lines === undefined), {
    path: ['amount'],
    error: 'must be there, or lines must: one of them, not both',
  })
  .meta({ id: 'CreditNoteInput' })
export type CreditNoteInput = z.output<typeof creditNoteInputSchema>

/** A credit note, and the invoice that it is of. */
export type NoteOfInvoice = { note: CreditNote; invoice: Invoice }

export const creditNoteNumber = (number: number): string => `CN-${String(number).padStart(6, '0')}`

const id = z.guid().meta({ example: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11' })
const money = (description: string, example: string) => decimalOutput().meta({ description, example })
const rateFields = { name: z.string().meta({ example: 'VAT' }), percent: z.string().meta({ example: '19' }) }

const creditedLineSchema = z
  .object({
    line: z.int().nullable().meta({
      description:
        'Its number in the invoice; null: of the invoice as a whole, as it was asked for by amount.',
      example: 2,
    }),
    name: z.string().nullable().meta({ description: 'As on the invoice.', example: 'Base fee' }),
    quantity: decimalOutput().nullable().meta({
      description: 'Of what the line counts; null: it was asked for by amount, or as all that was left.',
      example: '3',
    }),
    amount: money('Taken back of it, after its share of the coupons and before tax.', '4.90'),
    tax_rates: z.array(z.object(rateFields)).meta({ description: 'The rates that are on it.' }),
  })
  .meta({ id: 'CreditNoteLine' })

export const creditNoteSchema = z
  .object({
    id,
    number: z.string().meta({ description: 'Without gaps within the tenant.', example: 'CN-000007' }),
    invoice_id: id,
    invoice_number: z.string().meta({ example: 'INV-000042' }),
    customer_id: z.string().meta({ example: 'cust_42' }),
    currency: z.string().meta({ example: 'EUR' }),
    lines: z.array(creditedLineSchema),
    subtotal: money('Sum of the lines.', '4.90'),
    taxes: z
      .array(
        z.object({
          ...rateFields,
          taxable_amount: money('What it is of: the subtotal.', '4.90'),
          amount: money('Taken back.', '0.93'),
        }),
      )
      .meta({
        description:
          'By rate, those of the invoice. Rounded so that credit notes that take back all of an invoice add up to its taxes.',
      }),
    total: money('subtotal + taxes: what is taken off, becomes credit or is paid back.', '5.83'),
    amount: money('The same as `total`.', '5.83'),
    reason: z.string().meta({ example: 'Outage on 3 November' }),
    settlement: z.enum(settlements).meta({ 'x-name': 'Settlement' }),
    created_at: z.iso.datetime().meta({ example: '2026-11-22T10:00:00.000Z' }),
  })
  .meta({ id: 'CreditNote' })

export const creditNoteJson = ({ note, invoice }: NoteOfInvoice): z.input<typeof creditNoteSchema> => ({
  id: note.id,
  number: creditNoteNumber(note.number!),
  invoice_id: note.invoiceId,
  invoice_number: invoiceNumber(invoice.number!),
  customer_id: note.customerId,
  currency: note.currency,
  lines: note.lines.map((one) => ({
    ...one,
    tax_rates: note.taxes.map(({ name, percent }) => ({ name, percent })),
  })),
  subtotal: note.subtotal,
  taxes: note.taxes.map(({ taxableAmount, ...tax }) => ({ ...tax, taxable_amount: taxableAmount })),
  total: note.amount,
  amount: note.amount,
  reason: note.reason,
  settlement: note.settlement,
  created_at: rfc3339(note.createdMs),
})
