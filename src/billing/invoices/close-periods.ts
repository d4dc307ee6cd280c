// Closes several periods of an account at once, where more than one is due: of a subscription that began in the past, or after
// the job stood still. Which periods those are doesn't depend on usage, so all of it is read before the first is closed, and
// what is read once shows no late usage of the periods that are closed with it.

import { type AccountChange, changedBy, together } from '../account.ts'
import { type CloseFacts, closeAccount, isDue, openInvoice } from './close.ts'
import { spansOf } from './compute.ts'
import { type DraftFacts, dueOf, periodAfter } from './draft.ts'
import { type Invoice, LINES_PER_PERIOD } from './invoice.ts'
import { lookedInto, reachable } from './late-usage.ts'
import { spansOfPeriod, type UsageSpan } from './usage-lines.ts'

type DueFacts = Omit<CloseFacts, 'usageOf' | 'meters'>

/**
 * The usage that closing asks for, round by round: in each, every subscription that is due closes a period. There is at least one
 * round, and further ones as long as their lines together are no more than a period may have.
 */
export function roundsToClose(facts: DueFacts, most: number): UsageSpan[][] {
  const { account, nowMs } = facts
  const due = account.subscriptions.filter((subscription) => isDue(subscription, nowMs))
  const opens = due.map((subscription) => ({ subscription, open: openInvoice({ ...facts, subscription }) }))
  const rounds = [opens.flatMap(({ subscription, open }) => spansOf(account, subscription, open))]
  // What an invoice has no room to look at is read for the next one.
  const looksAtAll = due.every(({ id }) => lookedInto(account, id).length === reachable(account, id).length)
  const following = looksAtAll
    ? opens.map(({ subscription, open }) => periodsAfter({ ...facts, subscription }, open))
    : []
  for (let room = LINES_PER_PERIOD; rounds.length < most; ) {
    const periods = following.map((one) => one.next()).flatMap(({ value }) => (value ? [value] : []))
    const spans = periods.flat()
    room -= spans.reduce((all, { matches }) => all + matches.length + 1, periods.length)
    if (periods.length === 0 || room < 0) break
    rounds.push(spans)
  }
  return rounds
}

/** The spans of each period after the draft's that is due as well. */
function* periodsAfter(facts: DraftFacts, draft: Invoice): Generator<UsageSpan[], undefined> {
  const { account, subscription, settings, nowMs } = facts
  for (let period = periodAfter(facts, draft); period !== null; period = periodAfter(facts, period)) {
    if (dueOf(subscription, period, settings) > nowMs) return
    yield spansOfPeriod(account, subscription, period)
  }
}

/** Closes so many rounds. What can't be closed stops at it, and keeps nothing back that came before: the next closing says why. */
export function closePeriods(facts: CloseFacts, rounds: number): AccountChange {
  let change = closeAccount(facts)
  let account = changedBy(facts.account, change)
  for (let round = 1; round < rounds; round++) {
    try {
      const closed = closeAccount({ ...facts, account })
      change = together(change, closed)
      account = changedBy(account, closed)
    } catch {
      return change
    }
  }
  return change
}
