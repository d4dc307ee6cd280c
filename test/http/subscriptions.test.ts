import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { billingTenant, day, graduated, issueDue } from './billing-tenant.ts'
import { type Answer, type Call, errorsOf, newTenant, openServer, type Server } from './harness.ts'

let server: Server
let call: Call
beforeAll(async () => {
  server = await openServer()
})
afterAll(() => server?.close())
beforeEach(async () => {
  call = (await billingTenant(server)).call
})

const path = '/api/v1/subscriptions'
const subscribe = (input: object = {}) => call('POST', path, { customer_id: 'alice', plan: 'pro', ...input })
const use = (quantity: number, timestamp: string) =>
  call('POST', '/api/v1/usage', { customer_id: 'alice', resource_type: 'call', quantity, timestamp })
const nowhere = '00000000-0000-4000-8000-000000000000'

describe('a subscription', () => {
  it('is made, read, listed, changed, canceled and reactivated', async () => {
    const made = await subscribe({ start: day(-1, 10), metadata: { crm: '7' } })
    expect(made).toMatchObject({
      status: 201,
      body: {
        customer_id: 'alice',
        status: 'active',
        plan: 'pro',
        version: 1,
        overrides: [],
        start: day(-1, 10),
        anchor: 'calendar',
        trial_end: null,
        cancel_at: null,
        current_period: { start: day(-1, 10), end: day(0) },
        scheduled_change: null,
        coupons: [],
        metadata: { crm: '7' },
      },
    })
    const { id } = made.body
    const one = `${path}/${id}`
    expect((await call('GET', one)).body).toEqual(made.body)
    expect((await call('GET', `${path}?customer_id=alice`)).body.data).toEqual([made.body])
    expect((await call('GET', `${path}?customer_id=bob`)).body.data).toEqual([])

    expect((await call('POST', `${one}/change`, { plan: 'usage', when: 'period_end' })).body).toMatchObject({
      plan: 'pro',
      scheduled_change: { plan: 'usage', version: 1, overrides: [] },
    })
    expect((await call('POST', `${one}/change`, { plan: 'usage', when: 'now' })).body).toMatchObject({
      plan: 'usage',
      scheduled_change: null,
    })
    const canceled = await call('POST', `${one}/cancel`, { when: 'period_end' })
    expect(canceled).toMatchObject({ status: 200, body: { status: 'active' } })
    expect(Date.parse(canceled.body.cancel_at)).toBeGreaterThan(Date.now())
    expect((await call('POST', `${one}/reactivate`)).body.cancel_at).toBeNull()
    expect((await call('POST', `${one}/cancel`, { when: 'now' })).body.cancel_at).toMatch(/:00:00\.000Z$/)
  })

  it('that is sent twice with one Idempotency-Key is made once', async () => {
    const key = { 'idempotency-key': 'once' }
    const input = { customer_id: 'alice', plan: 'pro' }
    const [first, second] = [await call('POST', path, input, key), await call('POST', path, input, key)]
    expect(second.body).toEqual(first.body)
    expect((await call('GET', path)).body.data).toHaveLength(1)
  })

  it('that has not begun is taken back by canceling it, and that again is a success', async () => {
    const { body } = await subscribe({ start: day(3) })
    expect(body.status).toBe('scheduled')
    for (let times = 0; times < 2; times++)
      expect(await call('POST', `${path}/${body.id}/cancel`, { when: 'now' })).toMatchObject({
        status: 200,
        body: { status: 'canceled', cancel_at: day(3), current_period: null, draft_invoice_id: null },
      })
    expect((await call('GET', '/api/v1/invoices')).body.data).toMatchObject([
      { status: 'void', number: null },
    ])
    expect((await call('POST', `${path}/${body.id}/reactivate`)).status).toBe(409)
  })

  it('pages its list, the newest first', async () => {
    const ids: string[] = []
    for (const customer_id of ['a', 'b', 'c']) ids.unshift((await subscribe({ customer_id })).body.id)
    const first = (await call('GET', `${path}?limit=2`)).body
    const second = (await call('GET', `${path}?limit=2&cursor=${first.next_cursor}`)).body
    expect([...first.data, ...second.data].map(({ id }: { id: string }) => id)).toEqual(ids)
    expect(second.next_cursor).toBeNull()
  })
})

describe('a request that can’t be', () => {
  const refusals: [what: string, input: object, pointer: string, detail: string][] = [
    ['no plan', { plan: 'nope' }, '#/plan', 'must be the key of a plan; there is no "nope"'],
    ['no version', { version: 7 }, '#/version', 'must be from 1 to 1'],
    ['no coupon', { coupons: ['nope'] }, '#/coupons/0', 'must be the key of a coupon; there is no "nope"'],
    ['a coupon twice', { coupons: ['a', 'a'] }, '#/coupons', 'must name each coupon once'],
    ['no date', { start: 'tomorrow' }, '#/start', 'must be an RFC 3339 time'],
    ['no such date', { start: '2026-02-30T00:00:00Z' }, '#/start', 'must be an RFC 3339 time'],
    [
      'a start long ago, and nothing said of what is billed of it',
      { start: '1999-01-01T00:00:00Z' },
      '#/bill_from',
      'must be there, as the start is more than 366 days ago',
    ],
    ['no such anchor', { anchor: 'moon' }, '#/anchor', 'must be "calendar" or "anniversary"'],
    ['days that are not whole', { trial_days: 1.5 }, '#/trial_days', 'must be a whole number'],
    ['another field', { planet: 'x' }, '#/planet', ''],
    [
      'a price that the plan does not have',
      { overrides: [{ meter: 'tokens', price: graduated }] },
      '#/overrides/0/meter',
      'must be a meter that the plan prices; "tokens" is none',
    ],
    [
      'groups that the meter does not have',
      { overrides: [{ meter: 'calls', groups: [{ match: { model: 'x' }, price: graduated }] }] },
      '#/overrides/0/groups/0/match/model',
      '',
    ],
  ]
  it('is refused by its field: what is wrong, and what would be right', async () => {
    for (const [what, input, pointer, detail] of refusals) {
      const answer = await subscribe(input)
      expect([what, answer.status, answer.body.code]).toEqual([what, 422, 'validation_failed'])
      expect(errorsOf(answer).join('\n'), what).toContain(`${pointer}: ${detail}`)
    }
    expect((await call('GET', path)).body.data).toEqual([])
  })

  it('in another currency than the customer’s is refused', async () => {
    await subscribe()
    const answer = await subscribe({ plan: 'yen' })
    expect([answer.status, errorsOf(answer)]).toEqual([422, ['#/plan: must be a plan in USD']])
    expect(answer.body.detail).toContain('The customer is billed in USD, and this plan is in JPY.')
  })

  it('for a meter that is priced already names the subscription that does, and until when', async () => {
    const { body } = await subscribe()
    expect(await subscribe({ plan: 'usage' })).toMatchObject({
      status: 409,
      body: {
        code: 'already_priced',
        detail: expect.stringContaining(`subscription ${body.id} prices "calls"`),
      },
    })
    const { cancel_at } = (await call('POST', `${path}/${body.id}/cancel`, { when: 'now' })).body
    expect((await subscribe({ plan: 'usage' })).body.detail).toContain(`until ${cancel_at}`)
    expect((await subscribe({ plan: 'usage', start: cancel_at })).status).toBe(201)
    expect(await call('POST', `${path}/${body.id}/reactivate`)).toMatchObject({
      status: 409,
      body: { code: 'already_priced' },
    })
  })

  it('to change it some other time, or to invoice that, is refused by its field', async () => {
    const { body } = await subscribe({ start: day(-1) })
    const change = (more: object) =>
      call('POST', `${path}/${body.id}/change`, { plan: 'monthly', when: 'now', ...more })
    expect(errorsOf(await change({ when: 'tomorrow' }))).toEqual([
      '#/when: must be "now" or "period_end" (sent: "tomorrow")',
    ])
    expect(errorsOf(await change({ invoice: 'later' }))).toEqual([
      '#/invoice: must be "now" or "next" (sent: "later")',
    ])
  })

  it('for one that there is not, or that is another tenant’s, is a 404', async () => {
    const { body } = await subscribe()
    const other = await newTenant(server)
    const tries = (of: Call, id: string): Promise<Answer>[] => [
      of('GET', `${path}/${id}`),
      of('POST', `${path}/${id}/change`, { plan: 'pro', when: 'now' }),
      of('POST', `${path}/${id}/change/preview`, { plan: 'pro', when: 'now' }),
      of('POST', `${path}/${id}/cancel`, { when: 'now' }),
      of('POST', `${path}/${id}/reactivate`),
    ]
    for (const answer of await Promise.all([...tries(other.call, body.id), ...tries(call, nowhere)]))
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found'])
    expect((await other.call('GET', path)).body.data).toEqual([])
    expect((await call('GET', `${path}/${body.id}`)).body.cancel_at).toBeNull()
  })
})

describe('a preview', () => {
  const stored = async () => [
    (await call('GET', path)).body.data,
    (await call('GET', '/api/v1/invoices')).body.data,
    (await call('GET', '/api/v1/credit-entries?customer_id=alice')).body.data,
  ]

  it('of an invoice is what the first period would cost, and stores nothing', async () => {
    await use(120, day(-1, 5))
    const before = await stored()
    const preview = await call('POST', '/api/v1/invoices/preview', {
      customer_id: 'alice',
      plan: 'pro',
      start: day(-1),
    })
    expect(preview).toMatchObject({
      status: 200,
      body: {
        kind: 'period',
        status: 'draft',
        number: null,
        period: { start: day(-1), end: day(0) },
        total: '105.00',
      },
    })
    expect(
      preview.body.lines.map((line: { kind: string; amount: string }) => [line.kind, line.amount]),
    ).toEqual([
      ['usage', '102.00'],
      ['fee', '3.00'],
    ])
    expect(await stored()).toEqual(before)
  })

  it('of a change is what the subscription and its draft would be, and stores nothing', async () => {
    const { body } = await subscribe({ start: day(-1) })
    await issueDue(server)
    const before = await stored()
    const preview = await call('POST', `${path}/${body.id}/change/preview`, { plan: 'usage', when: 'now' })
    expect(preview).toMatchObject({ status: 200, body: { subscription: { plan: 'usage' } } })
    expect(preview.body.invoice.lines.map(({ kind }: { kind: string }) => kind)).toContain('usage')
    expect(await stored()).toEqual(before)
    expect((await call('GET', `${path}/${body.id}`)).body.plan).toBe('pro')
  })
})

describe('a change that is invoiced at once', () => {
  it.each(['monthly', 'premium'])('is previewed as it is issued: to %s', async (plan) => {
    await call('POST', '/api/v1/plans', {
      key: 'premium',
      currency: 'USD',
      interval: 'day',
      prices: [{ meter: 'calls', price: graduated }],
      fees: [{ key: 'base', amount: '30' }],
    })
    const { body } = await subscribe({ start: day(-1) })
    await issueDue(server)
    await use(120, day(0))
    const numbers = async () =>
      (await call('GET', `/api/v1/invoices?subscription_id=${body.id}`)).body.data.map(
        ({ number }: { number: string | null }) => number,
      )
    const before = await numbers()
    const change = { plan, when: 'now', invoice: 'now' }
    const preview = await call('POST', `${path}/${body.id}/change/preview`, change)
    expect(preview.body.issued).toHaveLength(1)
    expect(await numbers()).toEqual(before)
    const changed = await call('POST', `${path}/${body.id}/change`, change)
    expect(changed).toMatchObject({ status: 200, body: { plan } })
    const issued = (await call('GET', `/api/v1/invoices?subscription_id=${body.id}`)).body.data.find(
      ({ number }: { number: string | null }) => number !== null && !before.includes(number),
    )
    const invoice = (await call('GET', `/api/v1/invoices/${issued.id}`)).body
    const told = ({ kind, period, lines, subtotal, total, amount_due }: Record<string, unknown>) => ({
      kind,
      period,
      lines,
      subtotal,
      total,
      amount_due,
    })
    expect(told(invoice)).toEqual(told(preview.body.issued[0]))
    // In the first hour of a day it is the invoice of the day before, which has waited until now.
    const ofDay = plan === 'monthly' || new Date().getUTCHours() === 0
    expect(invoice.kind).toBe(ofDay ? 'period' : 'change')
    expect((await call('GET', `/api/v1/invoices/${issued.id}/page`)).status).toBe(200)
    const draft = (await call('GET', `/api/v1/invoices/${changed.body.draft_invoice_id}`)).body
    expect(told(draft)).toEqual(told(preview.body.invoice))
  })
})

describe('a subscription that is brought along', () => {
  const old = {
    plan: 'monthly',
    start: '2019-03-31',
    billing_anchor: '2019-03-31T14:30:00Z',
    external_id: 'sub 1',
  }

  it('is billed from where it is said, and is found by its external id', async () => {
    const refused = await subscribe(old)
    expect(refused.status).toBe(422)
    const [, began, ends] = /such as (\S+), when its present period began, or (\S+), when/.exec(
      errorsOf(refused).join(),
    )!
    expect(Date.parse(began!)).toBeLessThan(Date.now())
    const made = await subscribe({ ...old, bill_from: ends })
    expect(made).toMatchObject({
      status: 201,
      body: {
        external_id: 'sub 1',
        start: '2019-03-31T00:00:00.000Z',
        anchor: 'anniversary',
        billing_anchor: '2019-03-31T14:00:00.000Z',
        bill_from: ends,
        current_period: { start: ends },
      },
    })
    expect(await subscribe({ ...old, bill_from: ends })).toMatchObject({ status: 200, body: made.body })
    const other = await subscribe({ ...old, bill_from: began, metadata: { a: 'b' } })
    expect([other.status, other.body.code, errorsOf(other)]).toEqual([
      409,
      'already_exists',
      ['#/bill_from: is another there', '#/metadata: is another there'],
    ])
    expect((await call('GET', `${path}?external_id=sub%201`)).body.data).toEqual([made.body])
    expect((await call('GET', `${path}?external_id=sub`)).body.data).toEqual([])
    const another = await newTenant(server)
    expect((await another.call('GET', `${path}?external_id=sub%201`)).body.data).toEqual([])
  })

  it('by one external id is made once, though several ask at the same moment for several customers', async () => {
    const asked = ['alice', 'bob', 'carol'].map((customer_id) =>
      subscribe({ customer_id, external_id: 'the one' }),
    )
    const answers = await Promise.all(asked)
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409])
    expect((await call('GET', path)).body.data).toHaveLength(1)
  })
})

describe('coupons', () => {
  it('are made once, read, listed and archived', async () => {
    const welcome = { key: 'welcome', name: 'Welcome', percent_off: '15', duration: 'once' }
    const made = await call('POST', '/api/v1/coupons', welcome)
    expect(made).toMatchObject({
      status: 201,
      body: { ...welcome, amount_off: null, periods: 1, archived_at: null },
    })
    expect(await call('POST', '/api/v1/coupons', welcome)).toMatchObject({ status: 200, body: made.body })
    const other = await call('POST', '/api/v1/coupons', { ...welcome, percent_off: '20' })
    expect([other.status, other.body.code, errorsOf(other)]).toEqual([
      409,
      'already_exists',
      ['#/percent_off: is another there'],
    ])
    expect((await call('GET', '/api/v1/coupons/welcome')).body).toEqual(made.body)
    expect((await call('GET', '/api/v1/coupons')).body.data).toEqual([made.body])
    expect((await call('GET', '/api/v1/coupons/nope')).status).toBe(404)
    expect((await call('POST', '/api/v1/coupons/nope/archive')).status).toBe(404)
    const subscribed = await subscribe({ coupons: ['welcome'] })
    expect(subscribed.body.coupons).toEqual([{ coupon: 'welcome', used: 1 }])
    const archived = await call('POST', '/api/v1/coupons/welcome/archive')
    expect(archived.body.archived_at).not.toBeNull()
    expect((await call('POST', '/api/v1/coupons/welcome/archive')).body).toEqual(archived.body)
    expect(errorsOf(await subscribe({ customer_id: 'bob', coupons: ['welcome'] }))).toEqual([
      '#/coupons/0: must be a coupon that is not archived; "welcome" is',
    ])
  })

  it('that make no sense are refused by their field', async () => {
    for (const [input, error] of [
      [{ duration: 'once' }, '#/percent_off: must be there, or amount_off must'],
      [{ percent_off: '101', duration: 'once' }, '#/percent_off: must be 100 or less'],
      [{ amount_off: '5', duration: 'once' }, '#/currency: must come together with amount_off'],
      [
        { amount_off: '5.001', currency: 'USD', duration: 'once' },
        '#/amount_off: must have at most 2 decimals in USD',
      ],
      [
        { percent_off: '5', duration: 'periods' },
        '#/periods: must come together with the duration "periods"',
      ],
    ] as const) {
      const answer = await call('POST', '/api/v1/coupons', { key: 'odd', ...input })
      expect(answer.status).toBe(422)
      expect(errorsOf(answer).join('\n')).toContain(error)
    }
    const euros = { key: 'euros', amount_off: '5', currency: 'EUR', duration: 'forever' }
    expect((await call('POST', '/api/v1/coupons', euros)).status).toBe(201)
    expect(errorsOf(await subscribe({ coupons: ['euros'] }))).toEqual([
      '#/coupons/0: must be a coupon in USD, as the plan is; "euros" is in EUR',
    ])
  })
})
