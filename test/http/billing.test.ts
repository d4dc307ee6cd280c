import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Call, caller, errorsOf, newTenant, openInProcess, openServer, type Server } from './harness.ts'
import { settle } from './settling.ts'

let server: Server
/** Of one test alone: what is live there, no other's flush settles. */
let own: Server
let call: Call
let admin: Call

beforeAll(async () => {
  server = await openServer()
  own = await openInProcess()
  admin = caller(server, server.adminToken)
})
afterAll(() => Promise.all([server, own].map((one) => one?.close())))
beforeEach(() => begin(server))

async function begin(at: Server): Promise<void> {
  call = (await newTenant(at)).call
  await call('POST', '/api/v1/meters', {
    key: 'api_call',
    name: 'API calls',
    resource_type: 'api_call',
    aggregation: 'sum',
  })
}

const price = {
  model: 'graduated',
  tiers: [
    { up_to: '1000', unit_amount: '0.01', flat_amount: '0' },
    { up_to: null, unit_amount: '0.005' },
  ],
}
const pricePlan = (more: object = {}) =>
  call('POST', '/api/v1/plans', {
    key: 'pro',
    currency: 'USD',
    prices: [{ meter: 'api_call', price }],
    default: true,
    ...more,
  })
const use = (quantity: number | string, more: object = {}) =>
  call('POST', '/api/v1/usage', { customer_id: 'alice', resource_type: 'api_call', quantity, ...more })
const bill = async (path = '/api/v1/billing/alice') => (await call('GET', path)).body

describe('GET /api/v1/billing/{customer_id}', () => {
  it('is the same bill, not a cent more or less, before and after settling', async () => {
    await begin(own)
    await pricePlan()
    await use(1200)
    const before = await bill()
    expect(before).toMatchObject({
      customer_id: 'alice',
      currency: 'USD',
      plan: 'pro',
      total: '11.00',
      lines: [
        {
          meter: 'api_call',
          name: 'API calls',
          quantity: '1200',
          settled_quantity: '0',
          live_quantity: '1200',
          amount: '11.00',
        },
      ],
    })
    expect(
      before.lines[0].breakdown.map((row: { quantity: string; amount: string }) => [
        row.quantity,
        row.amount,
      ]),
    ).toEqual([
      ['1000', '10'],
      ['200', '1'],
    ])
    await settle(own)
    const after = await bill()
    expect(after.lines[0]).toMatchObject({ quantity: '1200', settled_quantity: '1200', live_quantity: '0' })
    const settled = ({ as_of, lines, ...rest }: typeof after) => ({
      ...rest,
      lines: lines.map(({ settled_quantity, live_quantity, ...line }: Record<string, unknown>) => line),
    })
    expect(settled(after)).toEqual(settled(before))
    await use('0.5')
    expect((await bill()).lines[0]).toMatchObject({
      quantity: '1200.5',
      settled_quantity: '1200',
      live_quantity: '0.5',
      amount: '11.00',
      unrounded_amount: '11.0025',
    })
  })

  it('shows usage that no price matches, and prices that were not used', async () => {
    await pricePlan({ prices: [{ meter: 'api_call', price: { ...price, minimum_amount: '5' } }] })
    await call('POST', '/api/v1/meters', { key: 'gb', resource_type: 'storage', aggregation: 'max' })
    await call('POST', '/api/v1/usage', { customer_id: 'alice', resource_type: 'storage', quantity: 3 })
    const { lines, total } = await bill()
    expect(lines).toMatchObject([
      { meter: 'api_call', quantity: '0', amount: '5.00', unpriced: false },
      { meter: 'gb', quantity: '3', amount: '0.00', unpriced: true, price: null },
    ])
    expect(total).toBe('5.00')
  })

  it('bills a customer by its own plan', async () => {
    await pricePlan()
    await call('POST', '/api/v1/plans', {
      key: 'yen',
      currency: 'JPY',
      prices: [{ meter: 'api_call', price: { model: 'per_unit', unit_amount: '0.5' } }],
    })
    await call('POST', '/api/v1/customers', { customer_id: 'alice', plan: 'yen' })
    await use(3)
    expect(await bill()).toMatchObject({ currency: 'JPY', plan: 'yen', total: '2' })
  })

  describe('of a meter whose groups are priced apart', () => {
    const perUnit = (unit_amount: string) => ({ model: 'per_unit', unit_amount })
    const tokens = (quantity: number, properties: object, more: object = {}) =>
      use(quantity, { resource_type: 'tokens', properties, ...more })
    const groups = [
      { match: { region: 'eu' }, price: perUnit('1') },
      { match: { region: 'eu', tier: 'gold' }, price: perUnit('2') },
      { match: { tier: null }, price: perUnit('3') },
    ]
    type Line = Record<'meter' | 'match' | 'quantity' | 'amount' | 'unpriced', unknown>
    const brief = async (customerId = 'alice') =>
      (await bill(`/api/v1/billing/${customerId}`)).lines.map(
        ({ match, quantity, amount, unpriced }: Line) => [match, quantity, amount, unpriced],
      )

    beforeEach(async () => {
      await call('POST', '/api/v1/meters', {
        key: 'tokens',
        resource_type: 'tokens',
        aggregation: 'sum',
        group_by: ['region', 'tier'],
      })
      await tokens(1, { region: 'eu', tier: 'gold' })
      await tokens(10, { region: 'eu', tier: 'silver' })
      // Two rules fit; the first one in the plan is taken.
      await tokens(100, { region: 'eu' })
      await tokens(1_000, { region: 'us' })
      await tokens(10_000, { region: 'us', tier: 'gold' })
    })

    it('has a line for each of them and one for the rest, the same before and after settling', async () => {
      await pricePlan({ prices: [{ meter: 'tokens', price: perUnit('0.5'), groups }] })
      const expected = [
        [{ region: 'eu', tier: 'gold' }, '1', '2.00', false],
        [{ region: 'eu' }, '110', '110.00', false],
        [{ tier: null }, '1000', '3000.00', false],
        [null, '10000', '5000.00', false],
      ]
      expect(await brief()).toEqual(expected)
      expect((await bill()).total).toBe('8112.00')
      await settle(server)
      expect(await brief()).toEqual(expected)
      await tokens(1, { region: 'eu', tier: 'gold' })
      expect((await bill()).lines[0]).toMatchObject({
        quantity: '2',
        amount: '4.00',
      })
    })

    it('shows as unpriced what none of them is for, where there is no other price', async () => {
      await pricePlan({ prices: [{ meter: 'tokens', groups }] })
      expect((await brief()).at(-1)).toEqual([null, '10000', '0.00', true])
      expect((await bill()).total).toBe('3112.00')
      // Who used nothing of it has no such line.
      await tokens(1, { region: 'eu' }, { customer_id: 'bob' })
      expect(await brief('bob')).toEqual([
        [{ region: 'eu', tier: 'gold' }, '0', '0.00', false],
        [{ region: 'eu' }, '1', '1.00', false],
        [{ tier: null }, '0', '0.00', false],
      ])
    })
  })

  it('bills a customer with a subscription by it, whatever its plan is', async () => {
    await pricePlan()
    const perUnit = (unit_amount: string) => ({
      prices: [{ meter: 'api_call', price: { model: 'per_unit', unit_amount } }],
    })
    await call('POST', '/api/v1/plans', { key: 'sold', currency: 'EUR', ...perUnit('2') })
    await call('PATCH', '/api/v1/plans/sold', perUnit('3'))
    await use(10)
    await call('POST', '/api/v1/meters', { key: 'gb', resource_type: 'storage', aggregation: 'max' })
    await use(5, { resource_type: 'storage' })
    expect(await bill()).toMatchObject({ plan: 'pro', currency: 'USD', total: '0.10' })

    const subscribed = await call('POST', '/api/v1/subscriptions', {
      customer_id: 'alice',
      plan: 'sold',
      version: 1,
    })
    expect(subscribed.status).toBe(201)
    // Its version is an older one, and not the plan's newest.
    expect(await bill()).toMatchObject({
      plan: 'sold',
      currency: 'EUR',
      total: '20.00',
      lines: [
        { meter: 'api_call', quantity: '10', amount: '20.00' },
        { meter: 'gb', quantity: '5', unpriced: true },
      ],
    })
    // Whoever has none is billed as before.
    await use(10, { customer_id: 'bob' })
    expect(await bill('/api/v1/billing/bob')).toMatchObject({ plan: 'pro', total: '0.10' })

    const own = await call('POST', `/api/v1/subscriptions/${subscribed.body.id}/change`, {
      plan: 'sold',
      overrides: [{ meter: 'api_call', price: { model: 'per_unit', unit_amount: '7' } }],
      when: 'now',
    })
    expect(own.status).toBe(200)
    expect(await bill()).toMatchObject({ plan: 'sold', total: '70.00' })
  })

  it('takes a month, or any two hours', async () => {
    await pricePlan()
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000
    await use(5, { timestamp: new Date(hour - 1).toISOString() })
    await use(7, { timestamp: new Date(hour).toISOString() })
    const iso = (ms: number) => new Date(ms).toISOString()
    expect(
      (await bill(`/api/v1/billing/alice?from=${iso(hour)}&to=${iso(hour + 3_600_000)}`)).lines[0].quantity,
    ).toBe('7')
    expect(
      (await bill(`/api/v1/billing/alice?from=${iso(hour - 3_600_000)}&to=${iso(hour)}`)).lines[0].quantity,
    ).toBe('5')
    const month = iso(hour).slice(0, 7)
    expect((await bill(`/api/v1/billing/alice?period=${month}`)).period).toMatchObject({
      key: month,
      start: `${month}-01T00:00:00.000Z`,
    })
    const wrong = await call('GET', '/api/v1/billing/alice?period=november')
    expect(wrong.status).toBe(422)
    expect(errorsOf(wrong)[0]).toContain('period: must be "current" or a month such as "2026-11"')
    for (const query of [
      'period=0000-01',
      'period=9999-12',
      'from=2026-02-30T00:00:00Z&to=2026-03-05T00:00:00Z',
    ])
      expect((await call('GET', `/api/v1/billing/alice?${query}`)).status).toBe(422)
  })

  it('knows no customer of whom there is no record, usage or account', async () => {
    expect((await call('GET', '/api/v1/billing/alcie')).status).toBe(404)
    await call('POST', '/api/v1/customers', { customer_id: 'alcie' })
    expect(await call('GET', '/api/v1/billing/alcie')).toMatchObject({
      status: 200,
      body: { total: '0.00', lines: [] },
    })
  })

  it('shows nothing of another tenant', async () => {
    await use(9)
    const other = await newTenant(server)
    expect((await other.call('GET', '/api/v1/billing/alice')).status).toBe(404)
    expect((await other.call('GET', '/api/v1/usage')).body.data).toEqual([])
  })

  it('bills ids with spaces, slashes, percent signs and astral characters', async () => {
    for (const id of ['a b', 'a/b', '100%', 'é\u{1f600}', '...', 'o\'x"y', '{a}']) {
      await use(1, { customer_id: id })
      const answer = await call('GET', `/api/v1/billing/${encodeURIComponent(id)}`)
      expect([id, answer.status, answer.body.customer_id]).toEqual([id, 200, id])
    }
  })
})

describe('/api/v1/flush', () => {
  it('shows what waits, and settles it', async () => {
    type Partition = { unsettled_counters: number; oldest_age_seconds: number | null; last_run: string }
    const partitions = async (): Promise<Partition[]> => (await admin('GET', '/api/v1/flush')).body.partitions
    // Other suites flush this server, too.
    const oldest = async () => {
      await use(1)
      const waiting = (await partitions()).find(({ unsettled_counters }) => unsettled_counters > 0)
      return waiting?.oldest_age_seconds ?? -1
    }
    await expect.poll(oldest, { timeout: 30_000 }).toBeGreaterThanOrEqual(0)
    await admin('POST', '/api/v1/flush')
    for (const after of await partitions()) {
      expect(Date.parse(after.last_run)).toBeGreaterThan(Date.now() - 60_000)
      expect(after).toMatchObject({ quarantined: [] })
    }
  })

  it('is the operator’s alone', async () => {
    expect((await call('POST', '/api/v1/flush')).status).toBe(401)
    expect((await call('GET', '/api/v1/flush')).status).toBe(401)
  })
})
