// Which API keys are known, by their hash: a revoked key stops everywhere once its entry is over age.

import { sha256Hex } from '../kernel/digest.ts'
import { AgedCache } from './aged-cache.ts'
import { looksLikeKey } from './api-key.ts'

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
  readonly #hashes = new Map<string, string>()

  constructor(clock: () => number) {
    this.#known = new AgedCache(
      { maxEntries: KEY_MAX_ENTRIES, maxAgeMs: KEY_MAX_AGE_MS, renewAgeMs: KEY_RENEW_AGE_MS },
      clock,
    )
    this.#unknown = new AgedCache({ maxEntries: KEY_MAX_ENTRIES, maxAgeMs: UNKNOWN_KEY_MAX_AGE_MS }, clock)
  }

  /** The hash of what looks like a key, else null. The last ones are kept: a caller sends the same key all day. */
  hashOf(key: string): string | null {
    const known = this.#hashes.get(key)
    if (known !== undefined) return known
    if (!looksLikeKey(key)) return null
    const hash = sha256Hex(key)
    if (this.#hashes.size >= KEY_MAX_ENTRIES) this.#hashes.delete(this.#hashes.keys().next().value!)
    this.#hashes.set(key, hash)
    return hash
  }

  get(hash: string): { value: KnownKey; renew: boolean } | 'unknown' | undefined {
    return this.#known.get(hash) ?? (this.#unknown.get(hash) === undefined ? undefined : 'unknown')
  }

  /** A known key that nobody need renew yet. */
  peek(hash: string): KnownKey | undefined {
    return this.#known.peek(hash)
  }

  put(hash: string, key: KnownKey, loadedAtMs: number): void {
    this.#known.put(hash, key, loadedAtMs)
  }

  putUnknown(hash: string, loadedAtMs: number): void {
    this.#known.delete(hash)
    this.#unknown.put(hash, true, loadedAtMs)
  }
}
