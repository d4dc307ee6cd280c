// Events that no meter takes, where there is no log, where Postgres is away, and on a server that has not heard of it yet.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { ConfigCache } from '../../src/access/config-cache.ts'
import { createApp } from '../../src/http/app.ts'
import { TollgateError } from '../../src/kernel/errors.ts'
import type { Services } from '../../src/services.ts'
import { caller, errorsOf, newTenant, openInProcess, type Server } from '../http/harness.ts'
import { intercept } from '../support/world.ts'

let server: Server
let services: Services
/** A server that keeps no log, over the same stores. */
let logless: Server
/** Called before every method of the access store. */
let before: () => void = () => {}

beforeAll(async () => {
  server = await openInProcess((whole) => {
    const access = intercept(whole.access, async (_, call) => {
      before()
      return await call()
    })
    services = { ...whole, access, configs: new ConfigCache(access, whole.clock) }
    return services
  })
  logless = another({ logKept: false, log: null, blocks: null })
})
afterAll(() => server?.close())

/** One more server over the same stores, with caches of its own. */
function another(more: Partial<Services> = {}): Server {
  const configs = new ConfigCache(services.access, services.clock)
  const app = createApp({ ...services, configs, ...more })
  return {
    ...server,
    request: async (path, init) => app.request(new URL(path, 'http://another.test').href, init),
  }
}

const event = { customer_id: 'alice', resource_type: 'later' }

it('are kept by no server that keeps no log: whoever asks for it is told why', async () => {
  const admin = caller(logless, logless.adminToken)
  const expected = [expect.stringMatching(/^#\/unmetered: must be "refuse": without a log/)]
  const made = await admin('POST', '/api/v1/tenants', { name: 'x', unmetered: 'keep' })
  expect(made).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
  expect(made.body.detail).toContain('EVENT_LOG is off')
  expect(errorsOf(made)).toEqual(expected)

  const { id, call } = await newTenant(logless, { unmetered: 'refuse' })
  expect(errorsOf(await call('PATCH', '/api/v1/settings', { unmetered: 'keep' }))).toEqual(expected)
  expect(errorsOf(await admin('PATCH', `/api/v1/tenants/${id}`, { unmetered: 'keep' }))).toEqual(expected)
  expect((await call('PATCH', '/api/v1/settings', { unmetered: 'refuse' })).status).toBe(200)
  expect((await call('POST', '/api/v1/usage', event)).body.code).toBe('unknown_resource_type')
})

it('are kept, and refused again, by every server from the next event on', async () => {
  const { key, call } = await newTenant(server)
  const elsewhere = caller(another(), key)
  const send = async () => (await elsewhere('POST', '/api/v1/usage', event)).status
  expect(await send()).toBe(422)
  for (let i = 0; i < 2; i++) {
    await call('PATCH', '/api/v1/settings', { unmetered: 'keep' })
    expect(await send()).toBe(200)
    await call('PATCH', '/api/v1/settings', { unmetered: 'refuse' })
    expect(await send()).toBe(422)
  }
})

it('are accepted while Postgres is away, as others are', async () => {
  const { call } = await newTenant(server, { unmetered: 'keep' })
  await call('POST', '/api/v1/usage', event)
  before = () => {
    throw new TollgateError('store_unavailable', 'Away.')
  }
  try {
    expect((await call('POST', '/api/v1/usage', event)).body).toMatchObject({ accepted: 1 })
  } finally {
    before = () => {}
  }
})

it('are refused, and counted nowhere, once the log is off: also where they were to be kept', async () => {
  const { key, call } = await newTenant(server, { unmetered: 'keep' })
  await call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'call', aggregation: 'count' })
  const off = caller(logless, key)
  const refused = await off('POST', '/api/v1/usage', event)
  expect(refused).toMatchObject({ status: 422, body: { code: 'unknown_resource_type' } })
  expect(errorsOf(refused)).toEqual([expect.stringContaining('keeps no log of events (EVENT_LOG is off)')])
  const lenient = await off('POST', '/api/v1/usage', [event, { ...event, resource_type: 'call' }], {
    prefer: 'handling=lenient',
  })
  expect(lenient.body).toMatchObject({ accepted: 1, events: [{ status: 'invalid' }, { status: 'accepted' }] })
})
