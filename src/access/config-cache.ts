// What the hot path knows of tenants: their meters, time zone and currency. A cached configuration may be old, but not
// unnoticed: counting compares its version with Redis's. Nothing here does I/O but `reload`.

import type { TenantConfig } from '../metering/meter.ts'
import type { TenantConfigs } from '../metering/ports.ts'
import { AgedCache } from './aged-cache.ts'
import type { KeyStore } from './ports.ts'

export const CONFIG_MAX_AGE_MS = 30_000
/** Tenants kept at most; one with 200 meters takes some 50 kB. */
export const CONFIG_MAX_ENTRIES = 1_000
/** Reloads because of an unknown resource type: so many at once, and then one a second, for each tenant. */
export const RELOAD_BURST = 5
const RELOAD_EVERY_MS = 1_000

export type ConfigSource = Pick<KeyStore, 'loadConfig' | 'raiseConfigVersion'>

type ReloadReason = Parameters<TenantConfigs['reload']>[1]

export class ConfigCache implements TenantConfigs {
  readonly #cache: AgedCache<TenantConfig>
  /** The time at which a tenant's allowance of forced reloads is full again; it moves ahead with every reload. */
  readonly #allowance: AgedCache<number>
  readonly #source: ConfigSource
  readonly #clock: () => number

  constructor(source: ConfigSource, clock: () => number) {
    this.#source = source
    this.#clock = clock
    this.#cache = new AgedCache({ maxEntries: CONFIG_MAX_ENTRIES, maxAgeMs: CONFIG_MAX_AGE_MS }, clock)
    this.#allowance = new AgedCache(
      { maxEntries: CONFIG_MAX_ENTRIES, maxAgeMs: RELOAD_BURST * RELOAD_EVERY_MS },
      clock,
    )
  }

  get(tenantId: string): TenantConfig | undefined {
    return this.#cache.get(tenantId)?.value
  }

  /** Keeps a configuration, unless a newer version came in while this one was under way. */
  put(config: TenantConfig, loadedAtMs: number): void {
    const known = this.get(config.tenantId)
    if (known === undefined || known.version <= config.version)
      this.#cache.put(config.tenantId, config, loadedAtMs)
  }

  /** The tenant's configuration has changed here. */
  forget(tenantId: string): void {
    this.#cache.delete(tenantId)
  }

  /** Cached, or loaded. */
  async load(tenantId: string): Promise<TenantConfig> {
    return this.get(tenantId) ?? (await this.#fetch(tenantId))
  }

  /**
   * The configuration as Postgres has it now. What is cached is given instead where another request has already
   * brought the newer version, or where the tenant has used up its reloads for unknown resource types.
   */
  async reload(tenantId: string, reason: ReloadReason): Promise<TenantConfig> {
    const known = this.get(tenantId)
    if (known !== undefined) {
      const enough =
        reason === 'unknown_resource_type' ? !this.#take(tenantId) : known.version >= reason.newerVersion
      if (enough) return known
    }
    const config = await this.#fetch(tenantId)
    if (reason === 'unknown_resource_type' || config.version >= reason.newerVersion) return config
    // Postgres was put back to an earlier state than the counters have seen: its version has to catch up, or nothing
    // would be counted any more.
    await this.#source.raiseConfigVersion(tenantId, reason.newerVersion)
    return await this.#fetch(tenantId)
  }

  async #fetch(tenantId: string): Promise<TenantConfig> {
    const startedAtMs = this.#clock()
    const config = await this.#source.loadConfig(tenantId)
    this.put(config, startedAtMs)
    return config
  }

  #take(tenantId: string): boolean {
    const nowMs = this.#clock()
    const fullAtMs = Math.max(nowMs, this.#allowance.get(tenantId)?.value ?? 0)
    if (fullAtMs - nowMs > (RELOAD_BURST - 1) * RELOAD_EVERY_MS) return false
    this.#allowance.put(tenantId, fullAtMs + RELOAD_EVERY_MS, nowMs)
    return true
  }
}
