// How far this process knows the accounts of its slot, by partition, tenant and meter's id: what Redis answered last. It is sent along with
// the next call, and Redis compares it with what it holds: the only way to notice that it has lost what it had acknowledged.
// Bounded; it forgets the oldest.

import { decimal, text } from '../../kernel/decimal.ts'
import type { Accepted } from '../../metering/ports.ts'

const METERS_KEPT = 10_000
/**
 * Redis keeps an account a slot. Those who share one know it as of their own last calls, so that what one of them counts
 * after a loss, before the other has called again, is missing from the loss's size.
 */
const SLOTS = 16
export const slots = Array.from({ length: SLOTS }, (_, slot) => String(slot))

export class Answered {
  readonly slot = slots[Math.floor(Math.random() * SLOTS)]!
  readonly #accounts = new Map<string, { events: number; text: string }>()

  /** "events quantity", or nothing */
  of(partition: number, tenantId: string, meter: string): string {
    return this.#accounts.get(`${partition} ${tenantId} ${meter}`)?.text ?? ''
  }

  /** `account`: "events quantity", or nothing. Replies may overtake each other; an account only grows. */
  add(partition: number, tenantId: string, meter: string, account: string): void {
    if (account === '') return
    const key = `${partition} ${tenantId} ${meter}`
    const events = Number(account.slice(0, account.indexOf(' ')))
    if ((this.#accounts.get(key)?.events ?? 0) > events) return
    this.#accounts.delete(key)
    this.#accounts.set(key, { events, text: account })
    if (this.#accounts.size > METERS_KEPT) this.#accounts.delete(this.#accounts.keys().next().value!)
  }
}

/** `stored`: as record keeps it. `known`: as this process knows it, which is more if Redis has lost some since. null: nothing was taken. */
export function accountOf(slot: string, stored: string, known: string): Accepted | null {
  if (stored === '' && known === '') return null
  const [events = '0', quantity = '0', lostEvents = '0', lostQuantity = '0', sinceMs] =
    stored === '' ? [] : stored.split(' ')
  const [knownEvents = '0', knownQuantity = '0'] = known === '' ? [] : known.split(' ')
  const lostSinceMs = sinceMs === undefined ? null : Number(sinceMs)
  if (decimal(knownEvents).lte(events)) {
    const lost = { events: lostEvents, quantity: lostQuantity }
    return { slot, accepted: { events, quantity }, lost, lostSinceMs }
  }
  const lost = {
    events: text(decimal(knownEvents).minus(events).plus(lostEvents)),
    quantity: text(decimal(knownQuantity).minus(quantity).plus(lostQuantity)),
  }
  return { slot, accepted: { events: knownEvents, quantity: knownQuantity }, lost, lostSinceMs }
}
