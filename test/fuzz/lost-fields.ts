// What was sent and accepted must come back as it was: no name and no character of it may be lost on the way.

import { type FuzzRequest, payloadOf } from './request.ts'

/** What comes back in another form: with defaults, in its shortest, floored to the hour, as an instant, with what it comes to, or later. */
const RESHAPED = new Set([
  'prices',
  'lines',
  'fees',
  'start',
  'billing_anchor',
  'bill_from',
  'counts_from',
  'trial_days',
  'coupons',
  'amount',
  'amount_off',
  'percent_off',
  'duration',
  'settlement',
  'when',
  'tax_rates',
])

/** Of texts, lists of texts, and notes. */
export function lostFields(request: FuzzRequest, answer: Record<string, unknown>): string[] {
  const payload = payloadOf(request)
  // A change of plan may come later: then the subscription still shows the plan that it is on.
  if (payload === null || request.operation.id === 'changeSubscription') return []
  const { dry_run: isTried, ...sent }: Record<string, unknown> = JSON.parse(new TextDecoder().decode(payload))
  // Nothing is made by a dry run, and the answer is what would be.
  if (isTried === true) return []
  return Object.entries(sent).flatMap(([name, value]) => {
    if (RESHAPED.has(name)) return []
    const got = Object.hasOwn(answer, name) ? answer[name] : undefined
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return JSON.stringify(got) === JSON.stringify(value) ? [] : [`${name} was not kept`]
    return Object.entries(value).flatMap(([note, text]) => {
      const kept = Object.hasOwn(got as object, note) ? (got as Record<string, unknown>)[note] : null
      return kept === text ? [] : [`${name}.${note} was not kept`]
    })
  })
}
