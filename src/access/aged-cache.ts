// A bounded cache with a hard age. It keeps values only, never a promise or a connection: on Workers, what does I/O
// for one request can't be shared with another.

type Entry<Value> = { value: Value; loadedAtMs: number; renewAtMs: number }

export type AgedCacheOptions = {
  maxEntries: number
  /** Nothing older is ever given. */
  maxAgeMs: number
  /** From this age on, now and then one caller is asked to renew the value while the others go on with it. */
  renewAgeMs?: number
  /** How long after one caller was asked the next one is. */
  renewEveryMs?: number
}

export class AgedCache<Value> {
  readonly #entries = new Map<string, Entry<Value>>()
  readonly #options: Required<AgedCacheOptions>
  readonly #clock: () => number

  constructor(options: AgedCacheOptions, clock: () => number) {
    this.#options = { renewAgeMs: Number.POSITIVE_INFINITY, renewEveryMs: 1_000, ...options }
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  /** The value, and whether this caller is the one who should renew it. */
  get(key: string): { value: Value; renew: boolean } | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    const nowMs = this.#clock()
    const ageMs = nowMs - entry.loadedAtMs
    if (ageMs >= this.#options.maxAgeMs || ageMs < 0) {
      this.#entries.delete(key)
      return undefined
    }
    if (nowMs < entry.renewAtMs) return { value: entry.value, renew: false }
    entry.renewAtMs = nowMs + this.#options.renewEveryMs
    return { value: entry.value, renew: true }
  }

  /** The value, as long as nobody is to renew it. */
  peek(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    const nowMs = this.#clock()
    return nowMs >= entry.loadedAtMs &&
      nowMs < entry.renewAtMs &&
      nowMs - entry.loadedAtMs < this.#options.maxAgeMs
      ? entry.value
      : undefined
  }

  /** `loadedAtMs`: when the load began, so that the age never promises more than it holds. The oldest entry makes room. */
  put(key: string, value: Value, loadedAtMs: number): void {
    this.#entries.delete(key)
    if (this.#entries.size >= this.#options.maxEntries) {
      const oldest = this.#entries.keys().next()
      if (!oldest.done) this.#entries.delete(oldest.value)
    }
    this.#entries.set(key, { value, loadedAtMs, renewAtMs: loadedAtMs + this.#options.renewAgeMs })
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}
