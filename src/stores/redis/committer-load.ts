// How many objects a tenant's calls go to, as this Worker's isolate has seen it: one, and more while they say that they are
// overloaded. One that failed is left alone for a moment, so that not every call waits for it.

/** Of a tenant, at most. */
export const OBJECTS_PER_TENANT = 32
/** So long a tenant keeps the objects that its load has asked for. */
const WIDE_MS = 60_000
const REST_AFTER_OVERLOAD_MS = 500
const REST_AFTER_FAILURE_MS = 1_000
/** Tenants of which anything is remembered; most have one object that works, of which there is nothing to remember. */
const TENANTS_KEPT = 1_000

type Known = { width: number; wideUntilMs: number; restsUntilMs: Map<number, number> }

export class CommitterLoad {
  readonly #tenants = new Map<string, Known>()
  readonly #clock: () => number
  readonly #random: () => number

  constructor(clock: () => number = Date.now, random: () => number = Math.random) {
    this.#clock = clock
    this.#random = random
  }

  /** The number of an object to ask; null: all of them rest. */
  pick(tenantId: string): number | null {
    const known = this.#tenants.get(tenantId)
    if (known === undefined) return 0
    const nowMs = this.#clock()
    if (known.wideUntilMs <= nowMs) known.width = 1
    const awake = Array.from({ length: known.width }, (_, n) => n).filter(
      (n) => (known.restsUntilMs.get(n) ?? 0) <= nowMs,
    )
    return awake[Math.floor(this.#random() * awake.length)] ?? null
  }

  /** It rests, and there is one more. */
  overloaded(tenantId: string, n: number): void {
    const known = this.#known(tenantId)
    const nowMs = this.#clock()
    // Many calls may learn of the same object at once: they are one reason for one more.
    const news = (known.restsUntilMs.get(n) ?? 0) <= nowMs
    known.restsUntilMs.set(n, nowMs + REST_AFTER_OVERLOAD_MS)
    if (news) known.width = Math.min(known.width + 1, OBJECTS_PER_TENANT)
    known.wideUntilMs = nowMs + WIDE_MS
  }

  failed(tenantId: string, n: number): void {
    this.#known(tenantId).restsUntilMs.set(n, this.#clock() + REST_AFTER_FAILURE_MS)
  }

  #known(tenantId: string): Known {
    let known = this.#tenants.get(tenantId)
    if (known === undefined) {
      known = { width: 1, wideUntilMs: 0, restsUntilMs: new Map() }
      this.#tenants.set(tenantId, known)
      if (this.#tenants.size > TENANTS_KEPT) this.#tenants.delete(this.#tenants.keys().next().value!)
    }
    return known
  }
}
