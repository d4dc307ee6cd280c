// A subscription: a customer on a plan, from an instant on. What it has been on when stands in its phases; periods are
// cut by its anchor, and each has its invoice.

import type { Anchor } from '../interval.ts'
import type { PlanPrice } from '../terms.ts'

/** From this instant on, until the next phase. */
export type Phase = {
  fromMs: number
  /** key and version of a plan; a version never changes */
  plan: string
  version: number
  /** prices in place of the plan's own, by meter */
  overrides: PlanPrice[]
  /** local date that the periods are counted from while this phase lasts; with the time at which they begin, if not at midnight */
  anchorDate: string
  /** a period begins with it, and what came before ends, wherever that would have ended: its interval is another */
  beginsPeriod?: true
}

/** `used`: on how many invoices it was taken off. */
export type AttachedCoupon = { coupon: string; used: number }

export type Subscription = {
  id: string
  customerId: string
  /** the tenant's own id for it; absent: it has none */
  externalId?: string
  /** with an external id: what was asked for, a digest of each field */
  asked?: Record<string, string>
  /** at a bucket's start, as are all instants here */
  startMs: number
  anchor: Anchor
  /** what its periods were to be counted from, where that was said; absent: from the start */
  billingAnchor?: string
  /** end of the trial; null: there is none */
  trialEndMs: number | null
  /** what came before is history, and was never billed here; a boundary of its periods. Absent: all is billed */
  billFromMs?: number
  /** when it ends; null: it goes on */
  cancelAtMs: number | null
  /** ascending; the first begins at startMs */
  phases: Phase[]
  coupons: AttachedCoupon[]
  metadata: Record<string, string>
  /** when closing has something to do for it; null: never again */
  dueMs: number | null
  /** its draft; null: none any more */
  open: { invoiceId: string; startMs: number; endMs: number } | null
  /** number of the invoice that comes next after those that there are */
  nextSequence: number
  createdMs: number
}

export const SUBSCRIPTIONS_PER_CUSTOMER = 50
export const PHASES_PER_SUBSCRIPTION = 100

export type SubscriptionStatus = 'scheduled' | 'trialing' | 'active' | 'canceled'

export function statusOf(
  { startMs, trialEndMs, cancelAtMs }: Pick<Subscription, 'startMs' | 'trialEndMs' | 'cancelAtMs'>,
  nowMs: number,
): SubscriptionStatus {
  // One that was canceled before its start ends with its start: it never begins.
  if (cancelAtMs !== null && (cancelAtMs <= nowMs || cancelAtMs <= startMs)) return 'canceled'
  if (nowMs < startMs) return 'scheduled'
  return trialEndMs !== null && nowMs < trialEndMs ? 'trialing' : 'active'
}

/** The phase that an instant is in; before the start, the first. */
export const phaseAt = ({ phases }: Pick<Subscription, 'phases'>, atMs: number): Phase =>
  phases.findLast(({ fromMs }) => fromMs <= atMs) ?? phases[0]!

/** Where the first period begins that is billed. */
export const firstBilledMs = ({
  startMs,
  trialEndMs,
  billFromMs = startMs,
}: Pick<Subscription, 'startMs' | 'trialEndMs' | 'billFromMs'>): number =>
  Math.max(trialEndMs ?? startMs, billFromMs)

/** From when on its meters are priced by it. */
export const pricedFromMs = ({ startMs, billFromMs = startMs }: Subscription): number =>
  Math.max(startMs, billFromMs)

/** Where the last thing ends that this subscription bills within [startMs, endMs). */
export const endWithin = ({ cancelAtMs }: Subscription, endMs: number): number =>
  cancelAtMs === null ? endMs : Math.min(endMs, cancelAtMs)

export type PhaseSpan = { phase: Phase; fromMs: number; toMs: number }

/** The phases within [startMs, endMs), cut to it. */
export const phasesWithin = ({ phases }: Subscription, startMs: number, endMs: number): PhaseSpan[] =>
  phases.flatMap((phase, i) => {
    const fromMs = Math.max(phase.fromMs, startMs)
    const toMs = Math.min(phases[i + 1]?.fromMs ?? endMs, endMs)
    return fromMs < toMs ? [{ phase, fromMs, toMs }] : []
  })
