import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Call, caller, errorsOf, newTenant, openServer, type Server } from './harness.ts'

let server: Server
let admin: Call
beforeAll(async () => {
  server = await openServer()
  admin = caller(server, server.adminToken)
})
afterAll(() => server?.close())

const meter = { key: 'calls', resource_type: 'call', aggregation: 'sum' }
const event = (more: Record<string, unknown> = {}) => ({
  customer_id: 'alice',
  resource_type: 'call',
  ...more,
})
const keep = { unmetered: 'keep' }

describe('settings', () => {
  it('are read and changed by the tenant’s own key, and its operator sees the same', async () => {
    const { id, call } = await newTenant(server, { name: 'Acme', timezone: 'Asia/Kolkata', currency: 'INR' })
    const settings = {
      name: 'Acme',
      timezone: 'Asia/Kolkata',
      currency: 'INR',
      default_plan: 'default',
      unmetered: 'refuse',
      event_log_days: null,
      dedupe_window_hours: null,
    }
    const { body: read } = await call('GET', '/api/v1/settings')
    expect(read).toEqual({ ...settings, log_since: expect.any(String) })
    await call('POST', '/api/v1/plans', { key: 'pro', currency: 'INR', prices: [] })
    const changed = { ...read, unmetered: 'keep', default_plan: 'pro' }
    const answer = await call('PATCH', '/api/v1/settings', { ...keep, default_plan: 'pro' })
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual(changed)
    expect((await call('GET', '/api/v1/settings')).body).toEqual(changed)
    expect((await call('PATCH', '/api/v1/settings', {})).body).toEqual(changed)
    expect((await admin('GET', `/api/v1/tenants/${id}`)).body).toMatchObject(changed)
    expect((await call('GET', '/api/v1/plans/pro')).body.default).toBe(true)
  })

  it('of the operator are the name, too', async () => {
    const { id, call } = await newTenant(server)
    const path = `/api/v1/tenants/${id}`
    const { body: made } = await admin('GET', path)
    const changed = { ...made, name: 'Renamed', unmetered: 'keep' }
    expect((await admin('PATCH', path, { name: 'Renamed', ...keep })).body).toEqual(changed)
    expect((await admin('PATCH', path, {})).body).toEqual(changed)
    expect((await call('GET', '/api/v1/settings')).body).toMatchObject({ name: 'Renamed', ...keep })
    const nobody = '/api/v1/tenants/00000000-0000-4000-8000-000000000000'
    for (const change of [{}, { name: 'x' }])
      expect(await admin('PATCH', nobody, change)).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })

  it('say how long the id of an event is known, which is the operator’s to say', async () => {
    const { id, call } = await newTenant(server, { dedupe_window_hours: 72 })
    const path = `/api/v1/tenants/${id}`
    const hours = async () => (await call('GET', '/api/v1/settings')).body.dedupe_window_hours
    expect(await hours()).toBe(72)
    const meter = { key: 'calls', resource_type: 'calls', aggregation: 'sum' }
    expect((await call('POST', '/api/v1/meters', meter)).status).toBe(201)
    const event = { id: 'one', customer_id: 'alice', resource_type: 'calls' }
    expect((await call('POST', '/api/v1/usage', event)).body.accepted).toBe(1)
    for (const dedupe_window_hours of [840, 1, null]) {
      expect((await admin('PATCH', path, { dedupe_window_hours })).body).toMatchObject({
        dedupe_window_hours,
      })
      expect(await hours()).toBe(dedupe_window_hours)
      expect((await call('POST', '/api/v1/usage', event)).body.duplicates).toBe(1)
    }
    for (const dedupe_window_hours of [0, 841, 1.5, '24']) {
      const answer = await admin('PATCH', path, { dedupe_window_hours })
      expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
      expect(errorsOf(answer)[0]).toMatch(/^#\/dedupe_window_hours: must be /)
    }
    expect((await call('PATCH', '/api/v1/settings', { dedupe_window_hours: 1 })).status).toBe(422)
    expect(await hours()).toBe(null)
  })

  it('say how long events are kept, which is the operator’s to say', async () => {
    const { id, call } = await newTenant(server, { event_log_days: 30 })
    const path = `/api/v1/tenants/${id}`
    const days = async () => (await call('GET', '/api/v1/settings')).body.event_log_days
    expect(await days()).toBe(30)
    for (const event_log_days of [400, 0, null]) {
      expect((await admin('PATCH', path, { event_log_days })).body).toMatchObject({ event_log_days })
      expect(await days()).toBe(event_log_days)
    }
    for (const event_log_days of [-1, 1.5, '30', 36_501]) {
      const answer = await admin('PATCH', path, { event_log_days })
      expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
      expect(errorsOf(answer)[0]).toMatch(/^#\/event_log_days: must be /)
    }
    expect((await call('PATCH', '/api/v1/settings', { event_log_days: 1 })).status).toBe(422)
    expect(await days()).toBe(null)
    const { body } = await call('GET', '/api/v1/settings')
    expect(Math.abs(Date.parse(body.log_since) - Date.now())).toBeLessThan(600_000)
  })

  it.each([
    [{ unmetered: 'ignore' }, '#/unmetered: must be one of "refuse", "keep" (sent: "ignore")'],
    [{ unmetered: null }, '#/unmetered: must be one of "refuse", "keep" (sent: null)'],
    [
      { default_plan: 'nope' },
      '#/default_plan: must be the key of a plan of the tenant: see GET /api/v1/plans',
    ],
    [
      { timezone: 'UTC' },
      '#/timezone: must not have "timezone": a change of settings has default_plan, unmetered',
    ],
    [{ name: 'x' }, '#/name: must not have "name": a change of settings has default_plan, unmetered'],
  ])('%j is refused', async (change, expected) => {
    const { call } = await newTenant(server)
    const answer = await call('PATCH', '/api/v1/settings', change)
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    expect(errorsOf(answer)[0]).toContain(expected)
    expect((await call('GET', '/api/v1/settings')).body).toMatchObject({
      ...{ unmetered: 'refuse', default_plan: 'default' },
    })
  })
})

describe('events that no meter takes', () => {
  it('are refused, unless the tenant keeps them', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', meter)
    const unmetered = event({ id: 'a', resource_type: 'later' })
    expect(await call('POST', '/api/v1/usage', unmetered)).toMatchObject({
      status: 422,
      body: { code: 'unknown_resource_type' },
    })
    await call('PATCH', '/api/v1/settings', keep)
    expect(await call('POST', '/api/v1/usage', unmetered)).toMatchObject({
      status: 200,
      body: { accepted: 1, duplicates: 0, events: [{ id: 'a', status: 'accepted' }] },
    })
    await call('PATCH', '/api/v1/settings', { unmetered: 'refuse' })
    expect(await call('POST', '/api/v1/usage', event({ resource_type: 'later' }))).toMatchObject({
      status: 422,
      body: { code: 'unknown_resource_type' },
    })
  })

  it('are kept from the beginning by a tenant that is made so, and go with those that are counted', async () => {
    const { call } = await newTenant(server, keep)
    expect((await call('GET', '/api/v1/settings')).body).toMatchObject(keep)
    expect((await call('POST', '/api/v1/usage', event({ id: 'first' }))).body.accepted).toBe(1)
    await call('POST', '/api/v1/meters', meter)
    const batch = [event({ id: 'b', quantity: 3 }), event({ id: 'c', resource_type: 'later', quantity: 5 })]
    expect((await call('POST', '/api/v1/usage', batch)).body).toMatchObject({ accepted: 2 })
    const { body } = await call('GET', '/api/v1/usage')
    expect(body.data).toMatchObject([{ meter: 'calls', quantity: '3' }])
    expect(body.data).toHaveLength(1)
  })

  it('have their ids taken, as any event', async () => {
    const { call } = await newTenant(server, keep)
    const sent = event({ id: 'a' })
    const send = (one: unknown) => call('POST', '/api/v1/usage', one)
    expect((await send(sent)).body).toMatchObject({ accepted: 1, duplicates: 0 })
    expect((await send(sent)).body).toMatchObject({ accepted: 0, duplicates: 1 })
    expect(await send({ ...sent, quantity: 2 })).toMatchObject({
      status: 409,
      body: { code: 'event_conflict' },
    })
    // What was accepted before its meter was made is a duplicate after it, too.
    await call('POST', '/api/v1/meters', meter)
    expect((await send(sent)).body).toMatchObject({ accepted: 0, duplicates: 1 })
    expect((await call('GET', '/api/v1/usage')).body.data).toEqual([])
  })

  it('are checked as events all the same', async () => {
    const { call } = await newTenant(server, keep)
    const answer = await call('POST', '/api/v1/usage', event({ quantity: 'much' }))
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    const old = event({ timestamp: '2020-01-01T00:00:00Z' })
    expect(errorsOf(await call('POST', '/api/v1/usage', old))[0]).toContain('35 days back')
  })

  it('are counted as soon as their meter’s creation is answered, and kept when it is archived', async () => {
    const { call } = await newTenant(server, keep)
    for (let i = 0; i < 8; i++) {
      const type = `type${i}`
      const one = event({ resource_type: type })
      expect((await call('POST', '/api/v1/usage', one)).body.accepted).toBe(1)
      await call('POST', '/api/v1/meters', { ...meter, key: type, resource_type: type })
      expect((await call('POST', '/api/v1/usage', one)).body.accepted).toBe(1)
      await call('POST', `/api/v1/meters/${type}/archive`)
      expect((await call('POST', '/api/v1/usage', one)).body.accepted).toBe(1)
      const { body } = await call('GET', `/api/v1/usage?meter=${type}`)
      expect(body.data.map(({ quantity }: { quantity: string }) => quantity)).toEqual(['1'])
    }
  })

  it('come as CloudEvents, and leniently, too', async () => {
    const { call } = await newTenant(server, keep)
    const cloudEvent = {
      ...{ specversion: '1.0', id: '1', source: '/s', type: 'later', subject: 'alice', data: {} },
    }
    const type = { 'content-type': 'application/cloudevents+json' }
    expect((await call('POST', '/api/v1/usage', cloudEvent, type)).body.accepted).toBe(1)
    const lenient = { prefer: 'handling=lenient' }
    const { body } = await call('POST', '/api/v1/usage', [event({ quantity: 'x' }), event()], lenient)
    expect(body.events.map(({ status }: { status: string }) => status)).toEqual(['invalid', 'accepted'])
  })
})
