import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Call, caller, newTenant, openServer, type Server } from './harness.ts'

let server: Server
let admin: Call
beforeAll(async () => {
  server = await openServer()
  admin = caller(server, server.adminToken)
})
afterAll(() => server?.close())

const event = (id: string, customer_id: string) => ({
  ...{ id, customer_id, resource_type: 'call', quantity: 2, properties: { secret: customer_id } },
})

async function tenantWithEvents() {
  const tenant = await newTenant(server)
  await tenant.call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'call', aggregation: 'sum' })
  const events = [event('a1', 'alice'), event('b1', 'bob'), event('a2', 'alice')]
  await tenant.call('POST', '/api/v1/usage', events)
  return tenant
}
const idsIn = (body: { data: { id: string }[] }) => body.data.map(({ id }) => id).sort()

it('a customer’s events are erased: nothing shows them, what was counted stays, and the erasure is listed', async () => {
  const { call } = await tenantWithEvents()
  const usage = (await call('GET', '/api/v1/usage')).body
  const { status, body: erasure } = await call('DELETE', '/api/v1/customers/alice/events')
  expect([200, 202]).toContain(status)
  expect(erasure).toMatchObject({ customer_id: 'alice', state: status === 200 ? 'done' : 'under_way' })
  expect(Date.parse(erasure.covers_to)).toBeLessThanOrEqual(Date.now() + 60_000)

  expect(idsIn((await call('GET', '/api/v1/events')).body)).toEqual(['b1'])
  expect(idsIn((await call('GET', '/api/v1/events?customer_id=alice')).body)).toEqual([])
  expect((await call('GET', '/api/v1/events/a1')).status).toBe(404)
  expect((await call('GET', '/api/v1/events/b1')).status).toBe(200)
  await call('POST', '/api/v1/usage', event('a3', 'alice'))
  await admin('POST', '/api/v1/flush')
  expect(idsIn((await call('GET', '/api/v1/events')).body)).toEqual(['a3', 'b1'])
  const after = (await call('GET', '/api/v1/usage')).body
  const of = (body: { data: { customer_id: string; quantity: string }[] }, customer: string) =>
    body.data.filter(({ customer_id }) => customer_id === customer).map(({ quantity }) => quantity)
  expect([of(usage, 'alice'), of(usage, 'bob')]).toEqual([['4'], ['2']])
  expect([of(after, 'alice'), of(after, 'bob')]).toEqual([['6'], ['2']])

  const read = await call('GET', `/api/v1/erasures/${erasure.id}`)
  expect(read).toMatchObject({ status: 200, body: { id: erasure.id, covers_to: erasure.covers_to } })
  const { id: again } = (await call('DELETE', '/api/v1/customers/alice/events')).body
  expect(idsIn((await call('GET', '/api/v1/events')).body)).toEqual(['b1'])
  const list = async (query: string) =>
    (await call('GET', `/api/v1/erasures${query}`)).body.data.map(({ id }: { id: string }) => id)
  expect(await list('')).toEqual([again, erasure.id])
  expect(await list('?customer_id=bob')).toEqual([])
  const { body: page } = await call('GET', '/api/v1/erasures?limit=1')
  expect(idsIn(page)).toEqual([again])
  expect(await list(`?cursor=${page.next_cursor}`)).toEqual([erasure.id])
})

it('the same request with an idempotency key is the same erasure', async () => {
  const { call } = await tenantWithEvents()
  const headers = { 'idempotency-key': 'erase alice' }
  const first = await call('DELETE', '/api/v1/customers/alice/events', undefined, headers)
  const again = await call('DELETE', '/api/v1/customers/alice/events', undefined, headers)
  expect(again.body).toEqual(first.body)
  expect((await call('GET', '/api/v1/erasures')).body.data).toHaveLength(1)
})

it('another tenant’s erasure is not there, and its events stay', async () => {
  const mine = await tenantWithEvents()
  const other = await tenantWithEvents()
  const { id } = (await mine.call('DELETE', '/api/v1/customers/alice/events')).body
  expect(await other.call('GET', `/api/v1/erasures/${id}`)).toMatchObject({
    status: 404,
    body: { code: 'not_found', detail: `There is no erasure ${id}. GET /api/v1/erasures lists yours.` },
  })
  expect(idsIn((await other.call('GET', '/api/v1/events')).body)).toEqual(['a1', 'a2', 'b1'])
})
