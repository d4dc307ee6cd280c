import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeKey } from '../../src/access/api-key.ts'
import {
  type Call,
  caller,
  errorsOf,
  newTenant,
  openServer,
  type Server,
  type TestTenant,
} from './harness.ts'

let server: Server
let tenant: TestTenant
let admin: Call

beforeAll(async () => {
  server = await openServer()
  tenant = await newTenant(server)
  admin = caller(server, server.adminToken)
})
afterAll(() => server?.close())

type Route = { method: string; path: string; access: 'apiKey' | 'adminToken' | 'public' }

async function routes(): Promise<Route[]> {
  const { body } = await caller(server, null)('GET', '/openapi.json')
  return Object.entries<Record<string, { security: Record<string, unknown>[] }>>(body.paths).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, { security }]) => ({
        method: method.toUpperCase(),
        path: path.replaceAll(/\{\w+\}/g, '00000000-0000-4000-8000-000000000000'),
        access: (Object.keys(security[0] ?? {})[0] ?? 'public') as Route['access'],
      })),
  )
}

describe('every route that is not public', () => {
  const bad: {
    name: string
    authorization: (route: Route) => string | undefined
    says: (route: Route) => RegExp
  }[] = [
    {
      name: 'no token',
      authorization: () => undefined,
      says: ({ access }) =>
        access === 'apiKey' ? /Send your API key: "Authorization: Bearer tg_…"/ : /ADMIN_TOKEN/,
    },
    {
      name: 'another scheme',
      authorization: () => 'Basic dTpw',
      says: () => /not of the form "Bearer <token>"/,
    },
    {
      name: 'a key with a wrong checksum',
      authorization: () => `Bearer ${tenant.key.slice(0, -1)}${tenant.key.endsWith('a') ? 'b' : 'a'}`,
      says: ({ access }) => (access === 'apiKey' ? /checksum is wrong/ : /not the admin token/),
    },
    {
      name: 'a key that nobody has',
      authorization: () => `Bearer ${makeKey()}`,
      says: ({ access }) => (access === 'apiKey' ? /unknown or was revoked/ : /tenant’s API key/),
    },
    {
      name: 'the right token for the other kind of route',
      authorization: ({ access }) => `Bearer ${access === 'apiKey' ? server.adminToken : tenant.key}`,
      says: ({ access }) => (access === 'apiKey' ? /This is the admin token/ : /This is a tenant’s API key/),
    },
  ]

  it.each(bad)('answers $name with a 401 that says what to send', async ({ authorization, says }) => {
    const guarded = (await routes()).filter(({ access }) => access !== 'public')
    expect(guarded.length).toBeGreaterThan(15)
    for (const route of guarded) {
      const sent = authorization(route)
      const answer = await caller(server, null)(
        route.method,
        route.path,
        route.method === 'GET' ? undefined : {},
        {
          ...(sent !== undefined && { authorization: sent }),
        },
      )
      expect(answer, `${route.method} ${route.path}`).toMatchObject({
        status: 401,
        body: { code: 'unauthorized' },
      })
      expect(answer.body.detail).toMatch(says(route))
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
    }
  })

  it('takes the scheme in any case', async () => {
    const answer = await caller(server, null)('GET', '/api/v1/meters', undefined, {
      authorization: `bearer ${tenant.key}`,
    })
    expect(answer.status).toBe(200)
  })

  it('is public only where it should be', async () => {
    const open = (await routes()).filter(({ access }) => access === 'public').map(({ path }) => path)
    expect(open.sort()).toEqual(['/', '/docs', '/errors', '/health', '/openapi.json', '/ready'])
  })
})

describe('a tenant', () => {
  it('is made with its first key, shown once, and a default plan', async () => {
    const made = await admin('POST', '/api/v1/tenants', {
      name: 'Acme',
      timezone: 'Asia/Kolkata',
      currency: 'INR',
    })
    expect(made.status).toBe(201)
    const { api_key, ...shown } = made.body
    expect(shown).toMatchObject({
      name: 'Acme',
      timezone: 'Asia/Kolkata',
      currency: 'INR',
      default_plan: 'default',
    })
    expect(api_key.key).toMatch(/^tg_[0-9A-Za-z]{38}$/)
    expect(api_key.hint).toBe(api_key.key.slice(-4))

    expect((await admin('GET', `/api/v1/tenants/${shown.id}`)).body).toEqual(shown)
    const plans = await caller(server, api_key.key)('GET', '/api/v1/plans')
    expect(plans.body.data).toMatchObject([{ key: 'default', currency: 'INR', prices: [], default: true }])

    const keys = await admin('GET', `/api/v1/api-keys?tenant_id=${shown.id}`)
    expect(keys.body.data).toHaveLength(1)
    expect(JSON.stringify(keys.body)).not.toContain(api_key.key)
  })

  it('has UTC and USD where nothing else was asked for', async () => {
    const { body } = await admin('POST', '/api/v1/tenants', { name: 'Plain' })
    expect(body).toMatchObject({ timezone: 'UTC', currency: 'USD' })
  })

  it.each([
    [{}, ['#/name: is required']],
    [{ name: '' }, ['#/name: must have at least 1 character (sent: "")']],
    [
      { name: 'a\nb' },
      ['#/name: must be one line of valid Unicode, without control characters (sent: "a\\nb")'],
    ],
    [
      { name: 'a\u0000b' },
      ['#/name: must be one line of valid Unicode, without control characters (sent: "a\\u0000b")'],
    ],
    [
      { name: 'x', timezone: 'Mars/Olympus' },
      [expect.stringContaining('#/timezone: must be an IANA time zone')],
    ],
    [{ name: 'x', timezone: '+05:30' }, [expect.stringContaining('#/timezone: must be an IANA time zone')]],
    [{ name: 'x', currency: 'usd' }, [expect.stringContaining('#/currency')]],
    [{ name: 'x', currency: 'XAU' }, [expect.stringContaining('#/currency')]],
    [
      { name: 'x', tz: 'UTC', zone: 1 },
      [expect.stringMatching(/#\/tz: .*name, timezone, currency/), expect.stringContaining('#/zone')],
    ],
  ])('is not made of %j, and each mistake is named', async (input, expected) => {
    const answer = await admin('POST', '/api/v1/tenants', input)
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    expect(errorsOf(answer)).toEqual(expected)
  })

  it('that there is not is a 404, and what is no id a 422', async () => {
    expect(await admin('GET', `/api/v1/tenants/${crypto.randomUUID()}`)).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    })
    expect(errorsOf(await admin('GET', '/api/v1/tenants/1'))).toEqual(['id: must be a UUID (sent: "1")'])
  })

  it('is found once by following the pages of the list', async () => {
    const ids: string[] = []
    let cursor: string | null = null
    do {
      const page: Awaited<ReturnType<Call>> = await admin(
        'GET',
        `/api/v1/tenants?limit=2${cursor ? `&cursor=${cursor}` : ''}`,
      )
      expect(page.status).toBe(200)
      expect(page.body.data.length).toBeLessThanOrEqual(2)
      ids.push(...page.body.data.map(({ id }: { id: string }) => id))
      cursor = page.body.next_cursor
    } while (cursor !== null)
    expect(ids.filter((id) => id === tenant.id)).toHaveLength(1)
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('API keys', () => {
  it('are made, listed and revoked; a revoked one stops, the others go on', async () => {
    const { id, call } = await newTenant(server)
    const made = await admin('POST', '/api/v1/api-keys', { tenant_id: id, name: 'second' })
    expect(made).toMatchObject({ status: 201, body: { tenant_id: id, name: 'second', revoked_at: null } })
    const second = caller(server, made.body.key)
    expect((await second('GET', '/api/v1/meters')).status).toBe(200)

    expect((await admin('DELETE', `/api/v1/api-keys/${made.body.id}`)).status).toBe(204)
    expect((await admin('DELETE', `/api/v1/api-keys/${made.body.id}`)).status).toBe(204)
    // At once where it was revoked; another instance may know the key from before for up to 30 seconds.
    await expect
      .poll(async () => (await second('GET', '/api/v1/meters')).status, { timeout: 35_000, interval: 500 })
      .toBe(401)
    expect((await call('GET', '/api/v1/meters')).status).toBe(200)

    const { data } = (await admin('GET', `/api/v1/api-keys?tenant_id=${id}`)).body
    expect(
      data.map((key: { name: string; revoked_at: string | null }) => [key.name, key.revoked_at !== null]),
    ).toEqual([
      ['default', false],
      ['second', true],
    ])
  })

  it('are listed in pages, oldest first', async () => {
    const { id } = await newTenant(server)
    for (const name of ['b', 'c']) await admin('POST', '/api/v1/api-keys', { tenant_id: id, name })
    const first = await admin('GET', `/api/v1/api-keys?tenant_id=${id}&limit=2`)
    const second = await admin(
      'GET',
      `/api/v1/api-keys?tenant_id=${id}&limit=2&cursor=${first.body.next_cursor}`,
    )
    const names = [...first.body.data, ...second.body.data].map(({ name }: { name: string }) => name)
    expect(names).toEqual(['default', 'b', 'c'])
    expect(second.body.next_cursor).toBeNull()
  })

  it('of a tenant that there is not are a 404', async () => {
    const nobody = crypto.randomUUID()
    expect((await admin('POST', '/api/v1/api-keys', { tenant_id: nobody })).status).toBe(404)
    expect((await admin('GET', `/api/v1/api-keys?tenant_id=${nobody}`)).status).toBe(404)
    expect((await admin('DELETE', `/api/v1/api-keys/${nobody}`)).status).toBe(404)
    expect(errorsOf(await admin('GET', '/api/v1/api-keys'))).toEqual(['tenant_id: is required'])
  })
})

describe('a tenant can’t see or change another', () => {
  it('its meters, customers and plans are not there for another tenant’s key', async () => {
    const [mine, theirs] = [await newTenant(server), await newTenant(server)]
    await mine.call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'call', aggregation: 'sum' })
    await mine.call('POST', '/api/v1/customers', { customer_id: 'alice', name: 'Alice' })
    await mine.call('POST', '/api/v1/plans', { key: 'pro', currency: 'USD', prices: [] })

    const tries: [string, string, unknown?][] = [
      ['GET', '/api/v1/meters/calls'],
      ['PATCH', '/api/v1/meters/calls', { name: 'taken' }],
      ['POST', '/api/v1/meters/calls/archive'],
      ['GET', '/api/v1/meters/calls/revisions'],
      ['POST', '/api/v1/meters/calls/revisions', { from: 'beginning', group_by: ['region'] }],
      ['POST', '/api/v1/meters/calls/replay', { from: 'beginning' }],
      ['POST', '/api/v1/meters/calls/revisions/1/cancel'],
      ['GET', '/api/v1/customers/alice'],
      ['PATCH', '/api/v1/customers/alice', { name: 'taken' }],
      ['GET', '/api/v1/plans/pro'],
      ['PATCH', '/api/v1/plans/pro', { name: 'taken' }],
    ]
    for (const [method, path, body] of tries) {
      expect(await theirs.call(method, path, body), path).toMatchObject({
        status: 404,
        body: { code: 'not_found' },
      })
    }
    for (const list of ['meters', 'customers']) {
      expect((await theirs.call('GET', `/api/v1/${list}`)).body.data).toEqual([])
    }
    expect((await theirs.call('GET', '/api/v1/plans')).body.data).toHaveLength(1)
    expect((await mine.call('GET', '/api/v1/meters/calls')).body).toMatchObject({
      name: null,
      archived_at: null,
    })
    expect((await mine.call('GET', '/api/v1/customers/alice')).body.name).toBe('Alice')
  })

  it('the same keys and ids are free for each', async () => {
    const [mine, theirs] = [await newTenant(server), await newTenant(server)]
    for (const { call } of [mine, theirs]) {
      const sum = { key: 'calls', resource_type: 'call', aggregation: 'sum' }
      expect((await call('POST', '/api/v1/meters', sum)).status).toBe(201)
      expect((await call('POST', '/api/v1/customers', { customer_id: 'alice' })).status).toBe(201)
      expect((await call('POST', '/api/v1/plans', { key: 'pro', currency: 'USD', prices: [] })).status).toBe(
        201,
      )
    }
  })

  it('a price can’t name another tenant’s meter, nor a customer another tenant’s plan', async () => {
    const [mine, theirs] = [await newTenant(server), await newTenant(server)]
    await mine.call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'call', aggregation: 'sum' })
    await mine.call('POST', '/api/v1/plans', { key: 'pro', currency: 'USD', prices: [] })
    const price = { meter: 'calls', price: { model: 'per_unit', unit_amount: '1' } }
    const plan = await theirs.call('POST', '/api/v1/plans', { key: 'p', currency: 'USD', prices: [price] })
    expect(errorsOf(plan)).toEqual(['#/prices/0/meter: must be the key of a meter; there is no "calls"'])
    const customer = await theirs.call('POST', '/api/v1/customers', { customer_id: 'bob', plan: 'pro' })
    expect(errorsOf(customer)).toEqual([expect.stringContaining('#/plan')])
  })
})
