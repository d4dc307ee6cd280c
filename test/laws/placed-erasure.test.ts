// A customer's events are erased wherever they are: in former homes and in the new one, asked of whichever server, and by whichever
// clock they arrived.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { newId } from '../../src/kernel/ids.ts'
import { askErasure, readErasure, reofferErasures } from '../../src/log/ask-erasure.ts'
import { eraseEvents } from '../../src/log/erase-events.ts'
import { flush } from '../../src/metering/flush.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'
import { moveTenant } from '../../src/metering/placement/move-tenant.ts'
import { openPartition } from '../../src/metering/placement/open-partition.ts'
import { homeOf } from '../../src/metering/placement/placement.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { eventLog } from '../../src/stores/postgres/stores.ts'
import type { RedisConnection } from '../../src/stores/redis/connection.ts'
import { idsOf, logOf } from '../support/log.ts'
import { MemoryBlockStore } from '../support/memory-blocks.ts'
import { tenantConfig } from '../support/metering.ts'
import { madeTenant, serverOn } from '../support/placed.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { send } from '../support/world.ts'

let databases: RedisBackend[]
let postgres: PostgresBackend
let config: TenantConfig
let blocks: MemoryBlockStore

beforeAll(async () => {
  const opening = [redisBackends[0]!.open(), redisBackends[0]!.open()]
  postgres = await postgresBackends[0]!.open()
  databases = await Promise.all(opening)
})
afterAll(() => Promise.all([...databases, postgres].map(({ close }) => close())))

/** A server with caches of its own. `second`: the way to the second database. */
function server(second: RedisConnection = databases[1]!.connection) {
  const one = serverOn({ main: databases[0]!.connection, second }, postgres.db, config)
  return { ...one, ...eventLog(postgres.db, blocks), blocks }
}
type Server = ReturnType<typeof server>

beforeEach(async () => {
  for (const { client } of databases) await client.flushdb()
  await rows(
    postgres.db,
    sql`truncate placements, partitions, log_blocks, log_customers, erasures, usage, segments`,
  )
  config = tenantConfig()
  blocks = new MemoryBlockStore()
  await madeTenant(postgres.db, config)
  expect(await openPartition(server(), { database: 'second' })).toMatchObject({ id: 1 })
})

const record = (by: Server, id: string, customer_id = 'alice') => send(by, config, [{ id, customer_id }])
const shown = async (by: Server) => idsOf(await logOf(by, config)).sort()
const ask = (by: Server, customer = 'alice') => askErasure(by, { tenantId: config.tenantId, newId }, customer)
const move = (by: Server, home: number[]) =>
  moveTenant(by, newId, config.tenantId, { home, spreadBy: home.length > 1 ? 'customer' : null })

it('in a former home and in the new one, by a server that has not heard of the move', async () => {
  const [a, b] = [server(), server()]
  await record(b, 'before')
  await record(b, 'b1', 'bob')
  await move(a, [1])
  await record(a, 'after')
  const erasure = await ask(b)
  expect([await shown(a), await shown(b)]).toEqual([['b1'], ['b1']])
  for (const partition of [0, 1])
    expect(await a.counters.notedErasures(partition, 0, 10)).toMatchObject([{ id: erasure.id }])
  await record(a, 'later')
  expect(await eraseEvents(a)).toMatchObject({ done: 0 })
  await flush(a, { leaseMs: 0 })
  expect(await shown(b)).toEqual(['b1', 'later'])
  expect(await eraseEvents(a)).toMatchObject({ blocks: 2, events: 2, done: 1 })
  expect(await readErasure(a, config.tenantId, erasure.id)).toMatchObject({ left: 0, events: 2 })
  expect(await shown(b)).toEqual(['b1', 'later'])
})

it('that a Postgres which was put back has forgotten, from any partition', async () => {
  const a = server()
  await record(a, 'before')
  await move(a, [1])
  await ask(a)
  await rows(postgres.db, sql`truncate erasures`)
  await databases[0]!.client.flushdb()
  expect(await reofferErasures(a)).toBe(1)
  expect(await a.erasures.list(config.tenantId, { customerId: 'alice', after: null, limit: 5 })).toHaveLength(
    1,
  )
})

it('whose database’s clock is ahead of the others’, with what was accepted last', async () => {
  const { connection } = databases[1]!
  const later = async (reply: ReturnType<RedisConnection['eval']>) => {
    const said = await reply
    return typeof said === 'string' && /^\d{16}$/.test(said) ? String(Number(said) + 60_000_000) : said
  }
  const a = server({
    ...connection,
    ping: () => connection.ping(),
    evalsha: (...args) => later(connection.evalsha(...args)),
    eval: (...args) => later(connection.eval(...args)),
  })
  await move(a, [0, 1])
  const placement = await a.placements.of(config.tenantId)
  const there = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5'].find((customer) => homeOf(placement, customer) === 1)!
  const ahead = (await a.counters.arrivedMicros(config.tenantId, there)) / 1000 - Date.now()
  expect(ahead).toBeGreaterThan(50_000)
  expect((await a.counters.clockMicros(config.tenantId)) / 1000 - Date.now()).toBeLessThan(10_000)
})

it('while another database is away: it is asked for, and done when that is back', async () => {
  const away: RedisConnection = {
    ...databases[1]!.connection,
    evalsha: () => Promise.reject(new Error('ECONNREFUSED')),
    eval: () => Promise.reject(new Error('ECONNREFUSED')),
  }
  const partly = server(away)
  await record(partly, 'a1')
  await flush(partly, { leaseMs: 0 })
  const erasure = await ask(partly)
  expect(erasure).toMatchObject({ events: 1, left: 0, doneAt: null })
  expect(await shown(partly)).toEqual([])
  expect(await eraseEvents(partly)).toMatchObject({ done: 0, more: true })
  expect(await eraseEvents(server())).toMatchObject({ done: 1, more: false })
})
