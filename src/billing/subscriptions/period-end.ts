// The period that an instant is in, and when it ends. The draft may be of an earlier one, whose invoice still waits out its grace.

import { type DraftFacts, openingOf, periodFrom } from '../invoices/draft.ts'

const PERIODS_LOOKED_AHEAD = 5_000

type Period = { startMs: number; endMs: number }

export const periodEndAfter = (facts: DraftFacts, nowMs: number): number => periodAround(facts, nowMs).endMs

export function periodAround(facts: DraftFacts, instantMs: number): Period {
  const { subscription } = facts
  // What comes before the first period, but for a trial, is an instant and no period.
  const atMs = Math.max(instantMs, subscription.startMs)
  const { startMs, trialEndMs, billFromMs = startMs } = subscription
  if (atMs < billFromMs) {
    if (atMs < (trialEndMs ?? startMs)) return { startMs, endMs: trialEndMs! }
    // History has periods, too, and no invoices of them. Where it ends, so do they: a change may have given them another calendar.
    const history = periodFrom(facts, atMs)
    return { startMs: history.startMs, endMs: Math.min(history.endMs, billFromMs) }
  }
  let period: Period = subscription.open ?? openingOf(subscription)
  for (let i = 0; period.endMs <= atMs; i++) {
    if (i > PERIODS_LOOKED_AHEAD)
      throw new Error(`The subscription ${subscription.id} finds no end of its period`)
    period = periodFrom(facts, period.endMs)
  }
  return period
}
