// From an API key to its tenant. With warm caches this does no I/O; past them it is one Postgres statement.

import { TollgateError } from '../kernel/errors.ts'
import type { TenantConfig } from '../metering/meter.ts'
import type { ConfigCache } from './config-cache.ts'
import type { KeyCache } from './key-cache.ts'
import type { AccessStore } from './ports.ts'

export type Caller = { keyId: string; tenant: TenantConfig }

type Needs = {
  access: Pick<AccessStore, 'findKey'>
  keys: KeyCache
  configs: ConfigCache
  clock: () => number
}

/** Throws `unauthorized` for what is no key, unknown or revoked. */
export async function authenticate(services: Needs, key: string): Promise<Caller> {
  const hash = services.keys.hashOf(key)
  if (hash === null) {
    throw new TollgateError(
      'unauthorized',
      'That is not a Tollgate API key: its form or its checksum is wrong. Was it copied whole? A key is "tg_" and 38 letters and digits.',
    )
  }
  const cached = services.keys.get(hash)
  if (cached === 'unknown') throw unknownKey()
  if (cached !== undefined) {
    const tenant = services.configs.get(cached.value.tenantId)
    if (tenant !== undefined) {
      const caller = { keyId: cached.value.keyId, tenant }
      return cached.renew ? await renewed(services, hash, caller) : caller
    }
  }
  return await load(services, hash)
}

/** Who the key is of, if that is known without asking anybody, and need not be asked again yet. */
export function cachedCaller({ keys, configs }: Pick<Needs, 'keys' | 'configs'>, key: string): Caller | null {
  const hash = keys.hashOf(key)
  const cached = hash === null ? undefined : keys.peek(hash)
  const tenant = cached && configs.get(cached.tenantId)
  return tenant ? { keyId: cached.keyId, tenant } : null
}

async function load({ access, keys, configs, clock }: Needs, hash: string): Promise<Caller> {
  const startedAtMs = clock()
  const found = await access.findKey(hash)
  if (found === null) {
    keys.putUnknown(hash, startedAtMs)
    throw unknownKey()
  }
  keys.put(hash, { keyId: found.keyId, tenantId: found.config.tenantId }, startedAtMs)
  configs.put(found.config, startedAtMs)
  return { keyId: found.keyId, tenant: configs.get(found.config.tenantId) ?? found.config }
}

/** The cached caller is still good: where Postgres can't be reached, it stays so until its age ends. */
async function renewed(services: Needs, hash: string, cached: Caller): Promise<Caller> {
  try {
    return await load(services, hash)
  } catch (error) {
    if (error instanceof TollgateError && error.code === 'store_unavailable') return cached
    throw error
  }
}

const unknownKey = () =>
  new TollgateError(
    'unauthorized',
    'This API key is unknown or was revoked. Ask whoever runs this Tollgate for another.',
  )
