// What this instance knows of where tenants are. It may be old, but not unnoticed: partitions that know better refuse. Where
// Postgres was put back, it learns from them.

import { newId } from '../kernel/ids.ts'
import { firstPlacement, overtakes, type Placement, partitionOf } from '../metering/placement/placement.ts'
import type { PlacementStore, Placements } from '../metering/placement/ports.ts'
import { AgedCache } from './aged-cache.ts'
import type { KeyStore } from './ports.ts'

/** A former home is asked for one dedupe window and so long after it was frozen. */
export const PLACEMENT_MAX_AGE_MS = 30_000
const PLACEMENT_MAX_ENTRIES = 1_000

export class PlacementCache implements Placements {
  readonly #cache: AgedCache<Placement>
  readonly #store: Pick<PlacementStore, 'loadPlacement' | 'adoptPlacement'>
  readonly #clock: () => number

  readonly #first: number
  readonly #newNonce: () => string

  /** `first`: over how many partitions tenants are divided that were never placed */
  constructor(
    store: Pick<PlacementStore, 'loadPlacement' | 'adoptPlacement'>,
    first: number,
    clock: () => number,
    newNonce: () => string = newId,
  ) {
    this.#newNonce = newNonce
    this.#store = store
    this.#first = first
    this.#clock = clock
    this.#cache = new AgedCache({ maxEntries: PLACEMENT_MAX_ENTRIES, maxAgeMs: PLACEMENT_MAX_AGE_MS }, clock)
  }

  async of(tenantId: string): Promise<Placement> {
    return this.#cache.get(tenantId)?.value ?? (await this.#load(tenantId))
  }

  /** One that came along with something else; null: the tenant was never placed. An older one than is known is not taken: partitions would refuse it. */
  put(tenantId: string, loaded: Placement | null, loadedAtMs: number): void {
    const placement = loaded ?? firstPlacement(partitionOf(tenantId, this.#first))
    const known = this.#cache.get(tenantId)?.value
    if (known === undefined || known.version <= placement.version)
      this.#cache.put(tenantId, placement, loadedAtMs)
  }

  async learn(tenantId: string, known: Placement): Promise<void> {
    this.#cache.delete(tenantId)
    const stored = await this.#load(tenantId)
    if (!overtakes(known, stored)) return
    await this.#store.adoptPlacement(tenantId, known, this.#newNonce())
    this.#cache.delete(tenantId)
    await this.#load(tenantId)
  }

  async #load(tenantId: string): Promise<Placement> {
    const startedAtMs = this.#clock()
    const placement = await this.#store.loadPlacement(tenantId)
    this.put(tenantId, placement, startedAtMs)
    return placement
  }
}

/** The same store; what it loads of a tenant says where the tenant is, too. */
export function tellingPlacements<Store extends Pick<KeyStore, 'findKey' | 'loadConfig'>>(
  store: Store,
  placements: PlacementCache,
  clock: () => number,
): Store {
  const findKey: KeyStore['findKey'] = async (hash) => {
    const startedAtMs = clock()
    const found = await store.findKey(hash)
    if (found?.config.placement !== undefined)
      placements.put(found.config.tenantId, found.config.placement, startedAtMs)
    return found
  }
  const loadConfig: KeyStore['loadConfig'] = async (tenantId) => {
    const startedAtMs = clock()
    const config = await store.loadConfig(tenantId)
    if (config.placement !== undefined) placements.put(tenantId, config.placement, startedAtMs)
    return config
  }
  return { ...store, findKey, loadConfig }
}
