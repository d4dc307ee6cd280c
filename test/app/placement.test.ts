// Partitions, placements and moves by their routes, over two databases of which one may be away.

import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Services } from '../../src/services.ts'
import { type EmbeddedRedis, openEmbeddedRedis } from '../../src/stores/redis/embedded.ts'
import { tcpConnection } from '../../src/stores/redis/tcp.ts'
import { type Call, caller, errorsOf, newTenant, openInProcess, type Server } from '../http/harness.ts'

let second: EmbeddedRedis
let server: Server
let admin: Call
let nobody: Call
let partitionStore: Services['partitionStore']
let isAway = false

beforeAll(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  second = await openEmbeddedRedis()
  const connection = tcpConnection(second.client)
  const there = <T>(call: () => Promise<T>) => (isAway ? Promise.reject(new Error('ECONNREFUSED')) : call())
  server = await openInProcess(
    (services) => {
      partitionStore = services.partitionStore
      return services
    },
    {
      second: {
        evalsha: (...args) => there(() => connection.evalsha(...args)),
        eval: (...args) => there(() => connection.eval(...args)),
        ping: () => there(() => connection.ping()),
        close: () => connection.close(),
      },
    },
  )
  admin = caller(server, server.adminToken)
  nobody = caller(server, null)
})
afterAll(() => Promise.all([server.close(), second.close()]))
beforeEach(() => {
  isAway = false
})

const event = (id: string, customer_id = 'alice') => ({
  id,
  customer_id,
  resource_type: 'api_call',
  quantity: 1,
})
const meter = { key: 'calls', resource_type: 'api_call', aggregation: 'sum' }
async function tenantIn(partition: number): Promise<{ id: string; call: Call }> {
  const made = await admin('POST', '/api/v1/tenants', { name: 'Acme', partition })
  expect(made.status).toBe(201)
  const call = caller(server, made.body.api_key.key)
  expect((await call('POST', '/api/v1/meters', meter)).status).toBe(201)
  return { id: made.body.id, call }
}
const move = (id: string, body: object) => admin('POST', `/api/v1/tenants/${id}/placement`, body)
const placement = async (id: string) => (await admin('GET', `/api/v1/tenants/${id}/placement`)).body
const countedOf = async (call: Call, customer = 'alice') =>
  (await call('GET', `/api/v1/usage?customer_id=${customer}`)).body.data[0]?.quantity ?? '0'

describe('partitions', () => {
  it('are listed, and one is opened in a database that the configuration names', async () => {
    const at = { tenants: 0, unsettled_counters: 0, last_flush_at: null }
    expect((await admin('GET', '/api/v1/partitions')).body).toEqual({
      data: [{ id: 0, database: 'main', state: 'open', ...at }],
    })
    expect(await admin('POST', '/api/v1/partitions', { database: 'second' })).toMatchObject({
      status: 201,
      body: { id: 1, database: 'second', state: 'open', ...at },
    })
    const refused = await admin('POST', '/api/v1/partitions', { database: 'third' })
    expect(refused.status).toBe(422)
    expect(errorsOf(refused)).toEqual([
      '#/database: must be one of those that COUNTER_DATABASES names: main, second',
    ])
  })

  it('take new tenants: the one that is named, or the one in which the least waits, unless it is closed', async () => {
    const { id, call } = await tenantIn(0)
    await call('POST', '/api/v1/usage', event('busy'))
    expect(await placement(id)).toEqual({ home: [0], spread_by: null, former: [] })
    const other = await newTenant(server)
    expect(await placement(other.id)).toEqual({ home: [1], spread_by: null, former: [] })
    await admin('PATCH', '/api/v1/partitions/1', { state: 'closed' })
    expect(await placement((await newTenant(server)).id)).toMatchObject({ home: [0] })
    const refused = await admin('POST', '/api/v1/tenants', { name: 'Acme', partition: 1 })
    expect(errorsOf(refused)).toEqual(['#/partition: must be an open partition: 0'])
    await admin('PATCH', '/api/v1/partitions/1', { state: 'open' })
    await admin('POST', '/api/v1/flush')
  })
})

describe('a tenant', () => {
  it('is moved and spread, at once, and every event counts once', async () => {
    const { id, call } = await tenantIn(0)
    await call('POST', '/api/v1/usage', event('x'))
    const moved = await move(id, { partitions: [1] })
    const { home, spread_by, former } = moved.body
    expect(moved.status).toBe(202)
    expect({ home, spread_by }).toEqual({ home: [1], spread_by: null })
    expect(Object.keys(former[0])).toEqual(['partition', 'since', 'frozen_at', 'until', 'unsettled_counters'])
    expect(former).toMatchObject([{ partition: 0, unsettled_counters: 4 }])
    expect(Date.parse(former[0].until) - Date.parse(former[0].frozen_at)).toBeGreaterThan(24 * 3_600_000)
    expect(await placement(id)).toEqual(moved.body)
    expect((await call('POST', '/api/v1/usage', event('x'))).body.events).toMatchObject([
      { status: 'duplicate' },
    ])
    await call('POST', '/api/v1/usage', event('y'))
    expect(await countedOf(call)).toBe('2')
    expect(await move(id, { partitions: [0, 1], spread_by: 'customer' })).toMatchObject({
      status: 202,
      body: { home: [0, 1], spread_by: 'customer' },
    })
    for (const customer of ['alice', 'bob', 'carol', 'dave'])
      await call('POST', '/api/v1/usage', event(`z of ${customer}`, customer))
    expect([await countedOf(call), await countedOf(call, 'bob')]).toEqual(['3', '1'])
    await admin('POST', '/api/v1/flush')
    expect([await countedOf(call), await countedOf(call, 'dave')]).toEqual(['3', '1'])
    expect((await placement(id)).former).toMatchObject([{ unsettled_counters: 0 }, { unsettled_counters: 0 }])
  })

  it.each([
    [{ partitions: [7] }, '#/partitions/0: there is no partition 7: GET /api/v1/partitions lists them'],
    [{ partitions: [] }, /^#\/partitions: /],
    [{ partitions: [0, 0], spread_by: 'customer' }, '#/partitions: must not name a partition twice'],
    [{ partitions: [0, 1] }, '#/spread_by: must be customer where there are several partitions'],
    [{ partitions: [0], spread_by: 'customer' }, '#/partitions: must be two at least to spread over'],
    [{ partitions: [0, 1], spread_by: 'day' }, /^#\/spread_by: must be customer, or left out/],
  ])('is not moved by %j', async (body, said) => {
    const { id } = await tenantIn(0)
    const refused = await move(id, body)
    expect(refused.status).toBe(422)
    expect(errorsOf(refused)).toEqual([expect.stringMatching(said)])
    expect(await placement(id)).toEqual({ home: [0], spread_by: null, former: [] })
  })

  it('that there is not is not found', async () => {
    const id = crypto.randomUUID()
    expect((await admin('GET', `/api/v1/tenants/${id}/placement`)).status).toBe(404)
    expect((await move(id, { partitions: [0] })).status).toBe(404)
  })
})

describe('a database that is away', () => {
  it('is noticed by its own tenants, who are told to send again, and by nobody else', async () => {
    const [here, there] = [await tenantIn(0), await tenantIn(1)]
    await there.call('POST', '/api/v1/usage', event('before'))
    isAway = true
    expect((await here.call('POST', '/api/v1/usage', event('x'))).status).toBe(200)
    expect(await countedOf(here.call)).toBe('1')
    expect((await here.call('GET', '/api/v1/billing/alice')).status).toBe(200)
    const refused = await there.call('POST', '/api/v1/usage', event('x'))
    expect(refused).toMatchObject({ status: 503, body: { code: 'store_unavailable' } })
    expect(refused.body.detail).toContain('Send the same request again')
    expect(refused.headers.get('retry-after')).not.toBeNull()
    for (const path of ['/api/v1/billing/alice', '/api/v1/usage?customer_id=alice', '/api/v1/events'])
      expect((await there.call('GET', path)).status, path).toBe(503)
    expect(await nobody('GET', '/ready')).toMatchObject({
      status: 503,
      body: {
        checks: { redis: { ok: false, detail: expect.stringContaining('second') }, postgres: { ok: true } },
      },
    })
    expect((await admin('POST', '/api/v1/flush')).body).toMatchObject({ settled_segments: 1 })
    const { data } = (await admin('GET', '/api/v1/partitions')).body
    expect(data).toMatchObject([
      { id: 0, state: 'open' },
      { id: 1, state: 'unreachable', unsettled_counters: null, last_flush_at: null },
    ])
    expect((await move(there.id, { partitions: [0] })).status).toBe(503)
    isAway = false
    expect((await there.call('POST', '/api/v1/usage', event('x'))).status).toBe(200)
    expect(await countedOf(there.call)).toBe('2')
    expect((await nobody('GET', '/ready')).status).toBe(200)
  })
})

describe('partitions', () => {
  it('that another process has opened or closed are so here, too', async () => {
    await partitionStore.changePartition(1, 'closed')
    expect(await placement((await newTenant(server)).id)).toMatchObject({ home: [0] })
    await partitionStore.changePartition(1, 'open')
    await partitionStore.addPartition({ id: 2, database: 'second', state: 'open' })
    const { id } = await tenantIn(2)
    await partitionStore.addPartition({ id: 3, database: 'main', state: 'open' })
    expect(await move(id, { partitions: [3] })).toMatchObject({ status: 202, body: { home: [3] } })
  })
})
