import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Call, caller, newTenant, openServer, type Server } from './harness.ts'

const NAME = '=Müller & <Söhne> "GmbH"'
const PAGE_TYPE = 'text/html; charset=utf-8'
const CSV_TYPE = 'text/csv; charset=utf-8; header=present'

let server: Server
let call: Call
beforeAll(async () => {
  server = await openServer()
  call = (await newTenant(server, { name: 'Acme <Cloud>', timezone: 'Europe/Berlin' })).call
  await call('POST', '/api/v1/meters', {
    key: 'calls',
    name: NAME,
    resource_type: 'call',
    aggregation: 'sum',
  })
  const price = { model: 'per_unit', unit_amount: '0.01' }
  const fees = [{ key: 'base', name: 'Base fee', amount: '49', due: 'advance' }]
  await call('POST', '/api/v1/plans', {
    key: 'pro',
    currency: 'EUR',
    prices: [{ meter: 'calls', price }],
    fees,
  })
  await call('POST', '/api/v1/customers', { customer_id: 'globex', name: 'Globex', plan: 'pro' })
  const subscription = { customer_id: 'globex', plan: 'pro', anchor: 'anniversary' }
  expect((await call('POST', '/api/v1/subscriptions', subscription)).status).toBe(201)
  await call('POST', '/api/v1/usage', { customer_id: 'globex', resource_type: 'call', quantity: 1200 })
})
afterAll(() => server?.close())

/** The one whose number is, or is not, given yet. */
async function invoiceThat(isIssued: boolean): Promise<{ id: string; number: string | null }> {
  const { data } = (await call('GET', '/api/v1/invoices?customer_id=globex')).body
  return data.find(({ number }: { number: string | null }) => (number !== null) === isIssued)
}

describe('the page of an invoice', () => {
  it('is HTML in the tenant’s name, and nothing may run or load in it', async () => {
    const { id, number } = await invoiceThat(true)
    const { status, headers, body } = await call('GET', `/api/v1/invoices/${id}/page`)
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe(PAGE_TYPE)
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'unsafe-inline';/)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toContain(`<title>Invoice ${number} · Acme &#60;Cloud&#62;</title>`)
    expect(body).toContain('<bdi>Base fee</bdi>')
    expect(body).not.toContain('<Cloud>')
  })

  it('of a draft has the usage of this instant, and says that it is a draft', async () => {
    const { id } = await invoiceThat(false)
    const { status, body } = await call('GET', `/api/v1/invoices/${id}/page`)
    expect(status).toBe(200)
    expect(body).toContain('<title>Draft invoice')
    expect(body).toContain('<bdi>=Müller &#38; ')
    expect(body).toContain('1,200')
    expect(body).not.toContain('<Söhne>')
  })
})

describe('the lines of an invoice as CSV', () => {
  it('come as a file that is named like the invoice', async () => {
    const { id, number } = await invoiceThat(true)
    const { status, headers, body } = await call('GET', `/api/v1/invoices/${id}/lines.csv`)
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe(CSV_TYPE)
    expect(headers.get('content-disposition')).toBe(`attachment; filename="${number}.csv"`)
    expect(body.split('\r\n')).toEqual([
      expect.stringMatching(/^invoice,line,kind,/),
      expect.stringMatching(new RegExp(`^${number},1,fee,,base,"Base fee",,pro,.*,49\\.00,EUR,`)),
      '',
    ])
  })

  it('of a draft have its usage, and no formula in a name', async () => {
    const { id } = await invoiceThat(false)
    const { headers, body } = await call('GET', `/api/v1/invoices/${id}/lines.csv`)
    expect(headers.get('content-disposition')).toBe(`attachment; filename="draft-${id}.csv"`)
    expect(body).toContain(`\r\n,1,usage,calls,,"'=Müller & <Söhne> ""GmbH""",,,`)
    expect(body).toContain(',1200,')
  })
})

describe('a credit note', () => {
  const noted = async () => {
    const { id } = await invoiceThat(true)
    const input = { lines: [{ line: 1, quantity: '1' }], reason: '=Outage <3 November>' }
    return (await call('POST', `/api/v1/invoices/${id}/credit-notes`, input)).body
  }

  it('is a page like its invoice', async () => {
    const { id, number, invoice_number, total } = await noted()
    const { status, headers, body } = await call('GET', `/api/v1/credit-notes/${id}/page`)
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe(PAGE_TYPE)
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'unsafe-inline';/)
    expect(body).toContain(`<title>Credit note ${number} · Acme &#60;Cloud&#62;</title>`)
    for (const part of [invoice_number, '<bdi>Base fee</bdi>', `EUR\u00a0${total}`, '=Outage &#60;3'])
      expect(body).toContain(part)
    expect(body).toMatch(/>1 of \d+ days</)
    expect(body).not.toContain('<3 November')
  })

  it('has its lines as CSV, named like it', async () => {
    const { id, number, invoice_number, total } = await noted()
    const { headers, body } = await call('GET', `/api/v1/credit-notes/${id}/lines.csv`)
    expect(headers.get('content-type')).toBe(CSV_TYPE)
    expect(headers.get('content-disposition')).toBe(`attachment; filename="${number}.csv"`)
    const [head, line] = body.split('\r\n')
    expect(head).toMatch(/^credit_note,invoice,line,kind,/)
    expect(line).toMatch(
      new RegExp(`^${number},${invoice_number},1,fee,,base,"Base fee",,pro,.*,1,,,${total},EUR$`),
    )
  })
})

describe.each(['page', 'lines.csv'])('GET /api/v1/invoices/{id}/%s', (what) => {
  it('is a 404 to another tenant, and where there is no invoice', async () => {
    const { id } = await invoiceThat(true)
    const other = (await newTenant(server)).call
    const answers = [
      await other('GET', `/api/v1/invoices/${id}/${what}`),
      await call('GET', `/api/v1/invoices/${crypto.randomUUID()}/${what}`),
    ]
    for (const answer of answers) expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })

  it('is a 401 to nobody, a 422 with an id that is none', async () => {
    const { id } = await invoiceThat(true)
    expect((await caller(server, null)('GET', `/api/v1/invoices/${id}/${what}`)).status).toBe(401)
    expect((await call('GET', `/api/v1/invoices/nope/${what}`)).status).toBe(422)
  })
})
