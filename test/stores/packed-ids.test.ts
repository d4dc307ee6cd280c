// Event ids in a packed hash (stores/redis/scripts/packed-ids.ts), as a Redis server keeps them.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { defaultLimits, idLayouts, type Limits } from '../../src/metering/limits.ts'
import { RedisCounterStore } from '../../src/stores/redis/counter-store.ts'
import { runScript } from '../../src/stores/redis/script.ts'
import { lookUpIds } from '../../src/stores/redis/scripts/placement.ts'
import { batch, tenantConfig } from '../support/metering.ts'
import { type RedisBackend, real, redisBackends } from '../support/redis.ts'

const RECORD = 28
const BYTES_AN_ID = 40

/** Where linear hashing has an id: told once more, in another way than the script does. */
function fieldOf(digest: string, fields: number): string {
  const spread = [...digest.slice(0, 6)].reduceRight((sum, letter) => sum * 131 + letter.charCodeAt(0), 0)
  const power = 2 ** Math.floor(Math.log2(fields))
  const field = spread % (2 * power) < fields ? spread % (2 * power) : spread % power
  return field.toString(16)
}

describe.each(redisBackends)('event ids in a packed hash on $name', ({ open }) => {
  let backend: RedisBackend
  const config = tenantConfig()
  const meta = ['tg:{0}:meta', `t:${config.tenantId}`] as const
  const key = (base: number) => `tg:{0}:dd:${config.tenantId}:${base}`
  const storeWith = (limits: Partial<Limits> = {}) =>
    RedisCounterStore.inOne(
      backend.connection,
      { ...defaultLimits, dedupeLayout: idLayouts.server, ...limits },
      1,
    )
  const some = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({ id: `${name}-${i}` }))
  const verdictsOf = async (events: Parameters<typeof batch>[1], store = storeWith()) => {
    const outcome = await store.record(batch(config, events, 'lenient'))
    return 'verdicts' in outcome ? [...new Set(outcome.verdicts)] : outcome
  }
  const generations = async () => (await backend.client.hget(...meta))!.split(' ')[2]!.split(',')
  const edit = async (change: (generations: string[]) => string[]) => {
    const [version, unsettled, listed] = (await backend.client.hget(...meta))!.split(' ')
    await backend.client.hset(...meta, [version, unsettled, change(listed!.split(','))].join(' '))
  }
  /** As if the present generation had begun so much sooner. */
  const age = (ms: number) =>
    edit(([current, ...older]) => {
      const [n, born, ...rest] = current!.split(':')
      return [[n, Number(born) - ms, ...rest].join(':'), ...older]
    })
  /** As if what was closed had been closed so much sooner. */
  const ageOlder = (ms: number) =>
    edit(([current, ...older]) => [
      current!,
      ...older.map((one) => one.replace(/^(\d+):(\d+)/, (_, n, closed) => `${n}:${Number(closed) - ms}`)),
    ])
  const fields = async () => Number(/:p(\d+)\./.exec((await generations())[0]!)![1])
  const records = async (): Promise<{ field: string; record: string }[]> =>
    Object.entries(await backend.client.hgetall(key(1))).flatMap(([field, text]) =>
      Array.from({ length: text.length / RECORD }, (_, i) => ({
        field,
        record: text.slice(i * RECORD, (i + 1) * RECORD),
      })),
    )

  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())
  beforeEach(() => backend.client.flushdb())

  it('has each id once, in the field that its digest says, however many came at once while it grew', async () => {
    const sizes = [1, 1, 11, 1_000, 3, 250, 1, 700]
    for (const [n, size] of sizes.entries())
      expect(await verdictsOf(some(`b${n}`, size))).toEqual(['accepted'])
    const ids = sizes.flatMap((size, n) => some(`b${n}`, size).map(({ id }) => id))
    expect(await fields()).toBe(Math.ceil(ids.length / idLayouts.server.ids))
    const found = await records()
    const wanted = await Promise.all(
      batch(
        config,
        ids.map((id) => ({ id })),
      ).events.map(async ({ idDigest, fingerprint }) => ({
        field: fieldOf(idDigest, await fields()),
        record: `${idDigest.slice(0, 16)}${fingerprint.slice(0, 11)}A`,
      })),
    )
    const inOrder = (all: typeof found) => all.map(({ field, record }) => `${record} ${field}`).sort()
    expect(inOrder(found)).toEqual(inOrder(wanted))
    for (const [n, size] of sizes.entries()) {
      const events = some(`b${n}`, size)
      expect(await verdictsOf(events)).toEqual(['duplicate'])
      expect(await verdictsOf(events.map((event) => ({ ...event, quantity: 9 })))).toEqual(['conflict'])
    }
    expect(await records()).toHaveLength(ids.length)
  })

  it('does not take for an id what stands within a record, or across two', async () => {
    await verdictsOf(some('a', 1))
    const digest = batch(config, [{ id: 'sought' }]).events[0]!.idDigest.slice(0, 16)
    const within = `${'-'.repeat(11)}${digest}A`
    const across = `${'-'.repeat(20)}${digest}${'-'.repeat(19)}A`
    await backend.client.hset(key(1), '0', within + across)
    expect(await verdictsOf([{ id: 'sought' }])).toEqual(['accepted'])
    expect(await verdictsOf([{ id: 'sought' }])).toEqual(['duplicate'])
  })

  it('spreads ids evenly over the fields', async () => {
    const store = storeWith({ dedupeLayout: { kind: 'packed', ids: 12 } })
    const count = 12 * 512
    for (let n = 0; n < count / 512; n++) await verdictsOf(some(`e${n}`, 512), store)
    expect(await fields()).toBe(512)
    const loads = new Map<string, number>()
    for (const { field } of await records()) loads.set(field, (loads.get(field) ?? 0) + 1)
    const mean = count / 512
    const all = Array.from({ length: 512 }, (_, i) => loads.get(i.toString(16)) ?? 0)
    const pearson = all.reduce((sum, load) => sum + (load - mean) ** 2, 0) / mean
    // 511 on average, and within four deviations.
    expect(Math.abs(pearson - 511)).toBeLessThan(4 * Math.sqrt(2 * 511))
  })

  it('knows an id for a window at least, over the generations of it, and drops the dead as it writes', async () => {
    const window = defaultLimits.dedupeWindowMs
    const half = window / 2
    expect(await verdictsOf(some('first', 30))).toEqual(['accepted'])
    await age(half)
    expect(await verdictsOf(some('second', 30))).toEqual(['accepted'])
    expect((await generations()).map((one) => one.split(':')[0])).toEqual(['2', '1'])
    // A generation that was closed not quite a window ago is known.
    await ageOlder(window - 60_000)
    expect(await verdictsOf([...some('first', 30), ...some('second', 30)])).toEqual(['duplicate'])
    await ageOlder(60_001)
    expect(await verdictsOf(some('second', 30))).toEqual(['duplicate'])
    // Its ids are new again, each once, and what was there of them is gone.
    expect(await verdictsOf(some('first', 30))).toEqual(['accepted'])
    expect(await verdictsOf([...some('first', 30), ...some('second', 30)])).toEqual(['duplicate'])
    const letters = (await records()).map(({ record }) => record.at(-1))
    expect(letters.filter((letter) => letter === 'A')).toEqual([])
    expect(letters).toHaveLength(60)
    expect(await backend.client.keys('*:dd:*')).toEqual([key(1)])
  })

  it('begins another hash when its letters are used up, and gives the old one back a window later', async () => {
    const half = defaultLimits.dedupeWindowMs / 2
    for (let n = 0; n < 66; n++) {
      expect(await verdictsOf([...some(`n${n}`, 3), ...(n > 0 ? some(`n${n - 1}`, 3) : [])])).toContain(
        'accepted',
      )
      expect(await verdictsOf(some(`n${n}`, 3))).toEqual(['duplicate'])
      await age(half)
      await ageOlder(half)
    }
    expect(await generations()).toEqual([
      expect.stringMatching(/^66:.*:p\d+\.65$/),
      expect.stringMatching(/^65:.*:p\d+\.65\.3$/),
      expect.stringMatching(/^64:.*:p\d+\.1\.3$/),
    ])
    expect((await backend.client.keys('*:dd:*')).sort()).toEqual([key(1), key(65)])
    expect(await verdictsOf(some('n64', 3))).toEqual(['duplicate'])
    await ageOlder(2 * half)
    expect(await verdictsOf(some('last', 1))).toEqual(['accepted'])
    expect(await backend.client.keys('*:dd:*')).toEqual([key(65)])
  })

  it('begins another hash where far fewer ids come than there are fields for', async () => {
    const half = defaultLimits.dedupeWindowMs / 2
    await verdictsOf(some('many', 1_000))
    for (const n of [1, 2, 3]) {
      await age(half)
      await ageOlder(half)
      await verdictsOf(some(`few${n}`, 5))
    }
    await ageOlder(2 * half)
    await verdictsOf(some('few4', 5))
    expect((await backend.client.keys('*:dd:*')).length).toBe(1)
    expect(await fields()).toBeLessThan(10)
    expect(await verdictsOf(some('few4', 5))).toEqual(['duplicate'])
  })

  it('goes by itself when its tenant falls silent: it is kept for two windows from each new generation on', async () => {
    await verdictsOf(some('a', 3))
    const ttl = await backend.client.pttl(key(1))
    expect(ttl).toBeGreaterThan(2 * defaultLimits.dedupeWindowMs)
    await backend.client.pexpire(key(1), 1_000)
    await age(defaultLimits.dedupeWindowMs / 2)
    await verdictsOf(some('b', 3))
    expect(await backend.client.pttl(key(1))).toBeGreaterThan(2 * defaultLimits.dedupeWindowMs)
  })

  it('claims nothing, and divides nothing, for a batch that is refused', async () => {
    await verdictsOf([{ id: 'taken' }])
    const before = await backend.client.hgetall(key(1))
    const outcome = await storeWith().record(
      batch(config, [...some('new', 500), { id: 'taken', quantity: 7 }]),
    )
    expect(outcome).toMatchObject({ kind: 'refused' })
    expect(await backend.client.hgetall(key(1))).toEqual(before)
    expect(await verdictsOf(some('new', 500))).toEqual(['accepted'])
  })

  it('is asked, as a former home, what it knows', async () => {
    await verdictsOf(some('first', 30))
    await age(defaultLimits.dedupeWindowMs / 2)
    await verdictsOf(some('second', 30))
    const before = await backend.client.hgetall(key(1))
    const asked = batch(config, [
      { id: 'first-7' },
      { id: 'second-29' },
      { id: 'first-3', quantity: 9 },
      { id: 'unknown' },
    ]).events.flatMap(({ idDigest, fingerprint }) => [idDigest, fingerprint])
    const placement = [config.tenantId, '1', 'nonce', '{}', String(config.version)]
    const window = String(defaultLimits.dedupeWindowMs)
    expect(
      await runScript(backend.connection, lookUpIds, ['tg:{0}:meta'], [...placement, window, ...asked]),
    ).toEqual(['seen', 'ddcn'])
    expect(await backend.client.hgetall(key(1))).toEqual(before)
  })

  it('is not read by a server of before, which would not know its ids: that one fails', async () => {
    await verdictsOf([{ id: 'a' }])
    // What it takes a generation's text to be.
    const before = [/^(\d+):(\d+):(\d+):(\d+):?(\d*)$/, /^(\d+):(\d+):?(\d*)$/]
    for (const one of await generations()) for (const pattern of before) expect(one).not.toMatch(pattern)
  })

  // The embedded server does not say what it takes.
  it.runIf(real)(
    `takes ${BYTES_AN_ID} bytes an id at most, when it has just grown and half a window later`,
    async () => {
      const store = storeWith()
      const bytes = async () => Number(await backend.client.call('MEMORY', 'USAGE', key(1), 'SAMPLES', '0'))
      const measured: number[] = []
      for (let ids = 0; ids < 30_000; ids += 1_000) {
        await verdictsOf(some(`x${ids}`, 1_000), store)
        if (ids >= 9_000) measured.push((await bytes()) / (ids + 1_000))
      }
      await age(defaultLimits.dedupeWindowMs / 2)
      await verdictsOf(some('next', 1_000), store)
      measured.push((await bytes()) / 31_000)
      expect(Math.max(...measured)).toBeLessThanOrEqual(BYTES_AN_ID)
    },
  )
})
