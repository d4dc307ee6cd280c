// How many lines of its own the invoice of a period may have. It is checked where a subscription is made or changed, and the
// caller can do something about it; closing refuses nothing, as a period that can't be closed would stop all that follow.

import { TollgateError } from '../../kernel/errors.ts'
import { type Account, termsOfPhase } from '../account.ts'
import type { DraftFacts } from '../invoices/draft.ts'
import { LINES_PER_PERIOD } from '../invoices/invoice.ts'
import { spansOfPeriod } from '../invoices/usage-lines.ts'
import { periodAround } from './period-end.ts'
import { firstBilledMs, phasesWithin, type Subscription } from './subscription.ts'

/** A fee may be a line for what is due, one for what was billed in advance and is not, and one for the next period. */
const LINES_PER_FEE = 3

/** Throws validation_failed where the period that an instant is in would have too many lines. A trial has none. */
export function refuseTooManyLines(facts: DraftFacts, atMs: number): void {
  const { account, subscription } = facts
  const billedMs = Math.max(atMs, firstBilledMs(subscription))
  const lines = linesOf(account, subscription, periodAround(facts, billedMs))
  if (lines <= LINES_PER_PERIOD) return
  const detail = `must leave the period with at most ${LINES_PER_PERIOD} lines on its invoice: it would have up to ${lines}, for the prices, group prices and fees of every plan that it was on`
  throw new TollgateError('validation_failed', 'The invoice of the period would have too many lines.', {
    issues: [
      {
        pointer: '#/plan',
        detail: `${detail}. Change it at the period’s end ("when": "period_end"), or take a plan with fewer`,
      },
    ],
  })
}

function linesOf(
  account: Account,
  subscription: Subscription,
  period: { startMs: number; endMs: number },
): number {
  const usage = spansOfPeriod(account, subscription, period).reduce(
    (all, { matches }) => all + matches.length + 1,
    0,
  )
  const fees = phasesWithin(subscription, period.startMs, period.endMs).reduce(
    (all, { phase }) => all + termsOfPhase(account, phase).fees.length,
    0,
  )
  return usage + LINES_PER_FEE * fees
}
