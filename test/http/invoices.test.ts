import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { billingTenant, day, issueDue } from './billing-tenant.ts'
import { type Answer, type Call, caller, errorsOf, newTenant, openServer, type Server } from './harness.ts'

let server: Server
let call: Call
beforeAll(async () => {
  server = await openServer()
})
afterAll(() => server?.close())
beforeEach(async () => {
  call = (await billingTenant(server)).call
})

const path = '/api/v1/invoices'
const nowhere = '00000000-0000-4000-8000-000000000000'
// biome-ignore lint/suspicious/noExplicitAny: answers of every form
type Json = any

const subscribe = async (input: object = {}): Promise<Json> => {
  const { status, body } = await call('POST', '/api/v1/subscriptions', {
    customer_id: 'alice',
    plan: 'pro',
    start: day(-3),
    ...input,
  })
  expect([status, body.detail]).toEqual([201, undefined])
  return body
}
const use = async (quantity: number, timestamp: string, more: object = {}) => {
  const event = { customer_id: 'alice', resource_type: 'call', quantity, timestamp, ...more }
  expect((await call('POST', '/api/v1/usage', event)).status).toBe(200)
}
/** In the order of their periods. */
const invoices = async (): Promise<Json[]> => (await call('GET', path)).body.data.toReversed()
const read = async (id: string): Promise<Json> => (await call('GET', `${path}/${id}`)).body
const grant = (input: object = {}) =>
  call('POST', '/api/v1/credit-grants', {
    customer_id: 'alice',
    name: 'Prepaid',
    amount: '2',
    currency: 'USD',
    ...input,
  })
const ledger = async (): Promise<string[]> =>
  (await call('GET', '/api/v1/credit-entries?customer_id=alice')).body.data
    .toReversed()
    .map(({ kind, amount }: Json) => `${kind} ${amount}`)

describe('from a plan to a paid invoice', () => {
  it('is lines − coupons + taxes − credit, frozen under a number', async () => {
    await call('POST', '/api/v1/customers', {
      customer_id: 'alice',
      name: 'Alice Ltd',
      email: 'alice@example.com',
      tax_rates: [{ name: 'VAT', percent: '20' }],
    })
    await call('POST', '/api/v1/coupons', { key: 'tenth', percent_off: '10', duration: 'forever' })
    await grant()
    const { id } = await subscribe({ coupons: ['tenth'] })
    await use(120, day(-3, 5))

    const [opening] = await invoices()
    expect(await read(opening.id)).toMatchObject({
      number: 'INV-000001',
      status: 'issued',
      kind: 'opening',
      customer_id: 'alice',
      subscription_id: id,
      period: { start: day(-3), end: day(-3) },
      currency: 'USD',
      recipient: { name: 'Alice Ltd', email: 'alice@example.com' },
      lines: [
        {
          line: 1,
          kind: 'fee',
          due: 'advance',
          fee: 'base',
          name: 'Base fee',
          plan: 'pro',
          fee_amount: '3',
          days: 1,
          of_days: 1,
          from: day(-3),
          to: day(-2),
          amount: '3.00',
        },
      ],
      subtotal: '3.00',
      discounts: [{ coupon: 'tenth', name: null, percent_off: '10', amount: '0.30' }],
      taxes: [{ name: 'VAT', percent: '20', amount: '0.54' }],
      total: '3.24',
      credits: [{ name: 'Prepaid', amount: '2.00' }],
      amount_due: '1.24',
      credit_granted: '0.00',
      moved_at: null,
    })

    const draft = (await invoices()).find(({ status }: Json) => status === 'draft')
    expect(draft).toMatchObject({ number: null, total: null, amount_due: null, issued_at: null })
    expect(await read(draft.id)).toMatchObject({ subtotal: '105.00', total: '113.40', amount_due: '113.40' })

    await issueDue(server)
    const first = await read(draft.id)
    expect(first).toMatchObject({
      number: 'INV-000002',
      status: 'issued',
      kind: 'period',
      period: { start: day(-3), end: day(-2) },
      total: '113.40',
      amount_due: '113.40',
      lines: [
        {
          line: 1,
          kind: 'usage',
          meter: 'calls',
          quantity: '120',
          events: '1',
          unpriced: false,
          amount: '102.00',
        },
        { line: 2, kind: 'fee', from: day(-2), to: day(-1), amount: '3.00' },
      ],
    })
    expect(first.lines[0].breakdown.map(({ amount }: Json) => amount)).toEqual(['100', '2'])
    expect(first.as_of).toBe(first.issued_at)
    await call('PATCH', '/api/v1/customers/alice', { name: 'Bob', tax_rates: [] })
    expect(await read(first.id)).toEqual(first)

    const paid = await call('POST', `${path}/${first.id}/pay`)
    expect(paid).toMatchObject({ status: 200, body: { status: 'paid', amount_due: '113.40' } })
    expect((await call('POST', `${path}/${first.id}/pay`)).body).toEqual(paid.body)
    expect((await call('GET', `${path}?status=paid`)).body.data.map((one: Json) => one.id)).toEqual([
      first.id,
    ])
    expect((await call('GET', `${path}?subscription_id=${id}&customer_id=alice`)).body.data).toHaveLength(
      (await invoices()).length,
    )
  })

  it('numbers the invoices of a tenant without gaps, each issued once, when five run the job at once', async () => {
    for (const customer_id of ['a', 'b', 'c', 'd'])
      await subscribe({ customer_id, plan: 'usage', start: day(-4) })
    await subscribe({ customer_id: 'e', start: day(-4) })
    await Promise.all([1, 2, 3, 4, 5].map(() => issueDue(server)))
    await issueDue(server)
    const issued = (await call('GET', `${path}?limit=100`)).body.data.filter(
      (one: Json) => one.number !== null,
    )
    const numbers = issued.map(({ number }: Json) => Number(number.slice('INV-'.length)))
    expect(numbers.toSorted((x: number, y: number) => x - y)).toEqual(Array.from(numbers, (_, i) => i + 1))
    const periods = issued.map((one: Json) => `${one.subscription_id} ${one.kind} ${one.period.start}`)
    expect(new Set(periods).size).toBe(periods.length)
    // Three days are over for certain, of each of five; and the opening.
    expect(numbers.length).toBeGreaterThanOrEqual(16)
  })

  it('stays a draft within the grace of an hour', async () => {
    const hours = new Date().getUTCHours()
    const { draft_invoice_id: id } = await subscribe({ plan: 'usage', start: day(0, hours) })
    await issueDue(server)
    expect((await read(id)).status).toBe('draft')
  })
})

describe('usage that comes after the invoice', () => {
  it('is an adjustment of its line on the next one, and explained by the hours of that line', async () => {
    const { id } = await subscribe({ plan: 'usage' })
    await use(90, day(-3, 5))
    await issueDue(server)
    const [first] = await invoices()
    await use(30, day(-3, 7))
    const { draft_invoice_id } = (await call('GET', `/api/v1/subscriptions/${id}`)).body
    const draft = await read(draft_invoice_id)
    const adjustment = draft.lines.find(({ kind }: Json) => kind === 'adjustment')
    expect(adjustment).toMatchObject({
      adjusts: { invoice_id: first.id, number: first.number, line: 1 },
      meter: 'calls',
      from: day(-3),
      to: day(-2),
      quantity: '30',
      rated_quantity: '120',
      events: '2',
      rated: { amount: '102.00' },
      amount: '12.00',
    })
    expect((await read(first.id)).total).toBe('90.00')
    for (const line of [`${first.id}/lines/1`, `${draft.id}/lines/${adjustment.line}`])
      expect((await call('GET', `${path}/${line}/usage`)).body.data).toMatchObject([
        { hour: day(-3, 5), quantity: '90', events: '1' },
        { hour: day(-3, 7), quantity: '30', events: '1' },
      ])
    const page = (await call('GET', `${path}/${first.id}/lines/1/usage?limit=1`)).body
    expect(page.data).toMatchObject([{ hour: day(-3, 5) }])
    expect(
      (await call('GET', `${path}/${first.id}/lines/1/usage?limit=1&cursor=${page.next_cursor}`)).body.data,
    ).toMatchObject([{ hour: day(-3, 7) }])
  })

  it('of a group is explained apart from the rest', async () => {
    await subscribe({ plan: 'ai' })
    for (const [model, quantity] of [
      ['large', 3],
      ['small', 10],
      ['tiny', 1],
    ] as const)
      await use(quantity, day(-3, 5), { resource_type: 'token', properties: { model } })
    await issueDue(server)
    const [first] = await invoices()
    expect((await read(first.id)).lines).toMatchObject([
      { match: { model: 'large' }, quantity: '3', amount: '6.00' },
      { match: null, quantity: '11', amount: '5.50' },
    ])
    const hours = async (line: number) =>
      (await call('GET', `${path}/${first.id}/lines/${line}/usage`)).body.data
    expect(await hours(1)).toMatchObject([{ hour: day(-3, 5), quantity: '3' }])
    expect(await hours(2)).toMatchObject([{ hour: day(-3, 5), quantity: '11' }])
  })

  it('explains no line that is not there, or that no usage is behind', async () => {
    await subscribe()
    const [opening] = await invoices()
    const usage = (line: string) => call('GET', `${path}/${opening.id}/lines/${line}/usage`)
    expect(await usage('1')).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining('is a fee') },
    })
    expect(await usage('2')).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining('has 1 line') },
    })
    expect((await usage('0')).status).toBe(422)
    expect((await usage('x')).status).toBe(422)
  })

  it('of a meter that is archived since is still billed', async () => {
    await subscribe({ plan: 'usage' })
    await use(5, day(-3, 5))
    expect((await call('POST', '/api/v1/meters/calls/archive')).status).toBe(200)
    await issueDue(server)
    expect((await invoices())[0]).toMatchObject({ status: 'issued', total: '5.00' })
  })
})

describe('an issued invoice', () => {
  it('moves once; a draft does not', async () => {
    await subscribe()
    await issueDue(server)
    const [first, second, ...others] = await invoices()
    expect(await call('POST', `${path}/${first.id}/write-off`)).toMatchObject({
      status: 200,
      body: { status: 'uncollectible' },
    })
    expect(await call('POST', `${path}/${first.id}/pay`)).toMatchObject({
      status: 409,
      body: { code: 'state_conflict', detail: expect.stringContaining('It is uncollectible already') },
    })
    expect((await call('POST', `${path}/${second.id}/void`)).body).toMatchObject({
      status: 'void',
      number: second.number,
    })
    expect(await call('POST', `${path}/${others.at(-1).id}/void`)).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('It is a draft') },
    })
  })

  it('that is voided gives back the credit that it drew', async () => {
    await grant()
    // Nothing more of it is due today, so that no timer draws on what is given back.
    await subscribe({ start: day(0) })
    expect(await ledger()).toEqual(['grant 2.00', 'draw -2.00'])
    const [opening] = await invoices()
    await call('POST', `${path}/${opening.id}/void`)
    await call('POST', `${path}/${opening.id}/void`)
    expect(await ledger()).toEqual(['grant 2.00', 'draw -2.00', 'return 2.00'])
    expect((await call('GET', '/api/v1/credit-grants?customer_id=alice')).body.data).toMatchObject([
      { amount: '2.00', remaining: '2.00' },
    ])
    // The fee is left to the invoice of its own day.
    const { lines } = await read((await invoices())[1].id)
    expect(lines.map(({ kind, amount }: Json) => [kind, amount])).toEqual([
      ['usage', '0.00'],
      ['proration', '3.00'],
      ['fee', '3.00'],
    ])
  })
})

describe('credit notes', () => {
  const note = (id: string, input: object) =>
    call('POST', `${path}/${id}/credit-notes`, { reason: 'Outage', ...input })

  it('reduce an unpaid invoice, become credit of a paid one, or are paid back, never more than is left', async () => {
    // Nothing is due meanwhile, and draws on the credit.
    await subscribe({ start: day(0) })
    const [{ id }] = await invoices()
    expect(await note(id, { amount: '1' })).toMatchObject({
      status: 201,
      body: { number: 'CN-000001', invoice_id: id, amount: '1.00', settlement: 'invoice', reason: 'Outage' },
    })
    expect(errorsOf(await note(id, { amount: '2.01' }))).toEqual([
      '#/amount: must be at most 2.00, which is what is due',
    ])
    expect(errorsOf(await note(id, { amount: '1', settlement: 'refund' }))[0]).toContain(
      '#/settlement: must be "invoice"',
    )
    await call('POST', `${path}/${id}/pay`)
    expect((await note(id, { amount: '0.50' })).body).toMatchObject({ settlement: 'credit' })
    expect((await note(id, { amount: '0.25', settlement: 'refund' })).status).toBe(201)
    expect(errorsOf(await note(id, { amount: '1.26' }))[0]).toContain('#/amount: must be at most 1.25')
    expect(errorsOf(await note(id, { amount: '0.001' }))[0]).toContain('must have at most 2 decimals in USD')
    expect(
      (await call('GET', `${path}/${id}/credit-notes`)).body.data.map((one: Json) => one.number),
    ).toEqual(['CN-000001', 'CN-000002', 'CN-000003'])
    expect(await ledger()).toEqual(['grant 0.50'])
    expect(await read(id)).toMatchObject({ status: 'paid', total: '3.00', amount_due: '2.00' })
  })

  it('are by line, too, with their tax by rate, and say of each mistake where it is', async () => {
    await call('POST', '/api/v1/customers', {
      customer_id: 'alice',
      tax_rates: [{ name: 'VAT', percent: '19' }],
    })
    await subscribe()
    const [{ id, number, total }] = await invoices()
    expect(total).toBe('3.57')
    expect(await note(id, { lines: [{ line: 1, amount: '1' }] })).toMatchObject({
      status: 201,
      body: {
        invoice_id: id,
        invoice_number: number,
        lines: [
          {
            line: 1,
            name: expect.any(String),
            quantity: null,
            amount: '1.00',
            tax_rates: [{ name: 'VAT', percent: '19' }],
          },
        ],
        subtotal: '1.00',
        taxes: [{ name: 'VAT', percent: '19', taxable_amount: '1.00', amount: '0.19' }],
        total: '1.19',
        amount: '1.19',
      },
    })
    expect(await read(id)).toMatchObject({ amount_due: '2.38' })
    for (const [input, errors] of [
      [{}, ['#/amount: must be there, or lines must: one of them, not both']],
      [
        { amount: '1', lines: [{ line: 1 }] },
        ['#/amount: must be there, or lines must: one of them, not both (sent: "1")'],
      ],
      [{ lines: [] }, ['#/lines: must have at least 1 item']],
      [{ lines: [{}] }, ['#/lines/0/line: is required']],
      [{ lines: [{ line: 0 }] }, ['#/lines/0/line: must be a whole number from 1 to 5000']],
      [{ lines: [{ line: 1, amount: '0' }] }, ['#/lines/0/amount: must be more than 0 (sent: "0")']],
      [{ lines: [{ line: 1, amount: '-1' }] }, ['#/lines/0/amount: must be more than 0 (sent: "-1")']],
      [
        { lines: [{ line: 1, amount: '1', quantity: '1' }] },
        [
          '#/lines/0/quantity: must not come together with an amount: one of them, or neither for all that is left (sent: "1")',
        ],
      ],
      [
        { lines: [{ line: 1, amount: '2.01' }, { line: 9 }] },
        [
          '#/lines/0/amount: must be at most 2.00, which is what is left of line 1 before tax',
          '#/lines/1/line: must be the number of a line of the invoice: 1 to 1',
        ],
      ],
    ] as const)
      expect([input, errorsOf(await note(id, input))]).toEqual([input, errors])
    expect((await note(id, { lines: [{ line: 1 }] })).body).toMatchObject({ subtotal: '2.00', total: '2.38' })
    expect(await read(id)).toMatchObject({ status: 'paid', amount_due: '0.00' })
  })

  it('of which more is asked for than is due are refused with what they come to', async () => {
    await call('POST', '/api/v1/customers', {
      customer_id: 'alice',
      tax_rates: [{ name: 'VAT', percent: '19' }],
    })
    await grant({ amount: '3' })
    await subscribe()
    const [{ id }] = await invoices()
    expect(errorsOf(await note(id, { lines: [{ line: 1 }] }))).toEqual([
      '#/lines: must come to at most 0.57, which is what is due; with tax they come to 3.57',
    ])
  })

  it('are each read by their id, and listed in pages, the oldest first', async () => {
    await subscribe()
    const [{ id }] = await invoices()
    const made: Json[] = []
    for (const amount of ['0.10', '0.20', '0.30']) made.push((await note(id, { amount })).body)
    for (const one of made) expect((await call('GET', `/api/v1/credit-notes/${one.id}`)).body).toEqual(one)
    const list = (query: string) => call('GET', `${path}/${id}/credit-notes${query}`)
    expect((await list('')).body).toEqual({ data: made, next_cursor: null })
    const first = (await list('?limit=2')).body
    expect(first.data).toEqual(made.slice(0, 2))
    expect((await list(`?limit=2&cursor=${first.next_cursor}`)).body).toEqual({
      data: made.slice(2),
      next_cursor: null,
    })
    expect((await list('?cursor=nope')).status).toBe(422)
  })

  it('pay an invoice of which nothing is due any more', async () => {
    await subscribe()
    const [{ id }] = await invoices()
    await note(id, { amount: '3' })
    expect(await read(id)).toMatchObject({ status: 'paid', amount_due: '0.00' })
  })

  it('are of no draft and of no void invoice', async () => {
    await subscribe()
    const [opening, draft] = await invoices()
    await call('POST', `${path}/${opening.id}/void`)
    for (const { id } of [opening, draft])
      expect(await note(id, { amount: '1' })).toMatchObject({ status: 409, body: { code: 'state_conflict' } })
  })
})

describe('credit', () => {
  it('is granted, drawn on, and voided', async () => {
    const made = await grant({ amount: '5.5', priority: 1, expires_at: day(30) })
    expect(made).toMatchObject({
      status: 201,
      body: { amount: '5.50', remaining: '5.50', priority: 1, expires_at: day(30), source: null },
    })
    await subscribe()
    const { id } = made.body
    const voided = await call('POST', `/api/v1/credit-grants/${id}/void`)
    expect(voided).toMatchObject({ status: 200, body: { id, remaining: '0.00' } })
    expect((await call('POST', `/api/v1/credit-grants/${id}/void`)).body).toEqual(voided.body)
    expect(await ledger()).toEqual(['grant 5.50', 'draw -3.00', 'void -2.50'])
    expect((await call('POST', `/api/v1/credit-grants/${nowhere}/void`)).status).toBe(404)
  })

  it('that makes no sense is refused by its field', async () => {
    await grant()
    for (const [input, error] of [
      [{ amount: '0' }, '#/amount: '],
      [{ amount: '-1' }, '#/amount: '],
      [{ amount: '1.001' }, '#/amount: must have at most 2 decimals in USD'],
      [{ currency: 'EUR' }, '#/currency: must be USD'],
      [{ currency: 'XXX' }, '#/currency: '],
      [{ expires_at: day(-1) }, '#/expires_at: must be in the future'],
      [{ priority: -1 }, '#/priority: '],
      [{ surprise: 1 }, '#/surprise'],
    ] as const) {
      const answer = await grant(input)
      expect([error, answer.status]).toEqual([error, 422])
      expect(errorsOf(answer).join('\n')).toContain(error)
    }
  })
})

describe('another tenant', () => {
  it('finds nothing, and changes nothing', async () => {
    const { id: granted } = (await grant()).body
    await subscribe()
    const [{ id }] = await invoices()
    const other = await newTenant(server)
    const note = { amount: '0.50', reason: 'x' }
    const { id: noted } = (await call('POST', `${path}/${id}/credit-notes`, note)).body
    const tries = (of: Call, invoice: string, grantId: string, noteId: string): Promise<Answer>[] => [
      of('GET', `${path}/${invoice}`),
      of('GET', `${path}/${invoice}/lines/1/usage`),
      of('GET', `${path}/${invoice}/credit-notes`),
      of('POST', `${path}/${invoice}/credit-notes`, note),
      ...['pay', 'void', 'write-off'].map((verb) => of('POST', `${path}/${invoice}/${verb}`)),
      of('POST', `/api/v1/credit-grants/${grantId}/void`),
      ...['', '/page', '/lines.csv'].map((part) => of('GET', `/api/v1/credit-notes/${noteId}${part}`)),
    ]
    for (const answer of await Promise.all([
      ...tries(other.call, id, granted, noted),
      ...tries(call, nowhere, nowhere, nowhere),
    ]))
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found'])
    for (const list of [
      path,
      '/api/v1/coupons',
      '/api/v1/credit-grants?customer_id=alice',
      '/api/v1/credit-entries?customer_id=alice',
    ])
      expect((await other.call('GET', list)).body.data).toEqual([])
    expect((await read(id)).status).toBe('issued')
  })

  it('can’t issue what is due: that is the operator’s', async () => {
    expect((await call('POST', `${path}/issue-due`)).status).toBe(401)
    expect((await caller(server, null)('POST', `${path}/issue-due`)).status).toBe(401)
  })
})
