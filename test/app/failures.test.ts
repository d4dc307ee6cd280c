// What the app does when its services fail: in this process only, because it breaks them.

import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  type MockInstance,
  vi,
} from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { OLDEST_SEALED_MAX_MS, tooMuch } from '../../src/http/routes/health.ts'
import { TollgateError } from '../../src/kernel/errors.ts'
import { defaultLimits } from '../../src/metering/limits.ts'
import type { PartitionState } from '../../src/metering/ports.ts'
import type { Services } from '../../src/services.ts'
import { type Call, caller, newTenant, openInProcess, type Server } from '../http/harness.ts'
import { intercept } from '../support/world.ts'

let server: Server
let services: Services
let nobody: Call
/** Called before every method of a port; what it throws is thrown. */
let fault: (name: string) => void = () => {}
let errors: MockInstance<typeof console.error>

beforeAll(async () => {
  const breaking = <Port extends object>(port: Port) =>
    intercept(port, async (name, call) => {
      fault(name)
      return await call()
    })
  server = await openInProcess((whole) => {
    services = whole
    const { counters, usage, access, catalog, idempotency } = whole
    return {
      ...whole,
      counters: breaking(counters),
      usage: breaking(usage),
      access: breaking(access),
      catalog: breaking(catalog),
      idempotency: breaking(idempotency),
    }
  })
  nobody = caller(server, null)
})
afterAll(() => server?.close())
beforeEach(() => {
  errors = vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(() => {
  fault = () => {}
  errors.mockRestore()
})

const failing = (method: string, error: unknown) => {
  fault = (name) => {
    if (name === method) throw error
  }
}
const meter = { key: 'calls', resource_type: 'call', aggregation: 'sum' }
const away = () =>
  new TollgateError('store_unavailable', 'The counters can’t be reached.', {
    retryAfterSeconds: 7,
    internal: new Error('ECONNREFUSED'),
  })

describe('a store that can’t be reached', () => {
  it('is a 503 that says when to try again', async () => {
    const { call } = await newTenant(server)
    failing('listMeters', away())
    const answer = await call('GET', '/api/v1/meters')
    expect(answer).toMatchObject({ status: 503, body: { code: 'store_unavailable' } })
    expect(answer.headers.get('retry-after')).toBe('7')
    expect(JSON.stringify(answer.body)).not.toContain('ECONNREFUSED')
    expect(String(errors.mock.calls)).toContain('ECONNREFUSED')
  })

  it('makes the service not ready, and says which one it is', async () => {
    failing('ping', away())
    const answer = await nobody('GET', '/ready')
    expect(answer).toMatchObject({
      status: 503,
      body: {
        status: 'not_ready',
        checks: { redis: { ok: true }, postgres: { ok: false }, backlog: { ok: true } },
      },
    })
    failing('unreachable', away())
    expect(await nobody('GET', '/ready')).toMatchObject({
      status: 503,
      body: { checks: { redis: { ok: false }, postgres: { ok: true }, backlog: { ok: true } } },
    })
    failing('state', away())
    expect(await nobody('GET', '/ready')).toMatchObject({
      status: 503,
      body: { checks: { redis: { ok: true }, backlog: { ok: false } } },
    })
    expect((await nobody('GET', '/health')).status).toBe(200)
  })
})

describe('a change of which Redis could not be told', () => {
  it.each([
    ['POST', '/api/v1/meters', meter, 200],
    ['PATCH', '/api/v1/meters/there', { name: 'New' }, 200],
    ['POST', '/api/v1/meters/there/archive', undefined, 200],
    ['POST', '/api/v1/plans', { key: 'pro', currency: 'USD', prices: [] }, 200],
    ['PATCH', '/api/v1/plans/default', { name: 'New' }, 200],
  ])('%s %s is a 503, and the same request again tells it', async (method, path, body, status) => {
    const { id, call } = await newTenant(server)
    await call('POST', '/api/v1/meters', { ...meter, key: 'there', resource_type: 'other' })
    failing('publishConfig', new Error('gone'))
    const first = await call(method, path, body)
    expect(first).toMatchObject({ status: 503, body: { code: 'store_unavailable' } })
    expect(first.headers.get('retry-after')).toBeTruthy()
    fault = () => {}
    expect((await call(method, path, body)).status).toBe(status)
    const { configVersion } = await services.counters.readLive(id, [])
    expect(configVersion).toBe((await services.access.loadConfig(id)).version)
  })
})

describe('an error that nobody thought of', () => {
  it('is answered with a request id and nothing else, and logged without secrets', async () => {
    const { key, call } = await newTenant(server)
    const cause = Object.assign(
      new Error(`relation "meters" does not exist at postgres://user:hunter2@db/x`),
      { code: '42P01' },
    )
    const error = new Error(
      `Failed query: select key from meters where x = $1\nparams: ${key},private note`,
      { cause },
    )
    failing('listMeters', error)
    const answer = await call('GET', '/api/v1/meters')
    expect(answer.body).toEqual({
      type: '/errors#internal',
      title: 'Something went wrong on our side',
      status: 500,
      detail: expect.stringContaining('request id'),
      code: 'internal',
      request_id: answer.headers.get('x-request-id'),
    })
    expect(errors).toHaveBeenCalledTimes(1)
    const [line] = errors.mock.calls[0] as [string]
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      request_id: answer.body.request_id,
      method: 'GET',
      path: '/api/v1/meters',
      errors: [{ message: 'Failed query: select key from meters where x = $1' }, { code: '42P01' }],
    })
    for (const secret of [key, 'private note', 'hunter2']) expect(line).not.toContain(secret)
    expect(line).toContain('relation \\"meters\\" does not exist')
  })

  it('that is not even an Error is answered the same', async () => {
    const { call } = await newTenant(server)
    failing('listMeters', 'boom')
    expect(await call('GET', '/api/v1/meters')).toMatchObject({ status: 500, body: { code: 'internal' } })
  })

  it('what a caller did wrong is not in the log', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', {})
    await nobody('GET', '/nowhere')
    await nobody('GET', '/api/v1/meters')
    expect(errors).not.toHaveBeenCalled()
  })
})

describe('a customer whose usage moves between the stores while it is looked for', () => {
  it('is found', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', meter)
    await call('POST', '/api/v1/usage', { customer_id: 'mover', resource_type: 'call' })
    const admin = caller(server, server.adminToken)
    // Settled and discarded after Postgres was asked and before Redis is.
    let flushed: Promise<unknown> | undefined
    const { readLive } = services.counters
    const spy = vi.spyOn(services.counters, 'readLive').mockImplementation(async (...args) => {
      flushed ??= admin('POST', '/api/v1/flush')
      await flushed
      return await readLive.apply(services.counters, args)
    })
    expect(await call('GET', '/api/v1/customers/mover')).toMatchObject({
      status: 200,
      body: { customer_id: 'mover', created_at: null },
    })
    expect(flushed).toBeDefined()
    spy.mockRestore()
    expect((await call('GET', '/api/v1/customers')).body.data).toMatchObject([
      { customer_id: 'mover', created_at: null },
    ])
  })
})

describe('the backlog is within bounds', () => {
  const state = (more: Partial<PartitionState> = {}): PartitionState => ({
    partition: 0,
    nowMs: 10 * OLDEST_SEALED_MAX_MS,
    open: null,
    sealed: [],
    unsettledCounters: 0,
    lastFlushMs: null,
    ...more,
  })
  const sealed = (ageMs: number, quarantined: string | null = null) => ({
    id: 's',
    partition: 0,
    bornMs: 10 * OLDEST_SEALED_MAX_MS - ageMs,
    quarantined,
    offer: '',
  })

  it.each([
    ['nothing waits', state(), true],
    ['a segment waits as long as it may', state({ sealed: [sealed(OLDEST_SEALED_MAX_MS)] }), true],
    ['a segment waits longer', state({ sealed: [sealed(OLDEST_SEALED_MAX_MS + 1)] }), false],
    [
      'only a quarantined one waits longer',
      state({ sealed: [sealed(OLDEST_SEALED_MAX_MS * 2, 'why')] }),
      true,
    ],
    ['there is room for one counter', state({ unsettledCounters: 99 }), true],
    ['there is no room', state({ unsettledCounters: 100 }), false],
  ])('when %s', (_, partition, ok) => {
    expect(tooMuch(partition, 100) === null).toBe(ok)
  })
})

describe('an app that could not work is not made', () => {
  const whole = () => ({ ...services, limits: defaultLimits })

  it.each(['clock', 'limits', 'counters', 'usage', 'access', 'catalog', 'idempotency'])(
    'without %s',
    (name) => {
      expect(() => createApp({ ...whole(), [name]: undefined } as Services)).toThrow(name)
    },
  )

  it.each(['', 'with space', 'tg_looks_like_a_key', 'ümlaut'])('with the admin token %j', (adminToken) => {
    expect(() => createApp({ ...whole(), adminToken })).toThrow('ADMIN_TOKEN')
  })

  it('and without an admin token nobody is the operator', async () => {
    const app = createApp({ ...whole(), adminToken: null })
    for (const authorization of ['Bearer null', 'Bearer undefined', `Bearer ${server.adminToken}`]) {
      const response = await app.request('/api/v1/tenants', { headers: { authorization } })
      expect(response.status).toBe(401)
      expect(((await response.json()) as { detail: string }).detail).toContain('ADMIN_TOKEN is not set')
    }
  })
})
