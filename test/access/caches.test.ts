import { describe, expect, it } from 'vitest'
import { AgedCache } from '../../src/access/aged-cache.ts'
import { makeKey } from '../../src/access/api-key.ts'
import { authenticate } from '../../src/access/authenticate.ts'
import { CONFIG_MAX_AGE_MS, ConfigCache, RELOAD_BURST } from '../../src/access/config-cache.ts'
import {
  KEY_MAX_AGE_MS,
  KEY_MAX_ENTRIES,
  KeyCache,
  UNKNOWN_KEY_MAX_AGE_MS,
} from '../../src/access/key-cache.ts'
import { sha256Hex } from '../../src/kernel/digest.ts'
import { TollgateError } from '../../src/kernel/errors.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'

const config = (version: number, tenantId = 't1'): TenantConfig => ({
  tenantId,
  timezone: 'UTC',
  currency: 'USD',
  unmetered: 'refuse',
  dedupeWindowHours: null,
  version,
  meters: [],
  revisions: [],
})

/** Access over one key that Postgres may know or not, with a clock to turn. */
function world() {
  const key = makeKey()
  const state = { nowMs: 1_000_000, known: true, reachable: true, loads: 0, version: 1 }
  const clock = () => state.nowMs
  const load = async () => {
    state.loads++
    if (!state.reachable) throw new TollgateError('store_unavailable', 'away')
    return config(state.version)
  }
  const access = {
    findKey: async (hash: string) => {
      const loaded = await load()
      return state.known && hash === sha256Hex(key) ? { keyId: 'k1', config: loaded } : null
    },
    loadConfig: load,
    raiseConfigVersion: async (_tenantId: string, atLeast: number) => {
      state.version = Math.max(state.version, atLeast)
    },
  }
  const configs = new ConfigCache(access, clock)
  const services = { access, configs, keys: new KeyCache(clock), clock }
  return { key, state, configs, services, call: (token = key) => authenticate(services, token) }
}

describe('an API key', () => {
  it('is looked up once, and then costs no I/O', async () => {
    const { state, call } = world()
    for (let i = 0; i < 1_000; i++) expect((await call()).tenant.tenantId).toBe('t1')
    expect(state.loads).toBe(1)
  })

  it('that was revoked stops within the hard age, however often it is used', async () => {
    const { state, call } = world()
    await call()
    state.known = false
    const until = state.nowMs + KEY_MAX_AGE_MS
    let refusedAtMs: number | undefined
    for (; state.nowMs <= until && refusedAtMs === undefined; state.nowMs += 500) {
      await call().catch(() => {
        refusedAtMs = state.nowMs
      })
    }
    expect(refusedAtMs).toBeLessThanOrEqual(until)
    await expect(call()).rejects.toMatchObject({ code: 'unauthorized' })
  })

  it('that was revoked and not used meanwhile stops at the hard age', async () => {
    const { state, call } = world()
    await call()
    state.known = false
    state.nowMs += KEY_MAX_AGE_MS
    await expect(call()).rejects.toMatchObject({ code: 'unauthorized' })
  })

  it('is renewed by one request while the others go on with what is cached', async () => {
    const { state, call } = world()
    await call()
    state.nowMs += KEY_MAX_AGE_MS - 1_000
    await Promise.all(Array.from({ length: 50 }, () => call()))
    expect(state.loads).toBe(2)
  })

  it('goes on while Postgres is away, until the hard age', async () => {
    const { state, call } = world()
    await call()
    state.reachable = false
    state.nowMs += KEY_MAX_AGE_MS - 1
    expect((await call()).keyId).toBe('k1')
    state.nowMs += 1
    await expect(call()).rejects.toMatchObject({ code: 'store_unavailable' })
  })

  it('with a wrong checksum is refused without asking Postgres', async () => {
    const { key, state, call } = world()
    const other = key.at(-1) === 'a' ? 'b' : 'a'
    await expect(call(key.slice(0, -1) + other)).rejects.toMatchObject({ code: 'unauthorized' })
    expect(state.loads).toBe(0)
  })

  it('that is unknown is asked for once in a while, and works as soon as it is known', async () => {
    const { state, call } = world()
    state.known = false
    for (let i = 0; i < 10; i++) await expect(call()).rejects.toMatchObject({ code: 'unauthorized' })
    expect(state.loads).toBe(1)
    state.known = true
    state.nowMs += UNKNOWN_KEY_MAX_AGE_MS
    expect((await call()).keyId).toBe('k1')
  })

  it('is not pushed out by made-up keys', async () => {
    const { state, call } = world()
    await call()
    for (let i = 0; i < KEY_MAX_ENTRIES + 10; i++) await call(makeKey()).catch(() => {})
    const loads = state.loads
    await call()
    expect(state.loads).toBe(loads)
  })
})

describe('a tenant’s configuration', () => {
  it('is never older than the hard age', async () => {
    const { state, configs } = world()
    await configs.load('t1')
    state.nowMs += CONFIG_MAX_AGE_MS - 1
    expect(configs.get('t1')).toBeDefined()
    state.nowMs += 1
    expect(configs.get('t1')).toBeUndefined()
  })

  it('is loaded anew for a newer version, once for all who ask', async () => {
    const { state, configs } = world()
    await configs.load('t1')
    state.version = 7
    expect((await configs.reload('t1', { newerVersion: 7 })).version).toBe(7)
    for (let i = 0; i < 10; i++) expect((await configs.reload('t1', { newerVersion: 7 })).version).toBe(7)
    expect(state.loads).toBe(2)
  })

  it('is loaded anew for unknown resource types a few times, and then once a second', async () => {
    const { state, configs } = world()
    await configs.load('t1')
    const before = state.loads
    for (let i = 0; i < 100; i++) await configs.reload('t1', 'unknown_resource_type')
    expect(state.loads - before).toBe(RELOAD_BURST)
    for (let second = 0; second < 10; second++) {
      state.nowMs += 1_000
      for (let i = 0; i < 5; i++) await configs.reload('t1', 'unknown_resource_type')
    }
    expect(state.loads - before).toBe(RELOAD_BURST + 10)
  })

  it('that was loaded before a newer one came in does not take its place', async () => {
    const { state, configs } = world()
    configs.put(config(5), state.nowMs)
    configs.put(config(4), state.nowMs)
    expect(configs.get('t1')?.version).toBe(5)
  })

  it('catches up where Postgres was put back to an earlier version than the counters have seen', async () => {
    const { state, configs } = world()
    state.version = 3
    expect((await configs.reload('t1', { newerVersion: 7 })).version).toBe(7)
    const loads = state.loads
    expect((await configs.reload('t1', { newerVersion: 7 })).version).toBe(7)
    expect(state.loads).toBe(loads)
  })

  it('of one tenant is not given for another', async () => {
    const { state, configs } = world()
    configs.put(config(1, 't1'), state.nowMs)
    configs.put(config(2, 't2'), state.nowMs)
    expect(configs.get('t1')?.version).toBe(1)
    configs.forget('t1')
    expect(configs.get('t1')).toBeUndefined()
    expect(configs.get('t2')?.version).toBe(2)
  })
})

describe('a cache', () => {
  it('has a bound, and the oldest entry makes room', () => {
    const cache = new AgedCache<number>({ maxEntries: 3, maxAgeMs: 1_000 }, () => 0)
    for (let i = 0; i < 100; i++) cache.put(`k${i}`, i, 0)
    expect(cache.size).toBe(3)
    expect(cache.get('k99')?.value).toBe(99)
    expect(cache.get('k0')).toBeUndefined()
  })

  it('counts the age from when the load began', () => {
    let nowMs = 0
    const cache = new AgedCache<number>({ maxEntries: 3, maxAgeMs: 1_000 }, () => nowMs)
    nowMs = 900
    cache.put('k', 1, 0)
    nowMs = 1_000
    expect(cache.get('k')).toBeUndefined()
  })
})
