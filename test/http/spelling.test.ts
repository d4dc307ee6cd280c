// The same quantity, time or period in whatever spelling users and their libraries write it.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { errorsOf, newTenant, openServer, type Server, type TestTenant } from './harness.ts'

let server: Server
let tenant: TestTenant
beforeAll(async () => {
  server = await openServer()
})
afterAll(() => server?.close())
beforeEach(async () => {
  tenant = await newTenant(server, { timezone: 'Asia/Kathmandu' })
  for (const meter of [
    { key: 'calls', resource_type: 'call', aggregation: 'sum' },
    { key: 'cost', resource_type: 'job', aggregation: 'sum', value: 'cost' },
  ])
    await tenant.call('POST', '/api/v1/meters', meter)
})

const post = (path: string, body: unknown, headers?: Record<string, string>) =>
  tenant.call('POST', path, body, headers)
const event = (more: Record<string, unknown>) => ({ customer_id: 'alice', resource_type: 'call', ...more })
const totals = async (query = '') => {
  const { body } = await tenant.call('GET', `/api/v1/usage?customer_id=alice&${query}`)
  return body.data.map(({ quantity }: { quantity: string }) => quantity)
}
const ago = (ms: number) => new Date(Date.now() - ms).toISOString()

describe('a decimal with an exponent', () => {
  it('is the same event as its plain spelling, and as the number', async () => {
    for (const quantity of ['"1E-7"', '"1e-7"', '1e-7', '"0.0000001"']) {
      const sent = await post(
        '/api/v1/usage',
        `{"id":"e","customer_id":"alice","resource_type":"call","quantity":${quantity}}`,
      )
      expect(sent.status, quantity).toBe(200)
    }
    expect(await totals()).toEqual(['0.0000001'])
  })

  it('counts as a property that a meter aggregates', async () => {
    const costs = ['1.5E-7', '5e-8', 1e-7, '1E+2']
    const events = costs.map((cost) => event({ resource_type: 'job', properties: { cost } }))
    expect((await post('/api/v1/usage', events)).body).toMatchObject({ accepted: 4 })
    expect(await totals('meter=cost')).toEqual(['100.0000003'])
  })

  it('is an amount of money like any other', async () => {
    const preview = (unit_amount: string) =>
      post('/api/v1/prices/preview', {
        price: { model: 'per_unit', unit_amount },
        quantity: '1E+6',
        currency: 'USD',
      })
    const [scientific, plain] = [await preview('2.5E-5'), await preview('0.000025')]
    expect(scientific).toMatchObject({ status: 200, body: { amount: '25.00' } })
    expect(scientific.body).toEqual(plain.body)
    expect(errorsOf(await preview('1E-999999999'))[0]).toContain('must have at most 15 digits')
  })
})

describe('a number of a version that no plan has', () => {
  it.each([0, 999_999_999_999_999])('%d is refused', async (version) => {
    const answer = await post('/api/v1/plans/replay', { plan: 'default', version, from: ago(3_600_000) })
    expect(answer.status).toBe(422)
    expect(errorsOf(answer)).toEqual([
      `#/version: must be a whole number from 1 to 999999999 (sent: ${version})`,
    ])
  })
})

describe('a number of too many digits', () => {
  it.each([
    ['9223372036854775807', 'send "9223372036854775807", not 9223372036854775807'],
    ['0.1234567890123456789', 'send "0.1234567890123456789", not 0.1234567890123456789'],
    ['1.23456789012345678e3', 'send "1.23456789012345678e3", not 1.23456789012345678e3'],
  ])('%s is answered with its own digits', async (digits, advice) => {
    const one = `{"customer_id":"alice","resource_type":"call","quantity":${digits}}`
    expect(errorsOf(await post('/api/v1/usage', one))).toEqual([expect.stringContaining(advice)])
    const property = `[{"customer_id":"alice","resource_type":"job","properties":{"cost":${digits}}}]`
    const refused = await post('/api/v1/usage', property)
    expect(errorsOf(refused)).toEqual([expect.stringMatching(/^#\/0\/properties\/cost: has more than 15/)])
    expect(errorsOf(refused)[0]).toContain(advice)
    const lenient = await post('/api/v1/usage', `[${one}]`, { prefer: 'handling=lenient' })
    expect(lenient.body.events[0].errors[0].detail).toContain(advice)
  })

  it('so long that nobody would send it is answered without digits', async () => {
    const one = `{"customer_id":"alice","resource_type":"call","quantity":0.${'1'.repeat(500)}}`
    expect(errorsOf(await post('/api/v1/usage', one))).toEqual([expect.stringMatching(/send a string$/)])
  })
})

describe('a time of RFC 3339', () => {
  it.each<[string, (time: string) => string]>([
    ['in lower case', (time) => time.toLowerCase()],
    ['with nine decimals', (time) => time.replace('Z', '999999Z')],
    ['at another offset', (time) => time.replace('Z', '+00:00')],
  ])('%s is the same event', async (_, spelt) => {
    const timestamp = ago(3_600_000)
    const first = await post('/api/v1/usage', event({ id: 't', timestamp }))
    expect(first.body).toMatchObject({ accepted: 1 })
    expect((await post('/api/v1/usage', event({ id: 't', timestamp: spelt(timestamp) }))).body).toMatchObject(
      {
        duplicates: 1,
      },
    )
  })

  it('may be a leap second, which counts as the second after it, in CloudEvents too', async () => {
    const day = ago(3 * 86_400_000).slice(0, 10)
    const next = new Date(Date.parse(day) + 86_400_000).toISOString()
    await post('/api/v1/usage', event({ id: '/s l', timestamp: `${day}T23:59:60Z` }))
    expect((await post('/api/v1/usage', event({ id: '/s l', timestamp: next }))).body).toMatchObject({
      duplicates: 1,
    })
    const cloudEvent = { specversion: '1.0', source: '/s', id: 'l', type: 'call', subject: 'alice' }
    const sent = await post(
      '/api/v1/usage',
      { ...cloudEvent, time: `${day}t23:59:60z` },
      { 'content-type': 'application/cloudevents+json' },
    )
    expect(sent.body).toMatchObject({ duplicates: 1 })
  })

  it('that does not exist is refused, with what would be right', async () => {
    const refused = await post('/api/v1/usage', event({ timestamp: '2026-02-30T10:00:00Z' }))
    expect(errorsOf(refused)).toEqual([
      '#/timestamp: must be an RFC 3339 time, such as "2026-11-22T10:00:00Z": 2026-02 has the days 01 to 28 (sent: "2026-02-30T10:00:00Z")',
    ])
  })
})

describe('a date', () => {
  /** In Kathmandu, 5:45 ahead of UTC. */
  const localDate = (ms: number) => new Date(Date.now() - ms + 20_700_000).toISOString().slice(0, 10)
  const DAY = 86_400_000
  const midnight = (date: string) => new Date(Date.parse(date) - 20_700_000).toISOString()

  it('begins and ends a period at the midnights of the tenant’s time zone', async () => {
    const [from, to] = [localDate(3 * DAY), localDate(2 * DAY)]
    const at = (date: string, ms: number) => new Date(Date.parse(midnight(date)) + ms).toISOString()
    await post('/api/v1/usage', [
      event({ quantity: 1, timestamp: at(from, -1) }),
      event({ quantity: 2, timestamp: at(from, 0) }),
      event({ quantity: 4, timestamp: at(to, -1) }),
      event({ quantity: 8, timestamp: at(to, 0) }),
    ])
    expect(await totals(`meter=calls&from=${from}&to=${to}`)).toEqual(['6'])
    expect(await totals(`meter=calls&from=${from}`)).toEqual(['14'])
    const { body } = await tenant.call('GET', `/api/v1/billing/alice?from=${from}&to=${to}`)
    expect(body.period).toMatchObject({ start: midnight(from), end: midnight(to) })
    const replay = await post('/api/v1/plans/replay', { plan: 'default', from, to, customer_ids: ['alice'] })
    expect(replay.body.data[0].period).toEqual({ start: midnight(from), end: midnight(to) })
  })

  it('begins a subscription, and ends a grant', async () => {
    const plan = { key: 'pro', currency: 'USD', prices: [] }
    await post('/api/v1/plans', plan)
    const start = localDate(-DAY)
    const subscription = await post('/api/v1/subscriptions', { customer_id: 'alice', plan: 'pro', start })
    expect(subscription).toMatchObject({ status: 201, body: { start: midnight(start) } })
    const grant = { customer_id: 'alice', name: 'Gift', amount: '1E+1', currency: 'USD', expires_at: start }
    expect(await post('/api/v1/credit-grants', grant)).toMatchObject({
      status: 201,
      body: { amount: '10.00', expires_at: midnight(start) },
    })
    expect(errorsOf(await post('/api/v1/credit-grants', { ...grant, expires_at: '2027-02-29' }))).toEqual([
      '#/expires_at: must be an RFC 3339 time, such as "2027-01-01T00:00:00Z", or a date, such as "2027-01-01": 2027-02 has the days 01 to 28 (sent: "2027-02-29")',
    ])
  })
})
