import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { caller, errorsOf, newTenant, openServer, type Server, type TestTenant } from './harness.ts'

const PATH = '/api/v1/imports'
const NDJSON = { 'content-type': 'application/x-ndjson' }
const CSV = { 'content-type': 'text/csv' }
/** Two hours ago: in no test's future, whatever the time of the day. */
const at = new Date(Date.now() - 7_200_000).toISOString()

let server: Server
beforeAll(async () => {
  server = await openServer()
})
afterAll(() => server?.close())

async function tenantWithMeter(): Promise<TestTenant> {
  const tenant = await newTenant(server)
  await tenant.call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'call', aggregation: 'sum' })
  return tenant
}

const event = (id: string, more: object = {}) => ({
  ...{ id, customer_id: 'alice', resource_type: 'call', quantity: '2', timestamp: at },
  ...more,
})
const lines = (events: unknown[]) => events.map((one) => `${JSON.stringify(one)}\n`).join('')
const flush = () => caller(server, server.adminToken)('POST', '/api/v1/flush')
const counted = async ({ call }: TestTenant, customer = 'alice') => {
  const from = new Date(Date.now() - 40 * 86_400_000).toISOString().slice(0, 10)
  const { body } = await call('GET', `/api/v1/usage?customer_id=${customer}&from=${from}`)
  return body.data[0]?.quantity ?? '0'
}

async function packed(tenant: TestTenant, bytes: Uint8Array) {
  const response = await server.request(`${PATH}?mode=billable`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tenant.key}`, ...NDJSON, 'content-encoding': 'gzip' },
    body: bytes as BodyInit,
  })
  return { status: response.status, body: await response.json() }
}

describe('an import of history', () => {
  it('is in usage and in what plans would have cost, and in no bill', async () => {
    const tenant = await tenantWithMeter()
    const { call } = tenant
    await call('POST', '/api/v1/plans', {
      ...{ key: 'pro', currency: 'USD', default: true },
      prices: [{ meter: 'calls', price: { model: 'per_unit', unit_amount: '0.5' } }],
    })
    const old = (id: string) => event(id, { timestamp: '2024-02-29T12:30:00Z' })
    const file = lines([
      old('h1'),
      old('h2'),
      event('h3'),
      event('h4', { timestamp: '2001-01-01T00:00:00Z' }),
    ])
    const { body } = await call('POST', `${PATH}?mode=history`, file, NDJSON)
    expect(body).toMatchObject({ mode: 'history', status: 'done', accepted: 3, invalid: 1 })
    expect(body.errors[0].detail).toContain('lies more than 3653 days back')
    await call('POST', '/api/v1/usage', event('live'))

    for (let settled = 0; settled < 2; settled++) {
      const usage = async (period: string) => (await call('GET', `/api/v1/usage?${period}`)).body.data
      expect(await usage('period=2024-02')).toMatchObject([{ customer_id: 'alice', quantity: '4' }])
      expect(await counted(tenant)).toBe('4')
      const replayed = await call('POST', '/api/v1/plans/replay', { plan: 'pro', period: '2024-02' })
      expect(replayed.body.data).toMatchObject([{ customer_id: 'alice', would_pay: '2.00', did_pay: null }])
      const total = async (query: string) => (await call('GET', `/api/v1/billing/alice?${query}`)).body.total
      expect(await total('period=2024-02')).toBe('0.00')
      expect(await total(`from=${at.slice(0, 10)}`)).toBe('1.00')
      await flush()
    }
    const shown = (await call('GET', '/api/v1/events/h1')).body
    expect(shown).toMatchObject({ history: true, meters: [{ key: 'calls', value: '2' }] })
    expect((await call('GET', '/api/v1/events/live')).body).not.toHaveProperty('history')
    const again = await call('POST', `${PATH}?mode=billable`, lines([event('h3'), event('new')]), NDJSON)
    expect(again.body).toMatchObject({ accepted: 1, duplicates: 1 })
    expect(await counted(tenant)).toBe('6')
    const voided = await call('POST', '/api/v1/events/h3/void', { reason: 'a test run' })
    expect(voided.body.effect).toMatchObject([{ customer_id: 'alice', meter: 'calls', quantity: '-2' }])
    expect(await counted(tenant)).toBe('4')
  })
})

describe('an import', () => {
  it('counts each event once by its id, however often the file is sent', async () => {
    const tenant = await tenantWithMeter()
    const file = lines(Array.from({ length: 2_500 }, (_, i) => event(`e${i}`)))
    const first = await tenant.call('POST', `${PATH}?mode=billable`, file, NDJSON)
    expect(first).toMatchObject({
      status: 200,
      body: {
        ...{ mode: 'billable', format: 'ndjson', status: 'done', next_line: null, reason: null },
        ...{ lines: 2_500, accepted: 2_500, duplicates: 0, conflicts: 0, invalid: 0, errors: [] },
      },
    })
    expect(await counted(tenant)).toBe('5000')
    const again = await packed(tenant, gzipSync(file + lines([event('one more')])))
    expect(again).toMatchObject({ status: 200, body: { lines: 2_501, accepted: 1, duplicates: 2_500 } })
    expect(await counted(tenant)).toBe('5002')
    const { body } = await tenant.call('GET', '/api/v1/events/e2499')
    expect(body).toMatchObject({ ...event('e2499'), meters: [{ key: 'calls', value: '2' }] })
  })

  it('names what is wrong by its line, and counts the others', async () => {
    const tenant = await tenantWithMeter()
    const { id: _, ...anonymous } = event('x')
    const old = new Date(Date.now() - 36 * 86_400_000).toISOString()
    const file = [
      lines([event('a'), event('b', { quantity: 'many' }), event('a', { quantity: '3' })]),
      '{"id":\n\n',
      lines([anonymous, event('c', { timestamp: undefined }), event('d', { resource_type: 'other' })]),
      lines([event('e', { timestamp: old }), 7, event('f')]),
    ].join('')
    const { body } = await tenant.call('POST', `${PATH}?mode=billable`, file, NDJSON)
    expect(body).toMatchObject({ lines: 10, accepted: 2, duplicates: 0, conflicts: 1, invalid: 7 })
    expect(
      body.errors.map((one: { line: number; pointer?: string; detail: string }) =>
        [one.line, one.pointer, one.detail].join(' '),
      ),
    ).toEqual(
      [
        '2 #/quantity must be a plain decimal',
        '3 #/id was used before for an event with other content',
        '4  is not JSON',
        '6 #/id is required in an import',
        '7 #/timestamp is required in an import',
        '8 #/resource_type has no meter; these have one: call',
        '9 #/timestamp lies more than 35 days back',
        '10 # must be an object',
      ].map((begin) => expect.stringContaining(begin)),
    )
    expect(await counted(tenant)).toBe('4')
    const read = await tenant.call('GET', `${PATH}/${body.id}`)
    expect(read).toMatchObject({ status: 200, body: { errors: body.errors, status: 'done' } })
    const { errors: _errors, more_errors: _more, updated_at: _at, created_at: _made, ...summary } = body
    expect((await tenant.call('GET', PATH)).body.data).toEqual([expect.objectContaining(summary)])
  })

  it('says what is wrong with text that no store holds', async () => {
    const tenant = await tenantWithMeter()
    const utf16 = Buffer.from(lines([event('a')]), 'utf16le')
    const { body } = await packed(tenant, gzipSync(utf16))
    expect(body).toMatchObject({ status: 'done', accepted: 0, errors: [{ line: 1 }, { line: 2 }] })
    const half = `{"id": ${'x'.repeat(7)}${'\u{1f600}'.repeat(200)}`
    expect((await tenant.call('POST', `${PATH}?mode=billable`, half, NDJSON)).body).toMatchObject({
      invalid: 1,
    })
    const csv = 'id,customer_id,resource_type,timestamp,no\0te\n'
    const named = await tenant.call('POST', `${PATH}?mode=billable`, csv, CSV)
    expect(named.body).toMatchObject({ status: 'done', ignored_columns: ['no\ufffdte'] })
  })

  it('of CSV has its columns mapped', async () => {
    const tenant = await tenantWithMeter()
    const file = `uuid;customer;when;n;model;note\nu1;bob;${at};1.5;"large; new";x\nu2;bob;${at};2;small;y\n`
    const mapping =
      'separator=semicolon&columns=id:uuid,customer_id:customer,timestamp:when,quantity:n,properties.model:model&values=resource_type:call'
    const { body } = await tenant.call('POST', `${PATH}?mode=billable&${mapping}`, file, CSV)
    expect(body).toMatchObject({ format: 'csv', lines: 2, accepted: 2, ignored_columns: ['note'] })
    expect(await counted(tenant, 'bob')).toBe('3.5')
    expect((await tenant.call('GET', '/api/v1/events/u1')).body.properties).toEqual({ model: 'large; new' })
    const wrong = await tenant.call('POST', `${PATH}?mode=billable`, file, CSV)
    expect(wrong).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    expect(errorsOf(wrong)[0]).toContain('columns: must say where id is')
  })

  it('may be longer than one request takes: from where it stopped it goes on', async () => {
    const tenant = await tenantWithMeter()
    const file = lines(Array.from({ length: 11_500 }, (_, i) => event(`e${i}`, { quantity: '1' })))
    let accepted = 0
    for (let [line, tries] = [1, 0]; ; tries++) {
      const query = `mode=billable&from_line=${line}`
      const { body } = await tenant.call('POST', `${PATH}?${query}`, file, NDJSON)
      accepted += body.accepted
      expect(body.lines).toBe(body.accepted)
      if (body.status === 'done') break
      expect(body).toMatchObject({ status: 'stopped', reason: expect.stringContaining('IMPORT_LINES') })
      expect(tries).toBeLessThan(2)
      line = body.next_line
    }
    expect(accepted).toBe(11_500)
    expect(await counted(tenant)).toBe('11500')
  })

  it('that is cut off has counted whole lines, and the file goes on by its ids', async () => {
    const tenant = await tenantWithMeter()
    const events = Array.from({ length: 3_000 }, (_, i) => event(`e${i}`, { quantity: '1' }))
    const { hostname, port } = new URL(inject('server').baseUrl)
    const sending = httpRequest({
      ...{ hostname, port, path: `${PATH}?mode=billable`, method: 'POST' },
      headers: { authorization: `Bearer ${tenant.key}`, ...NDJSON, 'transfer-encoding': 'chunked' },
    })
    const ended = new Promise((resolve) => sending.on('error', resolve).on('close', resolve))
    sending.write(lines(events.slice(0, 2_200)))
    // In the middle of a line, which as far as it goes would be no event, or another.
    sending.write(lines([event('half')]).slice(0, -20))
    const running = async () => (await tenant.call('GET', PATH)).body.data[0]
    while (((await running())?.status ?? '') !== 'running' || (await counted(tenant)) !== '2000')
      await new Promise((resolve) => setTimeout(resolve, 50))
    sending.destroy()
    await ended
    for (let tries = 0; (await running()).status === 'running' && tries < 100; tries++)
      await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await counted(tenant)).toBe('2000')
    const { body } = await tenant.call('POST', `${PATH}?mode=billable`, lines(events), NDJSON)
    expect(body).toMatchObject({ status: 'done', accepted: 1_000, duplicates: 2_000 })
    expect(await counted(tenant)).toBe('3000')
  })

  it('is refused before it begins for what it can’t be', async () => {
    const tenant = await tenantWithMeter()
    const refused = async (query: string, headers: Record<string, string>) => {
      const answer = await tenant.call('POST', `${PATH}?${query}`, lines([event('a')]), headers)
      return `${answer.status} ${errorsOf(answer).join() || answer.body.detail}`
    }
    expect(await refused('', NDJSON)).toMatch(/^422 mode: /)
    expect(await refused('mode=all', NDJSON)).toMatch(/^422 mode: must be/)
    expect(await refused('mode=billable&from_line=0', NDJSON)).toMatch(/^422 from_line: /)
    expect(await refused('mode=billable&columns=id:x', NDJSON)).toMatch(/^422 columns: is for CSV/)
    expect(await refused('mode=billable&mapping=x', CSV)).toMatch(/^422 mapping: /)
    expect(await refused('mode=billable', { 'content-type': 'application/json' })).toMatch(/^415 /)
    const broken = await packed(tenant, gzipSync(lines([event('a')])).subarray(0, 30))
    expect(broken).toMatchObject({ status: 400, body: { code: 'malformed_json' } })
    expect(broken.body.detail).toContain('Nothing is counted: send the same file again')
    expect(await counted(tenant)).toBe('0')
  })

  it('is another tenant’s to nobody', async () => {
    const [mine, theirs] = [await tenantWithMeter(), await tenantWithMeter()]
    const { body } = await mine.call('POST', `${PATH}?mode=billable`, lines([event('a')]), NDJSON)
    expect((await theirs.call('GET', `${PATH}/${body.id}`)).status).toBe(404)
    expect((await theirs.call('GET', PATH)).body.data).toEqual([])
    const same = await theirs.call('POST', `${PATH}?mode=billable`, lines([event('a')]), NDJSON)
    expect(same.body).toMatchObject({ accepted: 1 })
  })
})
