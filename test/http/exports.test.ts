import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseCsv } from '../invoice-page/parse-csv.ts'
import { readParquet } from '../log/read-parquet.ts'
import { type Call, errorsOf, newTenant, openServer, type Server } from './harness.ts'
import { settle } from './settling.ts'

const PATH = '/api/v1/exports'

let server: Server
let key: string
let call: Call
beforeAll(async () => {
  server = await openServer()
  ;({ key, call } = await newTenant(server, { timezone: 'Europe/Berlin', currency: 'EUR' }))
  const meter = { key: 'tokens', resource_type: 'token', aggregation: 'sum', group_by: ['model'] }
  await call('POST', '/api/v1/meters', meter)
  await call('POST', '/api/v1/plans', {
    key: 'pro',
    currency: 'EUR',
    prices: [{ meter: 'tokens', price: { model: 'per_unit', unit_amount: '0.01' } }],
    fees: [{ key: 'base', name: '=Base', amount: '49', due: 'advance' }],
  })
  await call('POST', '/api/v1/credit-grants', {
    customer_id: 'cust_007',
    name: 'Prepaid',
    amount: '20',
    currency: 'EUR',
  })
  const subscription = { customer_id: 'cust_007', plan: 'pro', anchor: 'anniversary' }
  expect((await call('POST', '/api/v1/subscriptions', subscription)).status).toBe(201)
  const events = Array.from({ length: 250 }, (_, i) => ({
    customer_id: `cust_${String(i % 125).padStart(3, '0')}`,
    resource_type: 'token',
    quantity: `${i}.000000000001`,
    properties: { model: i < 125 ? 'large' : 'small' },
  }))
  expect((await call('POST', '/api/v1/usage', events)).body.accepted).toBe(250)
  // Whoever settles between two reads would change what the rows say of it.
  await settle(server)
})
afterAll(() => server?.close())

const exported = async (what: string, filter?: object) => {
  const { status, body } = await call('POST', PATH, { what, format: 'ndjson', filter })
  expect(status).toBe(200)
  return body
    .split('\n')
    .slice(0, -1)
    .map((line: string) => JSON.parse(line))
}

describe('an export of usage', () => {
  it('has what the pages of usage have, all of them', async () => {
    for (const query of ['', '&meter=tokens&group_by=model']) {
      const pages: unknown[] = []
      for (let cursor = ''; ; ) {
        const { body } = await call('GET', `/api/v1/usage?limit=100${query}${cursor}`)
        pages.push(...body.data)
        if (body.next_cursor === null) break
        cursor = `&cursor=${body.next_cursor}`
      }
      expect(pages.length).toBe(query === '' ? 125 : 250)
      const filter = query === '' ? undefined : { meter: 'tokens', group_by: ['model'] }
      expect(await exported('usage', filter)).toEqual(pages)
    }
  })

  it('is of one customer, and by windows, if that is asked for', async () => {
    const rows = await exported('usage', { customer_id: 'cust_003', window: 'day' })
    expect(rows).toMatchObject([{ customer_id: 'cust_003', meter: 'tokens', quantity: '131.000000000002' }])
  })

  it('is the same as CSV and as Parquet', async () => {
    const rows = await exported('usage')
    const csv = await call('POST', PATH, { what: 'usage', format: 'csv' })
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present')
    expect(csv.headers.get('content-disposition')).toBe('attachment; filename="usage.csv"')
    const [names, ...cells] = parseCsv(csv.body)
    expect(names).toEqual(Object.keys(rows[0]))
    expect(cells).toEqual(
      rows.map((row: object) =>
        Object.values(row).map((value) => (typeof value === 'object' ? JSON.stringify(value) : value)),
      ),
    )
    const response = await server.request(PATH, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ what: 'usage', format: 'parquet' }),
    })
    expect(response.headers.get('content-type')).toBe('application/vnd.apache.parquet')
    expect((await readParquet(new Uint8Array(await response.arrayBuffer()))).rows).toEqual(rows)
  })
})

describe('an export of events', () => {
  it('has what was accepted, as it was sent, in the order of arrival, and is an import as it is', async () => {
    const rows = await exported('events')
    expect(rows.length).toBe(250)
    const mine = rows.filter((row: { customer_id: string }) => row.customer_id === 'cust_007')
    const seventh = mine.find((row: { quantity: string }) => row.quantity === '7.000000000001')
    expect(seventh).toMatchObject({
      resource_type: 'token',
      ...{ properties: { model: 'large' }, meters: ['tokens'], history: false },
    })
    const arrivals = rows.map(({ received_at }: { received_at: string }) => received_at)
    expect(arrivals).toEqual(arrivals.toSorted())
    const of = await exported('events', { customer_id: 'cust_007', resource_type: 'token' })
    expect(of).toEqual(mine)
    expect(mine).toHaveLength(2)
    expect(await exported('events', { to: '2020-01-01' })).toEqual([])
    expect(await exported('events', { from: '2020-01-01' })).toEqual(rows)

    const { call: other } = await newTenant(server)
    await other('POST', '/api/v1/meters', { key: 'tokens', resource_type: 'token', aggregation: 'sum' })
    const file = rows.map((row: object) => `${JSON.stringify(row)}\n`).join('')
    const { body } = await other('POST', '/api/v1/imports?mode=billable', file, {
      'content-type': 'application/x-ndjson',
    })
    expect(body).toMatchObject({ status: 'done', accepted: 250 })
    const [total] = (await other('GET', '/api/v1/usage?customer_id=cust_007')).body.data
    expect(total.quantity).toBe('139.000000000002')
  })
})

describe('an export of invoices', () => {
  it('has each line of those that are issued, with its invoice', async () => {
    const { data } = (await call('GET', '/api/v1/invoices?customer_id=cust_007')).body
    const [issued] = data.filter(({ number }: { number: string | null }) => number !== null)
    expect(await exported('invoices')).toEqual([
      expect.objectContaining({
        invoice_id: issued.id,
        invoice_number: issued.number,
        invoice_status: issued.status,
        customer_id: 'cust_007',
        period_start: issued.period.start,
        currency: 'EUR',
        invoice_subtotal: '49.00',
        invoice_total: '49.00',
        invoice_credits: '20.00',
        invoice_amount_due: '29.00',
        issued_at: issued.issued_at,
        line: 1,
        line_kind: 'fee',
        fee: 'base',
        name: '=Base',
        plan: 'pro',
        amount: '49.00',
        quantity: null,
        unpriced: null,
      }),
    ])
    expect(await exported('invoices', { from: issued.issued_at })).toHaveLength(1)
    expect(await exported('invoices', { to: issued.issued_at })).toEqual([])
    expect(await exported('invoices', { from: '2020-01-01', to: '2020-02-01' })).toEqual([])
  })
})

describe('an export of credit entries', () => {
  it('has every movement, as the ledger has it', async () => {
    const { data } = (await call('GET', '/api/v1/credit-entries?customer_id=cust_007')).body
    expect(data.length).toBe(2)
    expect(await exported('credit_entries')).toEqual(
      data
        .reverse()
        .map((entry: object) =>
          expect.objectContaining({ ...entry, customer_id: 'cust_007', currency: 'EUR' }),
        ),
    )
    expect(await exported('credit_entries', { customer_id: 'nobody' })).toEqual([])
  })
})

describe('an export', () => {
  it('of nothing is a file with its columns and no rows', async () => {
    const { call: other } = await newTenant(server)
    for (const what of ['events', 'usage', 'invoices', 'credit_entries']) {
      expect((await other('POST', PATH, { what, format: 'ndjson' })).body).toBe('')
      expect(parseCsv((await other('POST', PATH, { what, format: 'csv' })).body)).toHaveLength(1)
    }
  })

  it.each<[object, string[]]>([
    [{ what: 'usage' }, ['#/format: is required']],
    [{ what: 'usage', format: 'csv', filter: { from: 'soon' } }, ['#/filter/from: must be an RFC 3339 time']],
    [
      { what: 'usage', format: 'csv', filter: { window: 'hour', from: '2026-01-01', to: '2026-03-01' } },
      ['#/filter/window: must cut the period into at most 1000 windows'],
    ],
    [
      { what: 'usage', format: 'csv', filter: { group_by: ['model'] } },
      ['#/filter/meter: is required with group_by'],
    ],
    [
      { what: 'usage', format: 'csv', filter: { meter: 'tokens', group_by: ['x'] } },
      ['#/filter/group_by: is no property that tokens groups by'],
    ],
    [
      { what: 'events', format: 'csv', filter: { from: '2026-02-01', to: '2026-01-01' } },
      ['#/filter/to: must be later than from'],
    ],
    [{ what: 'invoices', format: 'csv', filter: { to: '2026-02-30' } }, ['#/filter/to: must be']],
  ])('as %j is refused before the file begins', async (body, errors) => {
    const answer = await call('POST', PATH, body)
    expect(answer.status).toBe(422)
    expect(errorsOf(answer)).toEqual(errors.map((error) => expect.stringContaining(error)))
  })

  it('of a meter that there is not is a 404', async () => {
    const { status } = await call('POST', PATH, { what: 'usage', format: 'csv', filter: { meter: 'nope' } })
    expect(status).toBe(404)
  })
})
