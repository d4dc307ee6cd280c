import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Call, errorsOf, newTenant, openServer, type Server } from './harness.ts'

let server: Server
beforeAll(async () => {
  server = await openServer()
})
afterAll(() => server?.close())

const path = (customerId: string) => `/api/v1/customers/${encodeURIComponent(customerId)}`
const meter = { key: 'calls', resource_type: 'call', aggregation: 'sum' }
const use = (call: Call, customerId: string) =>
  call('POST', '/api/v1/usage', { customer_id: customerId, resource_type: 'call' })

async function listed(
  call: Call,
  limit: number,
): Promise<{ ids: string[]; created: boolean[]; pages: number }> {
  const ids: string[] = []
  const created: boolean[] = []
  let cursor: string | null = null
  let pages = 0
  do {
    const { status, body }: Awaited<ReturnType<Call>> = await call(
      'GET',
      `/api/v1/customers?limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`,
    )
    expect(status).toBe(200)
    for (const one of body.data) {
      ids.push(one.customer_id)
      created.push(one.created_at !== null)
    }
    cursor = body.next_cursor
    pages++
  } while (cursor !== null)
  return { ids, created, pages }
}

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

describe('a customer', () => {
  it('is created, read and changed', async () => {
    const { call } = await newTenant(server)
    const created = await call('POST', '/api/v1/customers', {
      customer_id: 'alice',
      name: 'Alice',
      email: 'alice@example.com',
      plan: 'default',
      metadata: { crm: '1', region: 'eu' },
    })
    expect(created.status).toBe(201)
    expect((await call('GET', path('alice'))).body).toEqual(created.body)

    const changed = await call('PATCH', path('alice'), { email: null, metadata: { crm: null, tier: 'gold' } })
    expect(changed.status).toBe(200)
    expect(changed.body).toMatchObject({
      name: 'Alice',
      email: null,
      plan: 'default',
      metadata: { region: 'eu', tier: 'gold' },
    })
    expect((await call('PATCH', path('alice'), { plan: null })).body.plan).toBeNull()
    expect((await call('GET', path('alice'))).body).toMatchObject({
      name: 'Alice',
      metadata: { region: 'eu', tier: 'gold' },
    })
  })

  it('created again with the same content is a success, with other content a 409 that names what differs', async () => {
    const { call } = await newTenant(server)
    const alice = { customer_id: 'alice', name: 'Alice', metadata: { b: '2', a: '1' } }
    const created = await call('POST', '/api/v1/customers', alice)
    const again = await call('POST', '/api/v1/customers', { ...alice, metadata: { a: '1', b: '2' } })
    expect(again).toMatchObject({ status: 200, body: created.body })
    const other = await call('POST', '/api/v1/customers', { ...alice, name: 'Alicia' })
    expect(other).toMatchObject({ status: 409, body: { code: 'already_exists' } })
    expect(errorsOf(other)).toEqual(['#/name: is "Alice" there'])
  })

  it('has the tax rates that it was given last', async () => {
    const { call } = await newTenant(server)
    const rates = [
      { name: 'GST', percent: '5' },
      { name: 'QST', percent: '9.975' },
    ]
    const alice = { customer_id: 'alice', tax_rates: rates }
    expect(await call('POST', '/api/v1/customers', alice)).toMatchObject({ status: 201, body: alice })
    expect((await call('PATCH', path('alice'), { name: 'Alice' })).body).toMatchObject({ tax_rates: rates })
    const vat = [{ name: 'VAT', percent: '19' }]
    expect((await call('PATCH', path('alice'), { tax_rates: vat })).body).toMatchObject({
      name: 'Alice',
      tax_rates: vat,
    })
    expect((await call('GET', path('alice'))).body.tax_rates).toEqual(vat)
    const again = await call('POST', '/api/v1/customers', { ...alice, name: 'Alice' })
    expect(again.status).toBe(409)
    expect(again.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(['#/tax_rates'])
    expect((await call('PATCH', path('alice'), { tax_rates: [] })).body.tax_rates).toEqual([])
    expect((await call('POST', '/api/v1/customers', { customer_id: 'bob' })).body.tax_rates).toEqual([])
  })

  it('created at the same instant by many callers is one', async () => {
    const { call } = await newTenant(server)
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => call('POST', '/api/v1/customers', { customer_id: 'alice' })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(7).fill(200), 201])
  })

  it.each(['a/b', '100%', 'a%2Fb', 'a?b=c#d', 'a b+c', 'Zoë', '客户', '😀', '"quotes"', '...', 'a\\b', '%'])(
    'may have the id %j, and is found by it',
    async (customerId) => {
      const { call } = await newTenant(server)
      expect((await call('POST', '/api/v1/customers', { customer_id: customerId })).status).toBe(201)
      expect((await call('GET', path(customerId))).body.customer_id).toBe(customerId)
      expect((await call('PATCH', path(customerId), { name: 'N' })).body).toMatchObject({
        customer_id: customerId,
        name: 'N',
      })
      expect((await call('GET', '/api/v1/customers')).body.data).toHaveLength(1)
    },
  )

  it.each([
    [{}, ['#/customer_id: is required']],
    [{ customer_id: '' }, [expect.stringContaining('#/customer_id')]],
    [{ customer_id: 'a\u0000b' }, [expect.stringContaining('#/customer_id')]],
    [{ customer_id: 'a\ud800' }, [expect.stringContaining('#/customer_id')]],
    [{ customer_id: 'x'.repeat(129) }, [expect.stringContaining('#/customer_id')]],
    [{ customer_id: 7 }, ['#/customer_id: must be a string (sent: 7)']],
    [{ customer_id: 'a', email: 'nobody' }, [expect.stringContaining('#/email: must be an e-mail address')]],
    [{ customer_id: 'a', email: '\ud800@x' }, [expect.stringContaining('#/email')]],
    [{ customer_id: 'a', plan: 'nope' }, [expect.stringContaining('#/plan: must be the key of a plan')]],
    [{ customer_id: 'a', plan: 'NOPE' }, [expect.stringContaining('#/plan: must be 1 to 64')]],
    [{ customer_id: 'a', metadata: { k: 1 } }, ['#/metadata/k: must be a string (sent: 1)']],
    [{ customer_id: 'a', metadata: { k: '\u0000' } }, [expect.stringContaining('#/metadata/k')]],
    [
      { customer_id: 'a', metadata: { 'k\u0000': 'v' } },
      [expect.stringContaining('has a name that is not allowed')],
    ],
    [{ customer_id: 'a', metadata: { 'a/b~': '\ud800' } }, [expect.stringContaining('#/metadata/a~1b~0: ')]],
    [
      { customer_id: 'a', metadata: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [i, ''])) },
      ['#/metadata: must have at most 50 names'],
    ],
    [
      { customer_id: 'a', nmae: 'x' },
      [expect.stringMatching(/#\/nmae: .*customer_id, name, email, plan, metadata, tax_rates/)],
    ],
    [
      { customer_id: 'a', tax_rates: [{ name: 'VAT', percent: 19 }] },
      ['#/tax_rates/0/percent: must be a string, so that no digit is lost: send "19", not 19'],
    ],
    [
      { customer_id: 'a', tax_rates: [{ name: 'VAT', percent: '-1' }] },
      ['#/tax_rates/0/percent: must be 0 or more (sent: "-1")'],
    ],
    [
      { customer_id: 'a', tax_rates: [{ name: 'VAT', percent: '100.01' }] },
      ['#/tax_rates/0/percent: must be 100 or less (sent: "100.01")'],
    ],
    [{ customer_id: 'a', tax_rates: [{ percent: '19' }] }, ['#/tax_rates/0/name: is required']],
    [
      { customer_id: 'a', tax_rates: [{ name: 'VAT', percent: '19', rate: '19' }] },
      ['#/tax_rates/0/rate: must not have "rate": a tax rate has name, percent'],
    ],
    [
      { customer_id: 'a', tax_rates: Array.from({ length: 6 }, () => ({ name: 'VAT', percent: '1' })) },
      ['#/tax_rates: must have at most 5 items'],
    ],
  ])('is not created of %j, and each mistake is named', async (input, expected) => {
    const { call } = await newTenant(server)
    const answer = await call('POST', '/api/v1/customers', input)
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    expect(errorsOf(answer)).toEqual(expected)
  })

  it('is not created with a name that JavaScript would lose', async () => {
    const { call } = await newTenant(server)
    const answer = await call('POST', '/api/v1/customers', '{"customer_id":"a","metadata":{"__proto__":"x"}}')
    expect(answer).toMatchObject({ status: 422, body: { detail: expect.stringContaining('__proto__') } })
  })

  it('keeps at most 50 names of metadata, however they are added', async () => {
    const { call } = await newTenant(server)
    const names = (from: number, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${from + i}`, 'v']))
    await call('POST', '/api/v1/customers', { customer_id: 'a', metadata: names(0, 40) })
    const tooMany = await call('PATCH', path('a'), { metadata: names(40, 11) })
    expect(errorsOf(tooMany)).toEqual([expect.stringContaining('#/metadata')])
    expect((await call('PATCH', path('a'), { metadata: { ...names(40, 11), k0: null } })).status).toBe(200)
  })

  it('that nobody knows is a 404', async () => {
    const { call } = await newTenant(server)
    expect(await call('GET', path('nobody'))).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect((await call('PATCH', path('nobody'), { name: 'x' })).status).toBe(404)
    expect((await call('GET', '/api/v1/customers')).body).toEqual({ data: [], next_cursor: null })
  })

  it.each(['/api/v1/customers/%', '/api/v1/customers/%ff', '/api/v1/customers/a%zz'])(
    'at %s is refused, not mistaken for another',
    async (broken) => {
      const { call } = await newTenant(server)
      expect((await call('GET', broken)).status).toBeGreaterThanOrEqual(400)
      expect((await call('GET', broken)).status).toBeLessThan(500)
    },
  )
})

describe('a customer that only its usage knows', () => {
  it('is read and listed as soon as its event is accepted, with no time of creation', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', meter)
    expect((await use(call, 'used/only')).status).toBe(200)
    const expected = {
      customer_id: 'used/only',
      name: null,
      email: null,
      plan: null,
      metadata: {},
      tax_rates: [],
      created_at: null,
      updated_at: null,
    }
    expect(await call('GET', path('used/only'))).toMatchObject({ status: 200, body: expected })
    expect((await call('GET', '/api/v1/customers')).body.data).toEqual([expected])
    expect((await call('GET', path('used/onl'))).status).toBe(404)
    expect((await call('GET', path('used/only2'))).status).toBe(404)
  })

  it('is created by being changed', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', meter)
    await use(call, 'bob')
    const changed = await call('PATCH', path('bob'), { name: 'Bob', metadata: { a: '1', b: null } })
    expect(changed).toMatchObject({
      status: 200,
      body: { name: 'Bob', metadata: { a: '1' }, created_at: expect.any(String) },
    })
    expect((await call('GET', '/api/v1/customers')).body.data).toEqual([changed.body])
  })

  it('is listed among the created ones in byte order, each once, whatever the size of the pages', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', meter)
    const createdIds = ['a', 'a😀', '\ue000', 'm', 'z']
    const usedIds = ['a', 'a\uffff', '😀', 'b', 'm\u00e9', 'Z', 'z']
    for (const customer_id of createdIds) await call('POST', '/api/v1/customers', { customer_id })
    for (const customerId of usedIds) await use(call, customerId)
    const expected = [...new Set([...createdIds, ...usedIds])].sort(byBytes)
    for (const limit of [1, 2, 3, 100]) {
      const { ids, created } = await listed(call, limit)
      expect(ids).toEqual(expected)
      expect(created).toEqual(expected.map((id) => createdIds.includes(id)))
    }
  })
})
