// What this process was answered as accepted, by tenant and meter. It is sent along with the next call, and Redis compares
// it with what it holds: the only way to notice that it has lost what it had acknowledged. Bounded; it forgets the oldest.

import { type Decimal, decimal, text } from '../../kernel/decimal.ts'

const METERS_KEPT = 10_000
/** Redis keeps one caller a slot. Two that share one begin a new lineage at each other's calls, and notice less. */
const SLOTS = 16

type Lineage = { lineage: string; events: number; quantity: Decimal }

export class Answered {
  readonly slot = String(Math.floor(Math.random() * SLOTS))
  readonly #lineages = new Map<string, Lineage>()

  /** "lineage events quantity", or nothing */
  of(tenantId: string, meter: string): string {
    const known = this.#lineages.get(`${tenantId} ${meter}`)
    return known ? `${known.lineage} ${known.events} ${text(known.quantity)}` : ''
  }

  /** `taken`: "lineage events quantity" by one call. Another lineage than before begins with it. */
  add(tenantId: string, meter: string, taken: string): void {
    const [lineage = '', events = '0', quantity = '0'] = taken.split(' ')
    if (events === '0') return
    const key = `${tenantId} ${meter}`
    const before = this.#lineages.get(key)
    const goesOn = before?.lineage === lineage
    this.#lineages.delete(key)
    this.#lineages.set(key, {
      lineage,
      events: Number(events) + (goesOn ? before.events : 0),
      quantity: goesOn ? before.quantity.plus(quantity) : decimal(quantity),
    })
    if (this.#lineages.size > METERS_KEPT) this.#lineages.delete(this.#lineages.keys().next().value!)
  }
}
