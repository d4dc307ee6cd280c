import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Counter, TALLY_CUSTOMER } from '../../src/metering/counter.ts'
import { defaultLimits, idLayouts, type Limits } from '../../src/metering/limits.ts'
import { listField } from '../../src/metering/logged.ts'
import type { CounterStore, LiveCounter, SegmentRef } from '../../src/metering/ports.ts'
import { RedisCounterStore } from '../../src/stores/redis/counter-store.ts'
import { metaKey } from '../../src/stores/redis/keys.ts'
import type { Recording } from '../../src/stores/redis/recording.ts'
import { runScript } from '../../src/stores/redis/script.ts'
import { readLive } from '../../src/stores/redis/scripts/live.ts'
import { batch, meter, meterId, tenantConfig } from '../support/metering.ts'
import { type RedisBackend, real, redisBackends } from '../support/redis.ts'
import { alicesHome, alwaysSpread, isSpread, sealAll, type Two } from '../support/two-databases.ts'

/** Every meter's tally is a counter of a segment, too. */
const notTally = ({ customerId }: Counter) => customerId !== TALLY_CUSTOMER
const noLease = { owner: 'test', ms: 0 }

/** What is counted together in one partition, and bounded there: other customers of a spread tenant may be in another. */
const inOneHome = it.skipIf(isSpread())
/** Alice’s. */
const HOME = alicesHome()

const backends = isSpread() ? redisBackends.slice(0, 1) : redisBackends

describe.each(backends)('a counter store on $name', ({ open }) => {
  let backend: RedisBackend
  let store: CounterStore
  const config = tenantConfig()
  const storeWith = (limits: Partial<Limits>, partitions = 1) =>
    storeOn({ ...defaultLimits, keepSettledMs: 0, ...limits }, partitions)
  const storeOn = (limits: Limits, partitions: number, recording?: Recording) =>
    backend.second === undefined
      ? RedisCounterStore.inOne(backend.connection, limits, partitions, recording)
      : alwaysSpread(backend as Two, limits, partitions, recording)
  const totals = async (of = config, customers = ['alice']) =>
    (await store.readLive(of.tenantId, customers)).counters.map(({ customerId, meter, a, b }) => ({
      customerId,
      meter,
      a,
      b,
    }))
  const sealed = async (): Promise<SegmentRef[]> => {
    const outcome = await store.seal(HOME, noLease)
    if (outcome.kind !== 'sealed') throw new Error(outcome.kind)
    return outcome.segments
  }

  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())
  beforeEach(async () => {
    await backend.client.flushdb()
    store = storeWith({})
  })

  it('counts an id once, however often and in whatever company it is sent', async () => {
    expect(await store.record(batch(config, [{ id: 'a', quantity: 2 }]))).toEqual({
      kind: 'recorded',
      verdicts: ['accepted'],
    })
    expect(
      await store.record(
        batch(config, [
          { id: 'a', quantity: 2 },
          { id: 'b', quantity: 3 },
          { id: 'b', quantity: '3.0' },
        ]),
      ),
    ).toEqual({
      kind: 'recorded',
      verdicts: ['duplicate', 'accepted', 'duplicate'],
    })
    expect(await totals()).toEqual([{ customerId: 'alice', meter: meterId('calls'), a: '5', b: '2' }])
  })

  it('names an id with other content a conflict and counts nothing of a strict batch', async () => {
    await store.record(batch(config, [{ id: 'a', quantity: 2 }]))
    expect(await store.record(batch(config, [{ id: 'new' }, { id: 'a', quantity: 3 }]))).toEqual({
      kind: 'refused',
      verdicts: ['accepted', 'conflict'],
    })
    expect(await store.record(batch(config, [{ id: 'x' }, { id: 'x', quantity: 9 }]))).toEqual({
      kind: 'refused',
      verdicts: ['accepted', 'conflict'],
    })
    expect(await totals()).toEqual([{ customerId: 'alice', meter: meterId('calls'), a: '2', b: '1' }])
  })

  it('counts the good ones of a lenient batch', async () => {
    await store.record(batch(config, [{ id: 'a', quantity: 2 }]))
    const outcome = await store.record(batch(config, [{ id: 'new' }, { id: 'a', quantity: 3 }], 'lenient'))
    expect(outcome).toEqual({ kind: 'recorded', verdicts: ['accepted', 'conflict'] })
    expect(await totals()).toEqual([{ customerId: 'alice', meter: meterId('calls'), a: '3', b: '2' }])
  })

  it('adds decimals exactly, below zero and across every carry', async () => {
    const gauge = tenantConfig([meter('gauge', 'weighted_sum')])
    const timestamp = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000).toISOString()
    const add = async (quantity: string) => {
      await store.record(batch(gauge, [{ quantity, timestamp }]))
      return (await totals(gauge))[0]!.a
    }
    expect(await add('0.1')).toBe('0.1')
    expect(await add('0.2')).toBe('0.3')
    expect(await add('-0.3')).toBe('0')
    expect(await add('-0.000000000001')).toBe('-0.000000000001')
    expect(await add('999999999999.999999999999')).toBe('999999999999.999999999998')
    expect(await add('0.000000000002')).toBe('1000000000000')
    expect(await add('999999999999999.999999999999')).toBe('1000999999999999.999999999999')
    expect(await add('-1')).toBe('1000999999999998.999999999999')
  })

  it('writes no minus zero where a sum is a negative multiple of a limb', async () => {
    const gauge = tenantConfig([meter('gauge', 'weighted_sum')])
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000
    const at = (seconds: number) => new Date(hour + seconds * 1000).toISOString()
    await store.record(batch(gauge, [{ quantity: '1000000000', timestamp: at(1) }]))
    await store.record(batch(gauge, [{ quantity: '-1000000000', timestamp: at(5) }]))
    expect(await totals(gauge)).toMatchObject([{ a: '0', b: '-4000000000000' }])
    for (const quantity of ['-1000000000000', '-0.000000000001', '0.000000000001', '-999999999999', '-1'])
      await store.record(batch(gauge, [{ quantity, timestamp: at(0) }]))
    expect(await totals(gauge)).toMatchObject([{ a: '-2000000000000', b: '-4000000000000' }])
  })

  it('merges each aggregation in its own way', async () => {
    const every = tenantConfig([
      meter('sum', 'sum'),
      meter('count', 'count'),
      meter('min', 'min'),
      meter('max', 'max'),
      meter('latest', 'latest'),
      meter('avg', 'avg'),
    ])
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000
    const at = (seconds: number) => new Date(hour + seconds * 1000).toISOString()
    await store.record(
      batch(every, [
        { quantity: 5, timestamp: at(10) },
        { quantity: '2.5', timestamp: at(30) },
      ]),
    )
    await store.record(
      batch(every, [
        { quantity: 9, timestamp: at(20) },
        { quantity: 1, timestamp: at(30) },
      ]),
    )
    const keyOf = (id: string) => every.meters.find((one) => one.id === id)!.key
    expect(
      Object.fromEntries((await totals(every)).map(({ meter, a, b }) => [keyOf(meter), [a, b]])),
    ).toEqual({
      sum: ['17.5', '4'],
      count: ['4', '0'],
      min: ['1', '0'],
      max: ['9', '0'],
      latest: ['2.5', String(hour + 30_000)],
      avg: ['17.5', '4'],
    })
  })

  it('keeps one counter a distinct value', async () => {
    const users = tenantConfig([meter('users', 'unique_count', { value: 'user' })])
    for (const user of ['u1', 'u2', 'u1']) await store.record(batch(users, [{ properties: { user } }]))
    const { counters } = await store.readLive(users.tenantId, ['alice'])
    expect(new Set(counters.map((counter) => counter.distinctValue)).size).toBe(2)
    expect(counters).toHaveLength(2)
  })

  it('refuses a total out of range instead of losing digits', async () => {
    const gauge = tenantConfig([meter('gauge', 'weighted_sum')])
    // 999999999999999 units in the last millisecond of the hour weigh 3.6·10^21: 278 of them go past 10^24.
    const timestamp = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1).toISOString()
    const big = { quantity: '999999999999999', timestamp }
    await store.record(
      batch(
        gauge,
        Array.from({ length: 277 }, () => big),
      ),
    )
    expect(await store.record(batch(gauge, [big]))).toEqual({ kind: 'refused', verdicts: ['out_of_range'] })
    expect((await totals(gauge))[0]!.a).toBe('276999999999999723')
  })

  it('writes nothing for a caller whose configuration is older than the newest seen', async () => {
    await store.publishConfig(config.tenantId, 5)
    expect(await store.record(batch({ ...config, version: 4 }, [{}]))).toEqual({
      kind: 'stale_config',
      version: 5,
    })
    expect(await store.record(batch({ ...config, version: 6 }, [{ id: 'a' }]))).toMatchObject({
      kind: 'recorded',
    })
    expect(await store.record(batch({ ...config, version: 5 }, [{}]))).toEqual({
      kind: 'stale_config',
      version: 6,
    })
    await store.publishConfig(config.tenantId, 2)
    expect((await store.readLive(config.tenantId, ['alice'])).configVersion).toBe(6)
  })

  inOneHome('seals, reads and discards a segment, and never gives its id again', async () => {
    expect(await sealed()).toEqual([])
    await store.record(batch(config, [{ quantity: 7 }]))
    const [first] = await sealed()
    await store.record(batch(config, [{ quantity: 8 }]))
    const [again, second] = await sealed()
    expect(again).toEqual(first)
    expect(second!.id).not.toBe(first!.id)
    expect((await totals()).map(({ a }) => a)).toEqual(['7', '8'])
    const content = await store.readSegment(first!)
    expect(content.counters.filter(notTally)).toMatchObject([
      {
        tenantId: config.tenantId,
        customerId: 'alice',
        meter: meterId('calls'),
        merge: 'add',
        a: '7',
        b: '1',
        groups: '[]',
      },
    ])
    await store.discard(first!, content)
    await store.discard(first!, content)
    expect(await store.readSegment(first!)).toEqual({ counters: [], log: [], kept: null })
    expect(await sealed()).toEqual([second])
    expect((await store.state(HOME)).unsettledCounters).toBe(2)
    await store.discard(second!, await store.readSegment(second!))
    const left = (await backend.client.keys('*'))
      .map((key) => key.replace(config.tenantId, '<tenant>'))
      .sort()
    expect(left).toEqual([`tg:{${HOME}}:dd:<tenant>:1`, `tg:{${HOME}}:meta`])
  })

  it('claims the ids of events that no meter counts, and moves no counter for them', async () => {
    const filter = [{ property: 'region', op: 'eq' as const, value: 'eu' }]
    const none = { ...config, meters: [meter('calls', 'sum', { filter })] }
    const ask = (id: string, quantity = 1) => store.record(batch(none, [{ id, quantity }]))
    expect(await ask('a')).toEqual({ kind: 'recorded', verdicts: ['accepted'] })
    expect(await ask('a')).toEqual({ kind: 'recorded', verdicts: ['duplicate'] })
    expect(await ask('a', 2)).toEqual({ kind: 'refused', verdicts: ['conflict'] })
    expect(await totals()).toEqual([])
    expect(await sealed()).toEqual([])
    store = storeWith({ segmentMaxAgeMs: 0 })
    await store.record(batch(config, [{ id: 'b', quantity: 3 }]))
    await ask('c')
    // Nothing was counted after the open segment became too old to be written to: it is in one list only.
    expect(await totals()).toEqual([{ customerId: 'alice', meter: meterId('calls'), a: '3', b: '1' }])
    expect(await sealed()).toHaveLength(1)
    expect(await totals()).toEqual([{ customerId: 'alice', meter: meterId('calls'), a: '3', b: '1' }])
  })

  inOneHome('opens another segment when the open one is too old, or full', async () => {
    store = storeWith({ segmentMaxAgeMs: 0 })
    await store.record(batch(config, [{ quantity: 1 }]))
    await store.record(batch(config, [{ quantity: 1 }]))
    expect((await store.state(HOME)).sealed).toHaveLength(1)
    store = storeWith({ segmentMaxCounters: 3 })
    for (const customer_id of ['c1', 'c2', 'c3', 'c4']) await store.record(batch(config, [{ customer_id }]))
    const segments = await sealed()
    const sizes = await Promise.all(
      segments.map(async (segment) => (await store.readSegment(segment)).counters.filter(notTally).length),
    )
    expect(Math.max(...sizes)).toBe(2)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(6)
  })

  inOneHome(
    'says so when too much waits to be settled, and one tenant can’t fill it for the others',
    async () => {
      store = storeWith({ backlogMaxCounters: 6, backlogMaxCountersPerTenant: 3 })
      const other = tenantConfig()
      for (const customer_id of ['c1', 'c2']) await store.record(batch(config, [{ customer_id }]))
      expect(await store.record(batch(config, [{ customer_id: 'c3' }]))).toEqual({
        kind: 'backlog_full',
        scope: 'tenant',
        of: 'counters',
      })
      expect(await store.record(batch(config, [{ customer_id: 'c1' }]))).toMatchObject({ kind: 'recorded' })
      for (const customer_id of ['c1', 'c2'])
        expect(await store.record(batch(other, [{ customer_id }]))).toMatchObject({ kind: 'recorded' })
      expect(await store.record(batch(tenantConfig(), [{}]))).toEqual({
        kind: 'backlog_full',
        scope: 'partition',
        of: 'counters',
      })
      for (const segment of await sealed()) await store.discard(segment, await store.readSegment(segment))
      expect(await store.record(batch(config, [{ customer_id: 'c3' }]))).toMatchObject({ kind: 'recorded' })
    },
  )

  it('tells a backlog of the log from one of counters', async () => {
    const logged = (properties: Record<string, unknown>, of = config) => {
      const one = batch(of, [{ properties }])
      const line = JSON.stringify(properties)
      const log = { lists: { api_call: [] }, fields: [listField(of.tenantId, 'api_call', [])] }
      return { ...one, log, events: one.events.map((event) => ({ ...event, line })) }
    }
    const large = { text: 'x'.repeat(3_000) }
    store = storeWith({ backlogMaxLogBytesPerTenant: 5_000, backlogMaxLogBytes: 8_000 })
    expect(await store.record(logged(large))).toMatchObject({ kind: 'recorded' })
    expect(await store.record(logged(large))).toEqual({ kind: 'backlog_full', scope: 'tenant', of: 'log' })
    const other = tenantConfig()
    expect(await store.record(logged(large, other))).toMatchObject({ kind: 'recorded' })
    expect(await store.record(logged(large, tenantConfig()))).toEqual({
      kind: 'backlog_full',
      scope: 'partition',
      of: 'log',
    })
  })

  const layouts = [
    ['in hashes', { dedupeLayout: { kind: 'hash', ids: 2 } }, 4],
    // However many there are.
    ['in packed hashes', { dedupeLayout: { kind: 'packed', ids: 1 } }, 1],
    // Sixteen buckets of one id each, and then four times as many.
    ['in buckets', { dedupeLayout: { kind: 'buckets', ids: 1 } }, 3],
  ] as const
  for (const [layout, limits, generations] of layouts) {
    const many = layout === 'in hashes' ? 7 : 100
    it(`knows an id for a whole window, ${layout}, over as many generations as it takes, and forgets it after two`, async () => {
      store = storeWith({ ...limits, dedupeWindowMs: 60_000 })
      const ids = Array.from({ length: many }, (_, i) => `id-${i}`)
      for (const id of ids) await store.record(batch(config, [{ id }]))
      const events = ids.map((id) => ({ id }))
      const again = await store.record(batch(config, events))
      expect(again).toEqual({ kind: 'recorded', verdicts: ids.map(() => 'duplicate') })
      const other = await store.record(
        batch(
          config,
          events.map((event) => ({ ...event, quantity: 9 })),
          'lenient',
        ),
      )
      expect(other).toEqual({ kind: 'recorded', verdicts: ids.map(() => 'conflict') })
      const names = (await backend.client.keys('*:dd:*')).map((key) => key.split(':')[4])
      expect(new Set(names).size).toBe(generations)
      // With a window of 0 every older generation is dead at once.
      store = storeWith({ ...limits, dedupeWindowMs: 0 })
      await store.record(batch(config, [{ id: 'next' }]))
      await store.record(batch(config, [{ id: 'after' }]))
      await expireNow()
      while (await store.forgetIds(HOME)) {}
      const left = (await backend.client.keys('*:dd:*')).map((key) => key.split(':')[4])
      expect(new Set(left).size).toBeLessThanOrEqual(2)
    })

    it(`knows an id, ${layout}, for as long as its tenant says, from the next event on`, async () => {
      store = storeWith({ ...limits, dedupeWindowMs: 60_000 })
      const [short, long] = [{ ...config, dedupeWindowHours: 1 }, tenantConfig([], { dedupeWindowHours: 2 })]
      const at = (of: typeof config, id: string, dedupeWindowMs: number | null) =>
        store.record({ ...batch(of, [{ id }]), dedupeWindowMs })
      const verdicts = (id: string, of: typeof config, ms: number | null) =>
        at(of, id, ms).then((outcome) => 'verdicts' in outcome && outcome.verdicts.join())
      expect(batch(short, [{}]).dedupeWindowMs).toBe(3_600_000)
      for (const of of [short, long]) expect(await verdicts('first', of, null)).toBe('accepted')
      // Shorter: what is older than that is forgotten at the second change of generations after it, and its memory given back.
      expect(await verdicts('second', short, 20)).toBe('accepted')
      await sleep(30)
      expect(await verdicts('third', short, 20)).toBe('accepted')
      expect(await verdicts('first', short, 20)).toBe('accepted')
      while (await store.forgetIds(HOME)) {}
      const left = await backend.client.keys(`*:dd:${short.tenantId}:1*`)
      expect(left).toEqual([])
      // … and another tenant's are as they were; made longer, what is known stays known.
      expect(await verdicts('first', long, null)).toBe('duplicate')
      expect(await verdicts('second', long, 3_600_000)).toBe('accepted')
      expect(await verdicts('first', long, 3_600_000)).toBe('duplicate')
    })

    it(`says of an id twice in a batch, ${layout}, what it would have said of it in two`, async () => {
      store = storeWith(limits)
      const sent = [{ id: 'x' }, { id: 'x' }, { id: 'x', quantity: 2 }]
      expect(await store.record(batch(config, sent, 'lenient'))).toEqual({
        kind: 'recorded',
        verdicts: ['accepted', 'duplicate', 'conflict'],
      })
    })
  }

  /** As if the time of every generation in buckets had come. */
  async function expireNow(): Promise<void> {
    for (const member of await backend.client.zrange(`tg:{${HOME}}:forgetting`, 0, -1))
      if (!member.includes(`:${(await newestGeneration()).split(':')[0]}:`))
        await backend.client.zadd(`tg:{${HOME}}:forgetting`, 1, member)
  }
  const newestGeneration = async () =>
    (await backend.client.hget(`tg:{${HOME}}:meta`, `t:${config.tenantId}`))!.split(' ')[2]!.split(',')[0]!

  it('forgets ids in buckets bit by bit, when the aggregator is told that their time has come', async () => {
    store = storeWith({ dedupeLayout: idLayouts.upstash })
    await store.record(batch(config, [{ id: 'a' }, { id: 'b' }]))
    expect(await store.seal(HOME, noLease)).toMatchObject({ idsToForget: false })
    expect(await store.forgetIds(HOME)).toBe(false)
    const [member] = await backend.client.zrange(`tg:{${HOME}}:forgetting`, 0, -1)
    await backend.client.zadd(`tg:{${HOME}}:forgetting`, 1, member!)
    await backend.client.hdel(`tg:{${HOME}}:meta`, 'looked_for_ids')
    expect(await store.seal(HOME, noLease)).toMatchObject({ idsToForget: true })
    expect(await store.forgetIds(HOME)).toBe(true)
    expect(await store.forgetIds(HOME)).toBe(false)
    expect(await backend.client.keys('*:dd:*')).toEqual([])
    expect(await store.seal(HOME, noLease)).toMatchObject({ idsToForget: false })
  })

  it('forgets the last of many buckets, too', async () => {
    await store.record(batch(config, [{}]))
    const last = `tg:{${HOME}}:dd:${config.tenantId}:7:16383`
    await backend.client.set(last, 'x')
    await backend.client.zadd(`tg:{${HOME}}:forgetting`, 1, `${config.tenantId}:7:16384`)
    let calls = 0
    while (await store.forgetIds(HOME)) calls++
    expect(calls).toBe(4)
    expect(await backend.client.exists(last)).toBe(0)
    expect(await backend.client.zcard(`tg:{${HOME}}:forgetting`)).toBe(0)
  })

  it('finds ids that were laid out another way before', async () => {
    const { embedded, server, upstash } = idLayouts
    const layouts = [embedded, server, upstash, server, embedded, upstash, embedded]
    const ids = layouts.map((_, i) => `id-${i}`)
    for (const [i, dedupeLayout] of layouts.entries()) {
      store = storeWith({ dedupeLayout })
      expect(
        await store.record(
          batch(
            config,
            ids.slice(0, i + 1).map((id) => ({ id })),
          ),
        ),
      ).toEqual({
        kind: 'recorded',
        verdicts: [...ids.slice(0, i).map(() => 'duplicate'), 'accepted'],
      })
    }
  })

  it('finds ids that a server of before has left, which knew hashes alone', async () => {
    await store.record(batch(config, [{ id: 'old' }]))
    const [version, unsettled, generations] = (await backend.client.hget(
      `tg:{${HOME}}:meta`,
      `t:${config.tenantId}`,
    ))!.split(' ')
    const before = generations!.replace(/:0$/, '')
    await backend.client.hset(
      `tg:{${HOME}}:meta`,
      `t:${config.tenantId}`,
      `${version} ${unsettled} ${before}`,
    )
    store = storeWith({ dedupeLayout: idLayouts.upstash })
    expect(await store.record(batch(config, [{ id: 'old' }, { id: 'new' }]))).toMatchObject({
      verdicts: ['duplicate', 'accepted'],
    })
  })

  it('spreads ids evenly over the buckets', async () => {
    store = storeWith({ dedupeLayout: idLayouts.upstash })
    const known = Array.from({ length: 12 }, (_, n) =>
      Array.from({ length: 1_000 }, (_, i) => ({ id: `${n}.${i}` })),
    )
    for (const events of known) await store.record(batch(config, events, 'lenient'))
    const newest = (await newestGeneration()).split(':')[0]
    const sizes = await Promise.all(
      (await backend.client.keys(`*:dd:*:${newest}:*`)).map(
        async (key) => (await backend.client.strlen(key)) / 27,
      ),
    )
    const ids = sizes.reduce((sum, size) => sum + size, 0)
    const mean = ids / 1_024
    const empty = 1_024 - sizes.length
    const spread = empty * mean + sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / mean
    // Pearson's: 1,023 on average, and within four deviations.
    expect(ids).toBeGreaterThan(1_500)
    expect(Math.abs(spread - 1_023)).toBeLessThan(4 * Math.sqrt(2 * 1_023))
  })

  // The embedded server can't be watched.
  it.runIf(real && !isSpread())(
    'takes as many Redis commands for a hundred events as for one, new counters and all: nine',
    async () => {
      const own = String(backend.client.options.db)
      const monitor = await backend.client.duplicate().monitor()
      let calls = 0
      monitor.on('monitor', (_time: string, [command]: string[], _source: string, database: string) => {
        if (database === own && command !== 'ping') calls++
      })
      const callsOf = async (sent: Parameters<typeof batch>[1]): Promise<number> => {
        calls = 0
        await store.record(batch(config, sent))
        // What is watched arrives on a connection of its own: after the echo of this, all of it has.
        const echoed = new Promise<void>((resolve) => {
          const hear = (_time: string, [command]: string[]) => {
            if (command !== 'echo') return
            monitor.off('monitor', hear)
            resolve()
          }
          monitor.on('monitor', hear)
        })
        await backend.client.echo('over')
        await echoed
        return calls - 1
      }
      // Another suite may make the server forget its scripts, and then one is sent twice: the least of three is it.
      const least = async (sent: (n: number) => Parameters<typeof batch>[1]) =>
        Math.min(await callsOf(sent(1)), await callsOf(sent(2)), await callsOf(sent(3)))
      const anHundred = (name: string) =>
        Array.from({ length: 100 }, (_, i) => ({ customer_id: `${name}${i}` }))
      await callsOf([{}]) // the script and the tenant are known from here on
      const inHashes = [
        await least((n) => [{ customer_id: `n${n}` }]),
        await least((n) => anHundred(`n${n}-`)),
      ]
      // In a packed hash, while its fields are divided.
      store = storeWith({ dedupeLayout: idLayouts.server })
      await callsOf([{}])
      await backend.client.hset('tg:{0}:meta', `t:${config.tenantId}`, await newestAlone())
      const inPackedHash = [
        await least((n) => [{ customer_id: `p${n}` }]),
        await least((n) => anHundred(`p${n}-`)),
      ]
      // In buckets, however many generations there are.
      store = storeWith({ dedupeLayout: idLayouts.upstash })
      for (let i = 0; i < 5; i++) await store.record(batch(config, anHundred('many')))
      await store.record(
        batch(
          config,
          Array.from({ length: 1_000 }, () => ({})),
        ),
      )
      await backend.client.hset(`tg:{${HOME}}:meta`, `t:${config.tenantId}`, await withoutHashes())
      const inBuckets = [
        await least((n) => [{ customer_id: `b${n}` }]),
        await least((n) => anHundred(`b${n}-`)),
      ]
      monitor.disconnect()
      expect(inHashes).toEqual([9, 9])
      expect(inPackedHash).toEqual([9, 9])
      expect(inBuckets).toEqual([9, 9])
    },
  )

  /** A tenant whose ids have always been where the newest are. */
  const newestAlone = async () => {
    const field = (await backend.client.hget('tg:{0}:meta', `t:${config.tenantId}`))!
    return field.split(',')[0]!
  }

  /** A tenant whose ids have always been in buckets. */
  const withoutHashes = async () => {
    const [version, unsettled, generations] = (await backend.client.hget(
      `tg:{${HOME}}:meta`,
      `t:${config.tenantId}`,
    ))!.split(' ')
    const inBuckets = generations!.split(',').filter((generation) => !/:(p|0$)/.test(generation))
    expect(inBuckets.length).toBeGreaterThan(1)
    return `${version} ${unsettled} ${inBuckets.join(',')}`
  }

  it('lists and reads only the customers asked for, whatever their names begin with', async () => {
    const names = ['a', 'a b', 'ab', 'a!', 'é', '\u{10000}', '\uffee', 'a:b', '{a}', '["a"]']
    for (const customer_id of names) await store.record(batch(config, [{ customer_id }]))
    await store.record(batch(tenantConfig(), [{ customer_id: 'stranger' }]))
    await sealAll({ counters: store })
    for (const customer_id of ['a', 'zz']) await store.record(batch(config, [{ customer_id }]))
    const byBytes = [...names, 'zz'].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))
    expect(await store.liveCustomers(config.tenantId, '', 100)).toEqual(byBytes)
    expect(await store.liveCustomers(config.tenantId, byBytes[2]!, 3)).toEqual(byBytes.slice(3, 6))
    for (const name of names) {
      const found = await totals(config, [name])
      expect(found.map((counter) => counter.customerId)).toEqual(name === 'a' ? ['a', 'a'] : [name])
    }
  })

  inOneHome(
    'reads every counter of a customer, however many there are, and refuses one more than was asked for',
    async () => {
      const many = tenantConfig([meter('calls', 'sum', { groupBy: ['n'] })])
      const counters = 3_502
      for (let from = 0; from < counters; from += 1_000) {
        const some = Array.from({ length: Math.min(1_000, counters - from) }, (_, i) => ({
          properties: { n: String(from + i) },
        }))
        await store.record(batch(many, some))
      }
      const { counters: found } = await store.readLive(many.tenantId, ['alice'])
      expect(new Set(found.map(({ groups }) => groups)).size).toBe(counters)
      const read = async (most: number) =>
        (
          (await runScript(
            backend.connection,
            readLive,
            [metaKey(HOME)],
            [many.tenantId, String(most), 'alice', '0', '-'],
          )) as unknown[]
        )[0]
      expect([await read(counters), await read(counters - 1)]).toEqual(['live', 'too_many'])
    },
  )

  it('reads segments oldest first, the open one last', async () => {
    const seen: LiveCounter['segment'][] = []
    for (let i = 0; i < 3; i++) {
      await store.record(batch(config, [{}]))
      if (i < 2) await sealed()
    }
    for (const counter of (await store.readLive(config.tenantId, ['alice'])).counters)
      seen.push(counter.segment)
    const { open, sealed: closed } = await store.state(HOME)
    expect(seen).toEqual([...closed.map(({ id }) => id), open!.id])
  })

  it('lets one run at a time settle, as long as its lease lasts', async () => {
    store = storeWith({ settleAfterMs: 0 })
    await store.record(batch(config, [{}]))
    // One segment alone is not worth a lease.
    expect((await store.seal(HOME, { owner: 'z', ms: 60_000 })).kind).toBe('sealed')
    await store.record(batch(config, [{}]))
    expect((await store.seal(HOME, { owner: 'a', ms: 60_000 })).kind).toBe('sealed')
    expect((await store.seal(HOME, { owner: 'b', ms: 60_000 })).kind).toBe('leased')
    await store.release(HOME, 'b')
    expect((await store.seal(HOME, { owner: 'b', ms: 60_000 })).kind).toBe('leased')
    await store.release(HOME, 'a')
    expect((await store.seal(HOME, { owner: 'b', ms: 60_000 })).kind).toBe('sealed')
  })

  it('marks a segment whose counters are gone, and reads the rest without them', async () => {
    await store.record(batch(config, [{ quantity: 3 }]))
    await store.record(batch(config, [{ quantity: 3 }]))
    const [segment] = await sealed()
    await store.record(batch(config, [{ quantity: 4 }]))
    await store.markMissing(segment!)
    expect((await sealed())[0]!.quarantined).toBeNull()
    await backend.client.del(`tg:{${HOME}}:seg:${segment!.id}`)
    await store.markMissing(segment!)
    expect((await sealed())[0]!.quarantined).toBe('its counters are missing')
    expect(await totals()).toMatchObject([{ a: '4' }])
  })

  inOneHome.each([true, false])(
    'drops a segment only if its counters are gone, and counts anew what is unsettled (index there: %s)',
    async (index) => {
      const another = tenantConfig()
      store = storeWith({ segmentMaxCounters: 5 })
      for (const customer_id of ['a', 'b', 'c']) await store.record(batch(config, [{ customer_id }]))
      await store.record(batch(another, [{ customer_id: 'z' }]))
      const [first] = await sealed()
      await store.record(batch(another, [{ customer_id: 'a' }, { customer_id: 'b' }]))
      const unsettled = async () => [
        (await store.state(HOME)).unsettledCounters,
        ...(await Promise.all(
          [config, another].map(async ({ tenantId }) =>
            Number((await backend.client.hget(`tg:{${HOME}}:meta`, `t:${tenantId}`))!.split(' ')[1]),
          ),
        )),
      ]
      expect(await store.dropMissing(first!)).toBe(false)
      // Each meter has a tally besides its customers.
      expect(await unsettled()).toEqual([9, 4, 5])
      await backend.client.del(`tg:{${HOME}}:seg:${first!.id}`)
      if (!index) await backend.client.del(`tg:{${HOME}}:idx:${first!.id}`)
      expect(await store.dropMissing(first!)).toBe(true)
      expect(await store.dropMissing(first!)).toBe(false)
      expect(await unsettled()).toEqual([5, 0, 5])
      expect((await store.state(HOME)).sealed.map(({ id }) => id)).not.toContain(first!.id)
      expect(await backend.client.keys('*:idx:*')).toHaveLength(2)
      // Dedupe goes on as before.
      expect(await store.record(batch(config, [{ id: 'x' }, { id: 'x' }]))).toMatchObject({
        verdicts: ['accepted', 'duplicate'],
      })
    },
  )

  it('keeps a quarantined segment in every read until it is discarded', async () => {
    await store.record(batch(config, [{ quantity: 3 }]))
    const [segment] = await sealed()
    await store.quarantine(segment!, 'refused')
    expect((await sealed())[0]!.quarantined).toBe('refused')
    expect(await totals()).toMatchObject([{ a: '3' }])
    await store.discard(segment!, await store.readSegment(segment!))
    await store.quarantine(segment!, 'too late')
    expect((await store.state(HOME)).sealed).toEqual([])
    expect(await backend.client.exists(`tg:{${HOME}}:quarantine`)).toBe(0)
  })

  inOneHome('refuses data that was written with another number of partitions', async () => {
    await store.record(batch(config, [{}]))
    const other = storeWith({}, 2)
    await expect(other.seal(HOME, noLease)).rejects.toMatchObject({ code: 'misconfigured' })
    await expect(other.state(HOME)).rejects.toMatchObject({ code: 'misconfigured' })
  })

  it('takes an id’s window to be the one of today, and knows the ids of before for that long', async () => {
    store = storeWith({ dedupeWindowMs: 3_600_000 })
    await store.record(batch(config, [{ id: 'before' }]))
    store = storeWith({ dedupeWindowMs: 24 * 3_600_000 })
    await store.record(batch(config, [{ id: 'after' }]))
    for (const key of await backend.client.keys('*:dd:*')) {
      expect(await backend.client.pttl(key)).toBeGreaterThan(24 * 3_600_000)
    }
    expect(await store.record(batch(config, [{ id: 'before' }, { id: 'after' }]))).toMatchObject({
      verdicts: ['duplicate', 'duplicate'],
    })
  })

  it('gives events that are sent together each the outcome that it would have had alone', async () => {
    const shared = storeOn({ ...defaultLimits, keepSettledMs: 0 }, 1, {
      coalesce: true,
    })
    await shared.record(batch(config, [{ id: 'known', quantity: 5 }]))
    await store.record(batch(config, [{ id: 'new', customer_id: 'bob', quantity: 7 }]))
    const sent = [
      { id: 'known', quantity: 5 },
      { id: 'known', quantity: 6 },
      { id: 'twice', quantity: 1 },
      { id: 'twice', quantity: 1 },
      { id: 'twice', quantity: 2 },
      { customer_id: 'bob' },
      ...Array.from({ length: 300 }, () => ({})),
    ]
    const batches = [
      ...sent.map((event) => batch(config, [event])),
      batch(config, [{ id: 'x' }, { id: 'known', quantity: 9 }]),
    ]
    const outcomes = await Promise.all(batches.map((one) => shared.record(one)))
    expect(outcomes.slice(0, 7)).toEqual([
      { kind: 'recorded', verdicts: ['duplicate'] },
      { kind: 'refused', verdicts: ['conflict'] },
      { kind: 'recorded', verdicts: ['accepted'] },
      { kind: 'recorded', verdicts: ['duplicate'] },
      { kind: 'refused', verdicts: ['conflict'] },
      { kind: 'recorded', verdicts: ['accepted'] },
      { kind: 'recorded', verdicts: ['accepted'] },
    ])
    expect(outcomes.at(-1)).toMatchObject({ kind: 'refused' })
    expect(await totals(config, ['alice', 'bob'])).toMatchObject([{ a: '306' }, { a: '8' }])
    // A lenient one has its verdict, in company as alone.
    const lenient = [{ id: 'known', quantity: 9 }, { id: 'fine' }].map((event) =>
      shared.record(batch(config, [event], 'lenient')),
    )
    expect(await Promise.all(lenient)).toEqual([
      { kind: 'recorded', verdicts: ['conflict'] },
      { kind: 'recorded', verdicts: ['accepted'] },
    ])
    const stale = batch({ ...config, version: 0 }, [{}])
    expect(
      (await Promise.all([stale, stale].map((one) => shared.record(one)))).map(({ kind }) => kind),
    ).toEqual(['stale_config', 'stale_config'])
  })

  inOneHome('counts batches that are sent together each as a whole or not at all', async () => {
    const shared = storeOn({ ...defaultLimits, keepSettledMs: 0 }, 1, {
      coalesce: true,
    })
    await shared.record(batch(config, [{ id: 'known', quantity: 5 }]))
    const outcomes = await Promise.all(
      [
        [
          { id: 'a', quantity: 10 },
          { id: 'b', quantity: 20, customer_id: 'bob' },
        ],
        // Refused for its second: nothing of it counts, nothing of it is known.
        [
          { id: 'c', quantity: 100, customer_id: 'carol' },
          { id: 'known', quantity: 6 },
          { id: 'd', quantity: 200 },
        ],
        // … so that these are new, whatever their content.
        [
          { id: 'c', quantity: 1_000 },
          { id: 'd', quantity: 2_000, customer_id: 'bob' },
        ],
        [
          { id: 'a', quantity: 10 },
          { id: 'b', quantity: 20, customer_id: 'bob' },
        ],
        [{ id: 'a', quantity: 11 }],
      ].map((events) => shared.record(batch(config, events))),
    )
    expect(outcomes).toEqual([
      { kind: 'recorded', verdicts: ['accepted', 'accepted'] },
      { kind: 'refused', verdicts: ['accepted', 'conflict', 'accepted'] },
      { kind: 'recorded', verdicts: ['accepted', 'accepted'] },
      { kind: 'recorded', verdicts: ['duplicate', 'duplicate'] },
      { kind: 'refused', verdicts: ['conflict'] },
    ])
    expect(await totals(config, ['alice', 'bob', 'carol'])).toMatchObject([{ a: '1015' }, { a: '2020' }])
  })

  it('lets a batch that the script fails on harm nobody that is sent with it', async () => {
    const shared = storeOn({ ...defaultLimits, keepSettledMs: 0 }, 1, {
      coalesce: true,
    })
    const poisoned = batch(config, [{ id: 'poisoned' }])
    poisoned.events[0]!.deltas[0]!.a = 'no number'
    const outcomes = await Promise.allSettled(
      [batch(config, [{ id: 'one' }]), poisoned, batch(config, [{ id: 'two' }])].map((one) =>
        shared.record(one),
      ),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await totals()).toMatchObject([{ a: '2' }])
  })

  it('sends events one by one where together they would be too much', async () => {
    const shared = RedisCounterStore.inOne(
      backend.connection,
      { ...defaultLimits, backlogMaxCountersPerTenant: 3 },
      1,
      { coalesce: true },
    )
    const outcomes = await Promise.all(
      ['c1', 'c2', 'c3', 'c1'].map((customer_id) => shared.record(batch(config, [{ customer_id }]))),
    )
    expect(outcomes.map(({ kind }) => kind)).toEqual(['recorded', 'recorded', 'backlog_full', 'recorded'])
  })

  it('finds no loss where there is none, however many callers share a slot and in whatever order they are answered', async () => {
    const callers = Array.from({ length: 20 }, () => storeWith({}))
    for (let round = 0; round < 2; round++)
      await Promise.all(callers.flatMap((caller) => [0, 1].map(() => caller.record(batch(config, [{}, {}])))))
    const accounts = (await store.readAccepted(config.tenantId, [meterId('calls')])).meters.get(
      meterId('calls'),
    )!
    expect(accounts.reduce((sum, { accepted }) => sum + Number(accepted.events), 0)).toBe(160)
    expect(accounts.map(({ lost }) => lost.events)).toEqual(accounts.map(() => '0'))
  })

  it('keeps settled segments for a while, out of sight, and offers them again', async () => {
    store = storeWith({ keepSettledMs: 60_000 })
    await store.record(batch(config, [{ quantity: 3 }]))
    const [segment] = await sealed()
    const content = await store.readSegment(segment!)
    await store.discard(segment!, content)
    expect(await totals()).toEqual([])
    expect(await sealed()).toEqual([])
    expect(await store.reoffer(HOME)).toBe(1)
    expect(await store.reoffer(HOME)).toBe(0)
    const [again] = await sealed()
    expect(again).toEqual({ ...segment, offer: expect.stringMatching(/./) })
    expect(await totals()).toMatchObject([{ a: '3' }])
    expect(await store.readSegment(segment!)).toEqual(content)
    await store.discard(again!, content)
    expect((await store.state(HOME)).unsettledCounters).toBe(0)
  })

  it('keeps a segment listed that was settled before kept ones were offered again: Postgres may have lost it since', async () => {
    await store.record(batch(config, [{ quantity: 3 }]))
    const [segment] = await sealed()
    const content = await store.readSegment(segment!)
    expect(await store.reoffer(HOME)).toBe(0)
    await store.discard(segment!, content)
    expect(await totals()).toMatchObject([{ a: '3' }])
    await store.discard((await sealed())[0]!, content)
    expect(await totals()).toEqual([])
  })

  describe('accounts', () => {
    const inSlots = (...numbers: number[]) => {
      for (const n of numbers) vi.spyOn(Math, 'random').mockReturnValueOnce(n / 16)
      return numbers.map(() => storeWith({})) as unknown as [CounterStore, CounterStore]
    }
    const use = (caller: CounterStore, quantity: string) => caller.record(batch(config, [{ quantity }]))
    const read = async (of: CounterStore = store) =>
      (await of.readAccepted(config.tenantId, [meterId('calls')])).meters
        .get(meterId('calls'))!
        .map(({ slot, accepted, lost }) => [
          slot,
          accepted.events,
          accepted.quantity,
          lost.events,
          lost.quantity,
        ])
    const putBack = async (meta: Record<string, string>) => {
      await backend.client.del(`tg:{${HOME}}:meta`)
      if (Object.keys(meta).length > 0) await backend.client.hset(`tg:{${HOME}}:meta`, meta)
    }

    it('keep what each slot took of a meter, and what Redis lost of it, once who was answered calls again', async () => {
      const [one, another] = inSlots(0, 8)
      await one.record(batch(config, [{ quantity: '1.5' }, { quantity: 2 }]))
      const meta = await backend.client.hgetall(`tg:{${HOME}}:meta`)
      await use(one, '0.25')
      expect(await read()).toEqual([['0', '3', '3.75', '0', '0']])
      // Redis is put back to where it was before the last event.
      await putBack(meta)
      await use(another, '10')
      expect(await read()).toEqual([
        ['0', '2', '3.5', '0', '0'],
        ['8', '1', '10', '0', '0'],
      ])
      await use(one, '100')
      await use(one, '100')
      expect(await read()).toEqual([
        ['0', '5', '203.75', '1', '0.25'],
        ['8', '1', '10', '0', '0'],
      ])
    })

    it('add up what is lost again and again', async () => {
      const [one] = inSlots(3)
      await use(one, '1')
      const meta = await backend.client.hgetall(`tg:{${HOME}}:meta`)
      await use(one, '2')
      await putBack(meta)
      await use(one, '4')
      await putBack({})
      await use(one, '8')
      expect(await read()).toEqual([['3', '4', '15', '3', '7']])
    })

    it('are shown at once as a server knows them that was answered itself', async () => {
      const [one] = inSlots(3)
      await use(one, '1')
      await putBack({})
      expect(await read()).toEqual([])
      expect(await read(one)).toEqual([['3', '1', '1', '1', '1']])
    })

    it('say when a loss was noticed first', async () => {
      const [one] = inSlots(3)
      await use(one, '1')
      await putBack({})
      await use(one, '1')
      const since = async () =>
        (await store.readAccepted(config.tenantId, [meterId('calls')])).meters.get(meterId('calls'))![0]!
          .lostSinceMs
      const first = await since()
      expect(first).toBeGreaterThan(0)
      await use(one, '1')
      expect(await since()).toBe(first)
    })

    it('of a shared slot never show more than was lost', async () => {
      const [one, another] = inSlots(5, 5)
      await use(one, '1')
      await use(another, '1')
      await putBack({})
      await use(one, '1')
      await use(another, '1')
      expect(await read()).toEqual([['5', '3', '3', '1', '1']])
    })
  })

  it('goes on after a restart that lost the script cache', async () => {
    await store.record(batch(config, [{ id: 'a' }]))
    await backend.client.script('FLUSH')
    expect(await store.record(batch(config, [{ id: 'a' }]))).toEqual({
      kind: 'recorded',
      verdicts: ['duplicate'],
    })
  })

  it('takes the largest batch', async () => {
    const meters = Array.from({ length: 10 }, (_, i) => meter(`m${i}`, 'sum'))
    const wide = tenantConfig(meters)
    const events = Array.from({ length: 1_000 }, (_, i) => ({ id: `e${i}`, customer_id: `c${i}` }))
    const outcome = await store.record(batch(wide, events))
    expect(outcome).toEqual({ kind: 'recorded', verdicts: events.map(() => 'accepted') })
    let counters = 0
    for (const segment of await sealAll({ counters: store }))
      counters += (await store.readSegment(segment)).counters.filter(notTally).length
    expect(counters).toBe(10_000)
  })
})
