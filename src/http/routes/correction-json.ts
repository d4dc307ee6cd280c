// Corrections as the API shows them.

import { z } from 'zod'
import { invoiceNumber } from '../../billing/invoices/invoice.ts'
import { decimalOutput } from '../../kernel/decimal-schema.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { correctionActions, type EventChange } from '../../log/act.ts'
import { correctionStates, type KeptCorrection } from '../../log/correction.ts'
import type { CustomerEffect, MeterEffect } from '../../log/effect.ts'
import { countingMeters, type TenantConfig } from '../../metering/meter.ts'
import { instant } from '../schemas.ts'

const effectSchema = z
  .object({
    customer_id: z.string().meta({ example: 'cust_42' }),
    meter: z.string().meta({ description: 'The meter’s key.', example: 'api_calls' }),
    from: instant('Start of the first hour that changes.'),
    to: instant('End of the last one.'),
    quantity: decimalOutput().nullable().meta({
      description:
        'By how much a sum, a count, or the sum of an average or a level changes. null: of a meter whose hours are counted anew.',
      example: '-100',
    }),
    counters: z.int().meta({ description: 'Hours and groups that change.', example: 1 }),
  })
  .meta({ id: 'CorrectionEffect' })

export const billSchema = z
  .object({
    customer_id: z.string().meta({ example: 'cust_42' }),
    invoice_id: z
      .string()
      .nullable()
      .meta({ description: 'null: of a customer without a subscription, the bill of this month.' }),
    number: z.string().nullable().meta({ description: 'null: it is not issued yet.', example: 'INV-000042' }),
    from: instant('Start of its period.'),
    to: instant('End of its period.'),
    currency: z.string().meta({ example: 'EUR' }),
    amount_before: decimalOutput().meta({ example: '120.00' }),
    amount_after: decimalOutput().meta({ example: '110.00' }),
  })
  .meta({ id: 'CorrectionBill' })

const actionSchema = z.enum(correctionActions).meta({ 'x-name': 'CorrectionAction', example: 'void' })

export const correctionSchema = z
  .object({
    id: z.string().meta({ example: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11' }),
    state: z.enum(correctionStates).meta({
      'x-name': 'CorrectionState',
      description:
        'draft: it changes nothing yet. wanted: its event is not settled yet, and it is entered when that is. offered: it was applied, Postgres was put back to before that, and it is entered again. applied: it is in every figure. reverted: it was. cancelled: it was taken back before it was entered. refused: it could not be entered, and `refusal` says why.',
      example: 'applied',
    }),
    action: actionSchema,
    event_id: z.string().nullable().meta({ description: 'Of one event: its id.', example: 'req_8f14e45f' }),
    filter: z
      .object({
        customer_id: z.string().nullable(),
        resource_type: z.string().nullable(),
        from: z.iso.datetime().nullable(),
        to: z.iso.datetime().nullable(),
        properties: z.record(z.string(), z.string()),
      })
      .meta({ description: 'Which events: all of it holds.' }),
    set: z
      .object({
        quantity: z.string().optional(),
        timestamp: z.iso.datetime().optional(),
        customer_id: z.string().optional(),
        properties: z.record(z.string(), z.unknown()).optional(),
      })
      .meta({ description: 'What it changes of them.' }),
    reason: z.string().meta({ example: 'sent twice by a broken retry' }),
    as: z.enum(['adjustment', 'credit_note']).meta({ 'x-name': 'CorrectionAs', example: 'adjustment' }),
    events: z.int().meta({ description: 'Events that it takes, or took.', example: 1 }),
    effect: z
      .array(effectSchema)
      .meta({ description: 'What it changes, or changed, by customer and meter.' }),
    invoices: z.array(billSchema).nullable().meta({
      description:
        'What it would do to invoices and bills, as it was when the draft was made: what their lines come to, before coupons and taxes. null: it never was a draft. Of issued invoices the difference is billed by the customer’s next one.',
    }),
    customers_not_shown: z
      .int()
      .meta({ description: 'Of how many further customers nobody has looked into the bills.', example: 0 }),
    refusal: z.string().nullable(),
    by: instant('Of one that is wanted: when it will be in every figure, about.').optional(),
    created_at: instant('When it was made.'),
    applied_at: instant('When it was applied.').nullable(),
    reverted_at: instant('When it was taken back.').nullable(),
  })
  .meta({ id: 'Correction' })

/** `byMs`: of one that waits for its event, when it will be in every figure. */
export function correctionJson(
  kept: KeptCorrection,
  tenant: TenantConfig,
  byMs: number | null = null,
): z.input<typeof correctionSchema> {
  const { filter } = kept
  const time = (ms: number | null) => (ms === null ? null : rfc3339(ms))
  const keys = new Map(countingMeters(tenant).map(({ id, key }) => [id, key]))
  return {
    id: kept.correction,
    state: kept.state,
    action: kept.action,
    event_id: filter.eventId,
    filter: {
      customer_id: filter.customerId,
      resource_type: filter.resourceType,
      from: time(filter.fromMs),
      to: time(filter.toMs),
      properties: Object.fromEntries(filter.properties),
    },
    set: setJson(kept.set),
    reason: kept.reason,
    as: kept.asCreditNote ? 'credit_note' : 'adjustment',
    events: kept.events,
    effect: kept.effect.meters.map((one) => effectJson(one, keys.get(one.meterId) ?? one.meterId)),
    invoices: kept.effect.money?.customers.flatMap(billsJson) ?? null,
    customers_not_shown: kept.effect.money?.more ?? 0,
    refusal: kept.refusal,
    ...(byMs !== null && { by: rfc3339(byMs) }),
    created_at: kept.createdAt.toISOString(),
    applied_at: kept.appliedAt?.toISOString() ?? null,
    reverted_at: kept.revertedAt?.toISOString() ?? null,
  }
}

const effectJson = (one: MeterEffect, meter: string): z.input<typeof effectSchema> => ({
  customer_id: one.customerId,
  meter,
  from: rfc3339(one.fromMs),
  to: rfc3339(one.toMs),
  quantity: one.added?.a ?? null,
  counters: one.counters,
})

export const billsJson = ({ customerId, currency, bills }: CustomerEffect): z.input<typeof billSchema>[] =>
  bills.map((bill) => ({
    customer_id: customerId,
    invoice_id: bill.invoiceId,
    number: bill.number === null ? null : invoiceNumber(bill.number),
    from: rfc3339(bill.startMs),
    to: rfc3339(bill.endMs),
    currency,
    amount_before: bill.amountBefore,
    amount_after: bill.amountAfter,
  }))

const setJson = ({ quantity, timestampMs, customerId, properties }: EventChange) => ({
  ...(quantity !== undefined && { quantity }),
  ...(timestampMs !== undefined && { timestamp: rfc3339(timestampMs) }),
  ...(customerId !== undefined && { customer_id: customerId }),
  ...(properties !== undefined && { properties }),
})
