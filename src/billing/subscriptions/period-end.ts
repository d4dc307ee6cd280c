// When the period ends that an instant is in. The draft may be of an earlier one, whose invoice still waits out its grace.

import { type DraftFacts, periodFrom } from '../invoices/draft.ts'

const PERIODS_LOOKED_AHEAD = 5_000

export function periodEndAfter(facts: DraftFacts, nowMs: number): number {
  const { subscription } = facts
  // What comes before the first period, but for a trial, is an instant and no period.
  const atMs = Math.max(nowMs, subscription.startMs)
  let endMs = subscription.open?.endMs ?? subscription.startMs
  for (let i = 0; endMs <= atMs; i++) {
    if (i > PERIODS_LOOKED_AHEAD)
      throw new Error(`The subscription ${subscription.id} finds no end of its period`)
    endMs = periodFrom(facts, endMs).endMs
  }
  return endMs
}
