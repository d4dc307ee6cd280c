// An import counts each event once, however often it is sent and whatever it is cut off by, when ids are long forgotten, too.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TollgateError } from '../../src/kernel/errors.ts'
import { type ImportServices, importEvents } from '../../src/log/import/import-events.ts'
import type { ImportState } from '../../src/log/import/import-state.ts'
import type { SentLine } from '../../src/log/import/line.ts'
import { flush } from '../../src/metering/flush.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'
import { idsOf, logOf } from '../support/log.ts'
import { meter, tenantConfig } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { intercept, interceptedLog, type LoggedWorld, send, totals, worldOn } from '../support/world.ts'

let redis: RedisBackend
let postgres: PostgresBackend
let config: TenantConfig
/** Ids are forgotten after a millisecond: a window is over when the next call comes. */
const WINDOW_MS = 1

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))
beforeEach(async () => {
  await redis.client.flushdb()
  config = tenantConfig([meter('calls', 'sum')])
})

const open = (window = WINDOW_MS): LoggedWorld => worldOn(redis, postgres, config, { dedupeWindowMs: window })
const settle = (of: LoggedWorld) => flush(of, { leaseMs: 0 })
const afterWindow = () => new Promise((resolve) => setTimeout(resolve, 10 * WINDOW_MS))
const timestamp = new Date(Date.now() - 3_600_000).toISOString()
const event = (id: string, more: object = {}) => ({
  ...{ id, customer_id: 'alice', resource_type: 'api_call', timestamp },
  ...more,
})
const EVENTS = ['a', 'b', 'c', 'd', 'e'].map((id) => event(id))

async function* linesOf(events: object[], perBatch: number): AsyncGenerator<SentLine[]> {
  for (let from = 0; from < events.length; from += perBatch)
    yield events.slice(from, from + perBatch).map((sent, i) => ({ line: from + i + 1, sent }))
}

function imported(
  world: LoggedWorld,
  events: object[],
  more: Partial<ImportServices & { perBatch: number; saved: ImportState[] }> = {},
): Promise<ImportState> {
  const { perBatch = 2, saved = [], ...services } = more
  const transfers = {
    saveTransfer: async (_tenant: string, _kind: string, _id: string, state: object) => {
      saved.push(state as ImportState)
    },
  }
  const pause = async () => {}
  return importEvents(
    { ...world, transfers, pause, importLines: Number.POSITIVE_INFINITY, ...services },
    config,
    {
      ...{ id: crypto.randomUUID(), mode: 'billable', format: 'ndjson', ignoredColumns: [] },
      ...{ lines: linesOf(events, perBatch), fromLine: 1 },
    },
  )
}

async function expectOnce(world: LoggedWorld, ids = EVENTS.map(({ id }) => id)): Promise<void> {
  expect(await totals(world, config)).toEqual({ calls: String(ids.length) })
  expect(idsOf(await logOf(world, config)).sort()).toEqual([...ids].sort())
}

describe('an import that is sent again after its ids are forgotten', () => {
  it('would count twice if the log were not asked', async () => {
    const world = open()
    await imported(world, EVENTS)
    await afterWindow()
    expect(await imported(world, EVENTS, { blocks: null })).toMatchObject({ accepted: 5 })
  })

  it.each(['not settled', 'settled', 'some of it settled'])('counts once: %s', async (state) => {
    const world = open()
    if (state === 'some of it settled') {
      await send(world, config, EVENTS.slice(0, 2))
      await settle(world)
    }
    await imported(world, EVENTS)
    if (state === 'settled') await settle(world)
    for (let i = 0; i < 2; i++) {
      await afterWindow()
      const again = await imported(world, EVENTS)
      expect(again).toMatchObject({ status: 'done', accepted: 0, duplicates: 5, conflicts: 0 })
      await expectOnce(world)
    }
    await settle(world)
    await expectOnce(world)
  })

  it('counts once where its tenant’s window was shorter meanwhile, and is long again', async () => {
    const world = open(24 * 3_600_000)
    await imported(world, EVENTS)
    // What a window of one hour has forgotten two hours later, and no longer one brings back.
    await redis.client.del(...(await redis.client.keys('*:dd:*')))
    const clock = () => Date.now() + 2 * 3_600_000
    expect(await imported(world, EVENTS, { clock })).toMatchObject({ accepted: 0, duplicates: 5 })
    await expectOnce(world)
  })

  it('is told from what has its ids and other content, and from another tenant’s', async () => {
    const world = open()
    const other = config
    await imported(world, EVENTS)
    config = tenantConfig([meter('calls', 'sum')])
    await imported(world, [event('a', { properties: { 2: 'x', 10: [1, { b: 1, a: 2 }] }, quantity: 1 })])
    await settle(world)
    await afterWindow()
    const changed = [
      event('a', { properties: { 10: [1, { a: 2, b: 1 }], 2: 'x' }, quantity: '1.00' }),
      ...[{ quantity: 2 }, { customer_id: 'bob' }, { properties: {} }].map((more) => event('a', more)),
      event('a', { quantity: 'x' }),
      event('b'),
    ]
    const state = await imported(world, changed)
    expect(state).toMatchObject({ accepted: 1, duplicates: 1, conflicts: 3, invalid: 1 })
    expect(state.errors.map(({ line, pointer }) => `${line} ${pointer}`)).toEqual([
      '2 #/id',
      '3 #/id',
      '4 #/id',
      '5 #/quantity',
    ])
    config = other
    await expectOnce(world)
  })

  it('counts once whenever its events are settled meanwhile', async () => {
    for (let at = 1; ; at++) {
      config = tenantConfig([meter('calls', 'sum')])
      const world = open()
      await imported(world, EVENTS)
      await afterWindow()
      let calls = 0
      const around = async (_name: string, call: () => Promise<unknown>) => {
        if (++calls === at) await settle(world)
        return await call()
      }
      const watched = {
        ...world,
        ...interceptedLog(world, around),
        counters: intercept(world.counters, around),
      }
      expect(await imported(watched, EVENTS)).toMatchObject({ accepted: 0, duplicates: 5 })
      await expectOnce(world)
      if (calls < at) break
      expect(at).toBeLessThan(50)
    }
  })
})

describe('an import that is cut off', () => {
  const dead = () => new TollgateError('store_unavailable', 'dead')

  it.each(['before', 'after'])('%s any of its calls goes on when it is sent again', async (when) => {
    for (let at = 1; ; at++) {
      config = tenantConfig([meter('calls', 'sum')])
      const world = open(60_000)
      let calls = 0
      const around = async (_name: string, call: () => Promise<unknown>) => {
        if (++calls < at) return call()
        if (when === 'after' && calls === at) await call()
        throw dead()
      }
      const dying = {
        ...world,
        ...interceptedLog(world, around),
        counters: intercept(world.counters, around),
      }
      const saved: ImportState[] = []
      const ended = await imported(dying, EVENTS, { saved }).catch((error) => error)
      if (calls >= at) {
        expect(ended).toMatchObject({ code: 'store_unavailable' })
        expect(saved.at(-1)).toMatchObject({ status: 'stopped', reason: expect.stringContaining('send the') })
        const { nextLine, lines } = saved.at(-1)!
        expect(nextLine).toBe(lines + 1)
      }
      if (at % 2 === 0) await settle(world)
      const again = await imported(world, EVENTS)
      expect(again.accepted + again.duplicates).toBe(5)
      await expectOnce(world)
      if (calls < at) break
      expect(at).toBeLessThan(50)
    }
  })

  it('by a store that is away for a moment tries again', async () => {
    const world = open(60_000)
    let [failures, pauses] = [3, 0]
    const counters = intercept(world.counters, async (name, call) => {
      const result = await call()
      if (name === 'record' && failures-- > 0) throw dead()
      return result
    })
    const pause = async () => void pauses++
    const state = await imported({ ...world, counters }, EVENTS, { pause })
    expect(state).toMatchObject({ status: 'done', accepted: 3, duplicates: 2 })
    expect(pauses).toBe(3)
    await expectOnce(world)
  })

  it('is held up while settling catches up, and not refused', async () => {
    const world = worldOn(redis, postgres, config, { backlogMaxCountersPerTenant: 6 })
    const hourly = EVENTS.map((one, i) => ({
      ...one,
      timestamp: new Date(Date.now() - (i + 1) * 3_600_000).toISOString(),
    }))
    const saved: ImportState[] = []
    let pauses = 0
    const pause = async () => {
      if (++pauses % 2 === 0) await settle(world)
    }
    const state = await imported(world, hourly, { perBatch: 1, pause, saved })
    expect(state).toMatchObject({ status: 'done', accepted: 5, duplicates: 0 })
    expect(pauses).toBeGreaterThan(0)
    await expectOnce(world)
  })

  it('by its bound of lines says where to go on', async () => {
    const world = open(60_000)
    const state = await imported(world, EVENTS, { importLines: 4 })
    expect(state).toMatchObject({ status: 'stopped', accepted: 4, nextLine: 5 })
    expect(state.reason).toContain('from_line=5')
  })
})

it('what waits to be settled for longer than ids are known is refused where it is too much to look at', async () => {
  const world = open()
  await imported(world, EVENTS)
  const counters = intercept(world.counters, async (name, call) => {
    const result = await call()
    return name === 'readLog' ? { ...(result as object), calls: [], nextMicros: 1 } : result
  })
  await afterWindow()
  await expect(imported({ ...world, counters }, EVENTS)).rejects.toMatchObject({
    code: 'store_unavailable',
    detail: expect.stringContaining('not settled yet'),
  })
  await expectOnce(world)
})
