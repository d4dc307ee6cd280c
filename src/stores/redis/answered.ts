// What this process was answered as accepted, by tenant and meter. It is sent along with the next call, and Redis compares
// it with what it holds: the only way to notice that it has lost what it had acknowledged. Bounded; it forgets the oldest.

import { type Decimal, text, zero } from '../../kernel/decimal.ts'

const METERS_KEPT = 10_000
/** Redis keeps one caller a slot; two that share one can't be told about losses. */
const SLOTS = 16

export class Answered {
  readonly caller = crypto.randomUUID().slice(0, 13)
  readonly slot = String(Math.floor(Math.random() * SLOTS))
  readonly #amounts = new Map<string, { events: number; quantity: Decimal }>()

  /** "events quantity" */
  of(tenantId: string, meter: string): string {
    const amount = this.#amounts.get(`${tenantId} ${meter}`)
    return amount ? `${amount.events} ${text(amount.quantity)}` : '0 0'
  }

  /** `taken`: "events quantity" by one call. */
  add(tenantId: string, meter: string, taken: string): void {
    const [events = '0', quantity = '0'] = taken.split(' ')
    if (events === '0') return
    const key = `${tenantId} ${meter}`
    const before = this.#amounts.get(key) ?? { events: 0, quantity: zero }
    this.#amounts.delete(key)
    this.#amounts.set(key, {
      events: before.events + Number(events),
      quantity: before.quantity.plus(quantity),
    })
    if (this.#amounts.size > METERS_KEPT) this.#amounts.delete(this.#amounts.keys().next().value!)
  }
}
