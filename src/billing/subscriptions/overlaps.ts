// At any time a meter of a customer is priced by one subscription only: what was used is then billed once.

import { TollgateError } from '../../kernel/errors.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { type Account, termsOfPhase } from '../account.ts'
import { endWithin, type PhaseSpan, phasesWithin, pricedFromMs, type Subscription } from './subscription.ts'

const FOREVER = Number.MAX_SAFE_INTEGER

/** Throws already_priced where `subscription` would price a meter that another one of the account does at the same time. */
export function refuseOverlaps(account: Account, subscription: Subscription): void {
  for (const other of account.subscriptions) {
    if (other.id === subscription.id) continue
    for (const mine of spansOf(subscription)) {
      for (const theirs of spansOf(other)) {
        if (mine.fromMs >= theirs.toMs || theirs.fromMs >= mine.toMs) continue
        const meters = metersOf(account, theirs)
        const shared = [...metersOf(account, mine)].filter((meter) => meters.has(meter))
        if (shared.length > 0) throw alreadyPriced(shared, other, theirs)
      }
    }
  }
}

const spansOf = (subscription: Subscription): PhaseSpan[] =>
  phasesWithin(subscription, pricedFromMs(subscription), endWithin(subscription, FOREVER))

const metersOf = (account: Account, { phase }: PhaseSpan): Set<string> =>
  new Set(termsOfPhase(account, phase).prices.map(({ meter }) => meter))

function alreadyPriced(meters: string[], { id }: Subscription, { toMs }: PhaseSpan): TollgateError {
  const until = toMs === FOREVER ? 'with no end' : `until ${rfc3339(toMs)}`
  return new TollgateError(
    'already_priced',
    `The customer’s subscription ${id} prices ${meters.map((meter) => `"${meter}"`).join(', ')} already, ${until}. Usage is billed once: change or cancel that one, start this one when it ends, or take a plan without these meters.`,
  )
}
