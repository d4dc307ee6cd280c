// A subscription by the tenant's own id for it: the same one sent again is the one that there is, and another content is a conflict.

import { digest128 } from '../../kernel/digest.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { canonicalJson } from '../../kernel/same-json.ts'
import { hourOf } from '../date-or-instant.ts'
import { anchorAt } from '../interval.ts'
import type { Subscription } from './subscription.ts'
import { anchorKind, type SubscriptionInput } from './subscription-input.ts'

/** What was asked for, a digest of each field: equal for equal content, however it is written. */
export function askedOf(
  { external_id: _, ...input }: SubscriptionInput,
  timezone: string,
): Record<string, string> {
  const instant = (text: string | undefined) => (text === undefined ? undefined : hourOf(text, timezone))
  const { billing_anchor: anchor } = input
  const read = {
    ...input,
    start: instant(input.start),
    bill_from: instant(input.bill_from),
    anchor: anchorKind(input),
    billing_anchor: anchor === undefined ? undefined : anchorAt(timezone, hourOf(anchor, timezone)),
  }
  return Object.fromEntries(
    Object.entries(read).map(([field, value]) => [field, digest128(canonicalJson(value ?? null))]),
  )
}

/** Throws already_exists, and names what is another. */
export function refuseOtherContent(
  { id, externalId, asked: before = {} }: Subscription,
  asked: Record<string, string>,
): void {
  // A field that there was not yet when it was made is one that nobody sent.
  const none = digest128(canonicalJson(null))
  const fields = Object.keys({ ...asked, ...before }).filter(
    (field) => (before[field] ?? none) !== (asked[field] ?? none),
  )
  if (fields.length === 0) return
  throw new TollgateError(
    'already_exists',
    `There is a subscription ${JSON.stringify(externalId)} already (${id}), and it was made with another ${fields.join(', ')}. To put it on another plan: POST /api/v1/subscriptions/${id}/change`,
    { issues: fields.map((field) => ({ pointer: `#/${field}`, detail: 'is another there' })) },
  )
}
