// Which API keys are known, by their hash: a revoked key stops everywhere once its entry is over age.

import { AgedCache } from './aged-cache.ts'

/** A revoked key is refused by every instance at most this long after. */
export const KEY_MAX_AGE_MS = 30_000
/** An unknown key is asked for again after this. */
export const UNKNOWN_KEY_MAX_AGE_MS = 5_000
export const KEY_MAX_ENTRIES = 1_000
/** From this age one request renews a key, so that the others never wait for Postgres. */
const KEY_RENEW_AGE_MS = 20_000

export type KnownKey = { keyId: string; tenantId: string }

export class KeyCache {
  readonly #known: AgedCache<KnownKey>
  /** Apart from the known ones: whoever tries made-up keys pushes out none that work. */
  readonly #unknown: AgedCache<true>

  constructor(clock: () => number) {
    this.#known = new AgedCache(
      { maxEntries: KEY_MAX_ENTRIES, maxAgeMs: KEY_MAX_AGE_MS, renewAgeMs: KEY_RENEW_AGE_MS },
      clock,
    )
    this.#unknown = new AgedCache({ maxEntries: KEY_MAX_ENTRIES, maxAgeMs: UNKNOWN_KEY_MAX_AGE_MS }, clock)
  }

  get(hash: string): { value: KnownKey; renew: boolean } | 'unknown' | undefined {
    return this.#known.get(hash) ?? (this.#unknown.get(hash) === undefined ? undefined : 'unknown')
  }

  put(hash: string, key: KnownKey, loadedAtMs: number): void {
    this.#known.put(hash, key, loadedAtMs)
  }

  putUnknown(hash: string, loadedAtMs: number): void {
    this.#known.delete(hash)
    this.#unknown.put(hash, true, loadedAtMs)
  }
}
