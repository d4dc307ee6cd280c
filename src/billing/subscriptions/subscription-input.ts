// What subscriptions take, and how they are shown.

import { z } from 'zod'
import { knownFields } from '../../kernel/object-schema.ts'
import { isStorable, keySchema, line } from '../../kernel/text.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { wholeNumber } from '../../kernel/whole-number.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { dateOrInstant } from '../date-or-instant.ts'
import { type Anchor, boundaryMs, timeOfAnchor } from '../interval.ts'
import { pricesSchema, TRIAL_MAX_DAYS } from '../terms.ts'
import { type Phase, phaseAt, type Subscription, statusOf } from './subscription.ts'

export const COUPONS_PER_SUBSCRIPTION = 10
const METADATA_KEYS = 50
const EXTERNAL_ID_CHARS = 200
/** More than a plan will have, and a number that every store can hold. */
const VERSION_MAX = 999_999_999

const plan = keySchema.meta({ description: 'Key of the plan.', example: 'pro' })
export const planVersionSchema = wholeNumber(1, VERSION_MAX).meta({
  description: 'Version of the plan; absent: the newest.',
  example: 2,
})
const overrides = pricesSchema.meta({
  description: 'Prices in place of the plan’s own, for meters that the plan prices.',
  example: [],
})
const when = z.enum(['now', 'period_end'], { error: 'must be "now" or "period_end"' }).meta({
  'x-name': 'ChangeTime',
  description: 'now: with this hour. period_end: when the current period ends.',
  example: 'now',
})

export const externalIdSchema = line(EXTERNAL_ID_CHARS).meta({
  description: 'Your own id for the subscription; no two have the same.',
  example: 'sub_1042',
})

export const subscriptionInputSchema = knownFields('A subscription', {
  customer_id: customerIdSchema,
  plan,
  version: planVersionSchema.optional(),
  external_id: externalIdSchema.optional(),
  start: dateOrInstant().optional().meta({
    description:
      'When it begins, with the hour that this is in (a date: with its midnight in your time zone); absent: now. At any time in the past, or up to a year ahead.',
    example: '2026-11-01T00:00:00Z',
  }),
  anchor: z
    .enum(['calendar', 'anniversary'], { error: 'must be "calendar" or "anniversary"' })
    .optional()
    .meta({
      'x-name': 'Anchor',
      description:
        'calendar (the default without `billing_anchor`): periods are those of the calendar, and the first one is shorter. anniversary: they are counted from the day of the start, or of the trial’s end, or from `billing_anchor`.',
      example: 'anniversary',
    }),
  billing_anchor: dateOrInstant().optional().meta({
    description:
      'What periods are counted from, if not from the start: they begin on its day (of a date at midnight in your time zone, of a time with its hour), and the first one lasts from the start to the first such day. A day that a month lacks is its last.',
    example: '2024-01-31',
  }),
  bill_from: dateOrInstant().optional().meta({
    description:
      'Of a subscription that you bring along: what ended by then is history, and not invoiced. It is where a period begins, at most 366 days back. Absent: all is invoiced from the start on; it has to be there where the start is longer ago.',
    example: '2026-11-30',
  }),
  trial_days: wholeNumber(0, TRIAL_MAX_DAYS)
    .optional()
    .meta({ description: 'In place of the plan’s own.', example: 0 }),
  overrides: overrides.default([]),
  coupons: z
    .array(keySchema.meta({ example: 'welcome' }))
    .max(COUPONS_PER_SUBSCRIPTION)
    .refine((keys) => new Set(keys).size === keys.length, 'must name each coupon once')
    .default([])
    .meta({
      description: 'Keys of coupons, in the order in which they are taken off.',
      example: ['welcome'],
    }),
  metadata: z
    .record(line(64), z.string().max(500).refine(isStorable, 'must be valid Unicode without NUL characters'))
    .refine((all) => Object.keys(all).length <= METADATA_KEYS, `must have at most ${METADATA_KEYS} names`)
    .default({})
    .meta({ description: 'Your own notes.', example: {} }),
})
  .refine(({ anchor, billing_anchor }) => anchor !== 'calendar' || billing_anchor === undefined, {
    path: ['billing_anchor'],
    error: 'must not come together with the anchor "calendar", whose periods are those of the calendar',
  })
  .meta({ id: 'SubscriptionInput' })

export const planChangeInputSchema = knownFields('A change of a subscription', {
  plan,
  version: planVersionSchema.optional(),
  overrides: overrides.default([]),
  when,
  invoice: z.enum(['now', 'next'], { error: 'must be "now" or "next"' }).default('next').meta({
    'x-name': 'ChangeInvoicing',
    description:
      'next: what a change `now` makes due stands on the invoice of the period. now: it is invoiced at once. With another interval that is the invoice of the period that the change ends; else one for the corrections of what is billed in advance, if they come to more than nothing. A change at the period’s end makes nothing due before.',
    example: 'next',
  }),
}).meta({ id: 'SubscriptionChange' })

export const cancelInputSchema = knownFields('A cancellation', { when }).meta({ id: 'SubscriptionCancel' })

export type SubscriptionInput = z.output<typeof subscriptionInputSchema>
export type PlanChangeInput = z.output<typeof planChangeInputSchema>
/** What was asked for, or follows from what was. */
export const anchorKind = ({
  anchor,
  billing_anchor,
}: Pick<SubscriptionInput, 'anchor' | 'billing_anchor'>): Anchor =>
  anchor ?? (billing_anchor === undefined ? 'calendar' : 'anniversary')

export type CancelInput = z.output<typeof cancelInputSchema>

const instant = (description: string) =>
  z.iso.datetime().meta({ description, example: '2026-11-01T00:00:00.000Z' })

const phaseFields = {
  plan: z.string().meta({ example: 'pro' }),
  version: z.int().meta({ example: 2 }),
  overrides: pricesSchema,
}

export const subscriptionSchema = z
  .object({
    id: z.guid().meta({ example: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11' }),
    external_id: z.string().nullable().meta({ description: 'Your own id for it.', example: 'sub_1042' }),
    customer_id: z.string().meta({ example: 'cust_42' }),
    status: z.enum(['scheduled', 'trialing', 'active', 'canceled']).meta({ 'x-name': 'SubscriptionStatus' }),
    ...phaseFields,
    start: instant('When it began, or begins.'),
    anchor: z.enum(['calendar', 'anniversary']).meta({ 'x-name': 'Anchor' }),
    billing_anchor: z.string().meta({
      description:
        'What its periods are counted from at present: a date, or an instant where they don’t begin at midnight. A change to another interval moves it.',
      example: '2024-01-31',
    }),
    bill_from: instant('From when on it is invoiced; null: from its start.').nullable(),
    trial_end: instant('When its trial ends or ended; null: there was none.').nullable(),
    cancel_at: instant('When it ends or ended; null: it goes on.').nullable(),
    current_period: z
      .object({ start: instant('Its first instant.'), end: instant('The first instant after it.') })
      .nullable()
      .meta({ description: 'The period of the draft; null: there is none any more.' }),
    draft_invoice_id: z.guid().nullable().meta({ description: 'Its invoice, as far as it has come.' }),
    scheduled_change: z
      .object({ at: instant('When it takes effect.'), ...phaseFields })
      .nullable()
      .meta({ description: 'A change of plan that is still to come.' }),
    coupons: z.array(
      z.object({
        coupon: z.string().meta({ example: 'welcome' }),
        used: z.int().meta({ description: 'On how many invoices it was taken off.', example: 0 }),
      }),
    ),
    metadata: z.record(z.string(), z.string()),
    created_at: instant('When it was made.'),
  })
  .meta({ id: 'Subscription' })

const ofPhase = ({ plan, version, overrides }: Phase) => ({ plan, version, overrides })

const anchorJson = (anchor: string, timezone: string): string =>
  timeOfAnchor(anchor) === 0 ? anchor : rfc3339(boundaryMs(timezone, anchor, { unit: 'day', count: 1 }, 0))

export function subscriptionJson(
  subscription: Subscription,
  nowMs: number,
  timezone: string,
): z.input<typeof subscriptionSchema> {
  const { phases, open } = subscription
  const coming = phases.find(({ fromMs }) => fromMs > nowMs && fromMs > subscription.startMs)
  const instantOrNull = (ms: number | null) => (ms === null ? null : rfc3339(ms))
  return {
    id: subscription.id,
    external_id: subscription.externalId ?? null,
    customer_id: subscription.customerId,
    status: statusOf(subscription, nowMs),
    ...ofPhase(phaseAt(subscription, nowMs)),
    start: rfc3339(subscription.startMs),
    anchor: subscription.anchor,
    billing_anchor: anchorJson(phaseAt(subscription, nowMs).anchorDate, timezone),
    bill_from: instantOrNull(subscription.billFromMs ?? null),
    trial_end: instantOrNull(subscription.trialEndMs),
    cancel_at: instantOrNull(subscription.cancelAtMs),
    current_period: open && { start: rfc3339(open.startMs), end: rfc3339(open.endMs) },
    draft_invoice_id: open?.invoiceId ?? null,
    scheduled_change: coming ? { at: rfc3339(coming.fromMs), ...ofPhase(coming) } : null,
    coupons: subscription.coupons,
    metadata: subscription.metadata,
    created_at: rfc3339(subscription.createdMs),
  }
}
