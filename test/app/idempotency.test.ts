// An Idempotency-Key when something fails or dies: in this process only, because it breaks the app's services.

import { afterAll, afterEach, beforeAll, describe, expect, it, type MockInstance, vi } from 'vitest'
import type { Claim } from '../../src/access/idempotency-store.ts'
import { createApp } from '../../src/http/app.ts'
import { TollgateError } from '../../src/kernel/errors.ts'
import type { Services } from '../../src/services.ts'
import { type Call, caller, newTenant, openInProcess, type Server, type TestTenant } from '../http/harness.ts'
import { intercept } from '../support/world.ts'

let server: Server
let services: Services
let admin: Call
/** Called around every method of a port. */
let around: (name: string, call: () => Promise<unknown>) => Promise<unknown> = (_, call) => call()
let log: MockInstance<typeof console.error>

beforeAll(async () => {
  log = vi.spyOn(console, 'error').mockImplementation(() => {})
  const watched = <Port extends object>(port: Port) => intercept(port, (name, call) => around(name, call))
  server = await openInProcess((whole) => {
    services = whole
    const { counters, usage, access, catalog, idempotency } = whole
    return {
      ...whole,
      counters: watched(counters),
      usage: watched(usage),
      access: watched(access),
      catalog: watched(catalog),
      idempotency: watched(idempotency),
    }
  })
  admin = caller(server, server.adminToken)
})
afterAll(() => server?.close())
afterEach(() => {
  around = (_, call) => call()
  vi.restoreAllMocks()
  log = vi.spyOn(console, 'error').mockImplementation(() => {})
})

const away = () => new TollgateError('store_unavailable', 'The database can’t be reached.')
const failing = (method: string, error: () => unknown) => {
  around = async (name, call) => {
    if (name === method) throw error()
    return await call()
  }
}
/** The work is done, but whoever asked for it never hears of it. */
const losingAnswer = (method: string) => {
  around = async (name, call) => {
    const result = await call()
    if (name === method) throw away()
    return result
  }
}

const meter = { key: 'calls', resource_type: 'call', aggregation: 'sum' }
const event = { customer_id: 'alice', resource_type: 'call' }
const keyed = () => ({ 'idempotency-key': crypto.randomUUID() })

async function metered(): Promise<TestTenant & { usage(): Promise<string | undefined> }> {
  const tenant = await newTenant(server)
  await tenant.call('POST', '/api/v1/meters', meter)
  const usage = async () => (await tenant.call('GET', '/api/v1/usage')).body.data[0]?.quantity
  return { ...tenant, usage }
}

/** A request whose process dies before it has stored the answer; then the time passes after which another takes it over. */
async function dyingBeforeTheAnswerIsStored(send: () => Promise<unknown>): Promise<void> {
  const claims = vi.spyOn(services.idempotency, 'claim')
  failing('finish', () => new Error('died'))
  await send()
  around = (_, call) => call()
  const outcome = await claims.mock.results[0]!.value
  await services.idempotency.release(outcome.claim as Claim)
  claims.mockRestore()
}

/** The calls of the stores from now on. */
function watched(): string[] {
  const calls: string[] = []
  around = (name, run) => {
    calls.push(name)
    return run()
  }
  return calls
}

describe('without the header', () => {
  it('events cost one call to Redis and none to Postgres, and nothing else asks for keys', async () => {
    const { call } = await metered()
    await call('POST', '/api/v1/usage', event)
    const calls = watched()
    expect((await call('POST', '/api/v1/usage', [event, event])).status).toBe(200)
    expect(calls).toEqual(['record'])
    await call('POST', '/api/v1/customers', { customer_id: 'bob' })
    expect(calls).toEqual(['record', 'createCustomer'])
  })

  it('and with it two calls more', async () => {
    const { call } = await metered()
    await call('POST', '/api/v1/usage', event)
    const calls = watched()
    await call('POST', '/api/v1/usage', event, keyed())
    expect(calls).toEqual(['claim', 'record', 'finish'])
  })
})

describe('a key that can’t be claimed', () => {
  it('is a 503, and nothing is executed', async () => {
    const { call, usage } = await metered()
    const headers = keyed()
    failing('claim', away)
    const answer = await call('POST', '/api/v1/usage', event, headers)
    expect(answer).toMatchObject({ status: 503, body: { code: 'store_unavailable' } })
    expect(answer.headers.get('retry-after')).toBeTruthy()
    around = (_, run) => run()
    expect(await usage()).toBeUndefined()
    expect((await call('POST', '/api/v1/usage', event, headers)).body.accepted).toBe(1)
  })
})

describe('an answer that could not be stored', () => {
  it('is given all the same; a retry is first told to wait, and then counts nothing twice', async () => {
    const { call, usage } = await metered()
    const headers = keyed()
    const send = () => call('POST', '/api/v1/usage', [event, event], headers)
    await dyingBeforeTheAnswerIsStored(async () => {
      expect((await send()).body.accepted).toBe(2)
      expect(String(log.mock.calls)).toContain('died')
      expect(await send()).toMatchObject({ status: 409, body: { code: 'idempotency_in_progress' } })
    })
    const again = await send()
    expect(again).toMatchObject({ status: 200, body: { accepted: 0, duplicates: 2 } })
    expect(again.headers.has('idempotency-replayed')).toBe(false)
    expect((await send()).headers.get('idempotency-replayed')).toBe('true')
    expect(await usage()).toBe('2')
  })

  it('is made again as it was, secrets and all: one tenant, one key', async () => {
    const bodies = async (path: string, input: unknown) => {
      const headers = keyed()
      const answers: { status: number; body: { id: string } }[] = []
      const send = async () => answers.push(await admin('POST', path, input, headers))
      await dyingBeforeTheAnswerIsStored(send)
      await send()
      expect(answers.map(({ status }) => status)).toEqual([201, 201])
      expect(answers[1]!.body).toEqual(answers[0]!.body)
      return answers[0]!.body
    }
    const tenant = await bodies('/api/v1/tenants', { name: 'Once' })
    await bodies('/api/v1/api-keys', { tenant_id: tenant.id })
    const keys = await admin('GET', `/api/v1/api-keys?tenant_id=${tenant.id}`)
    expect(keys.body.data).toHaveLength(2)
  })

  it('is of the same meter: whoever makes it gives it the same id, and who sends no key another', async () => {
    const { call } = await newTenant(server)
    const made = vi.spyOn(services.catalog, 'createMeter')
    const headers = keyed()
    await dyingBeforeTheAnswerIsStored(() => call('POST', '/api/v1/meters', meter, headers))
    expect((await call('POST', '/api/v1/meters', meter, headers)).status).toBe(200)
    expect((await call('POST', '/api/v1/meters', meter)).status).toBe(200)
    const [first, again, other] = made.mock.calls.map(([, { id }]) => id)
    expect(first).toMatch(/^[0-9a-z]{12}$/)
    expect(again).toBe(first)
    expect(other).not.toBe(first)
  })

  it('for the last API key that a tenant may have is made again, too', async () => {
    const { id } = await newTenant(server)
    for (let i = 2; i < 100; i++) await admin('POST', '/api/v1/api-keys', { tenant_id: id })
    const headers = keyed()
    const send = () => admin('POST', '/api/v1/api-keys', { tenant_id: id }, headers)
    await dyingBeforeTheAnswerIsStored(send)
    expect((await send()).status).toBe(201)
    expect((await admin('POST', '/api/v1/api-keys', { tenant_id: id })).status).toBe(422)
  })
})

describe('a failure on our side', () => {
  it('is no answer to keep: the same request is executed again at once', async () => {
    const { call } = await metered()
    const headers = keyed()
    const send = () => call('POST', '/api/v1/customers', { customer_id: 'bob' }, headers)
    failing('createCustomer', away)
    expect((await send()).status).toBe(503)
    failing('createCustomer', () => new Error('unheard of'))
    expect((await send()).status).toBe(500)
    around = (_, run) => run()
    expect((await send()).status).toBe(201)
    expect((await send()).headers.get('idempotency-replayed')).toBe('true')
  })

  it('after which nobody knows whether events were counted counts them once', async () => {
    const { call, usage } = await metered()
    const headers = keyed()
    losingAnswer('record')
    for (let i = 0; i < 2; i++) expect((await call('POST', '/api/v1/usage', event, headers)).status).toBe(503)
    around = (_, run) => run()
    expect((await call('POST', '/api/v1/usage', event, headers)).status).toBe(200)
    expect(await usage()).toBe('1')
  })

  it('after which nobody knows whether a tenant was made makes one', async () => {
    const headers = keyed()
    const name = `Lost ${crypto.randomUUID()}`
    losingAnswer('createTenant')
    expect((await admin('POST', '/api/v1/tenants', { name }, headers)).status).toBe(503)
    around = (_, run) => run()
    const { status, body } = await admin('POST', '/api/v1/tenants', { name }, headers)
    expect(status).toBe(201)
    expect((await caller(server, body.api_key.key)('GET', '/api/v1/meters')).status).toBe(200)
    const all = await admin('GET', '/api/v1/tenants?limit=100')
    expect(all.body.data.filter((one: { name: string }) => one.name === name)).toHaveLength(1)
  })
})

describe('an answer that shows a secret', () => {
  it('is another’s request with another token: neither shown nor executed', async () => {
    const headers = keyed()
    expect((await admin('POST', '/api/v1/tenants', { name: 'Mine' }, headers)).status).toBe(201)
    const adminToken = 'the-token-that-came-after-it'
    const app = createApp({ ...services, adminToken })
    const later = caller({ ...server, request: async (path, init) => app.request(path, init) }, adminToken)
    expect(await later('POST', '/api/v1/tenants', { name: 'Mine' }, headers)).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    })
  })
})

describe('what is stored', () => {
  it('shows neither the secret, nor the token, nor the key', async () => {
    const finish = vi.spyOn(services.idempotency, 'finish')
    const headers = keyed()
    const { body } = await admin('POST', '/api/v1/tenants', { name: 'Secretive' }, headers)
    expect(finish).toHaveBeenCalledTimes(1)
    const stored = JSON.stringify(finish.mock.calls)
    const hidden = [body.api_key.key, 'tg_', server.adminToken, headers['idempotency-key'], 'Secretive']
    for (const text of hidden) {
      expect(stored).not.toContain(text)
      expect(Buffer.from(finish.mock.calls[0]![1], 'base64').toString('latin1')).not.toContain(text)
    }
  })

  it('has a bound: a longer answer is made again, and counts nothing twice', async () => {
    const { call, usage } = await metered()
    const headers = keyed()
    const events = Array.from({ length: 1_000 }, (_, i) => ({
      ...event,
      id: String(i).padStart(300, '"'),
    }))
    const send = () => call('POST', '/api/v1/usage', events, headers)
    expect((await send()).body.accepted).toBe(1_000)
    const again = await send()
    expect(again.body.duplicates).toBe(1_000)
    expect(again.headers.has('idempotency-replayed')).toBe(false)
    expect(await usage()).toBe('1000')
  })
})
