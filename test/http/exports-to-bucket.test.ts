import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BucketServer, openBucketServer } from './bucket-server.ts'
import { type Call, errorsOf, newTenant, openServer, type TestTenant } from './harness.ts'
import { settle } from './settling.ts'

const PATH = '/api/v1/exports'

describe('an export into the bucket', () => {
  let server: BucketServer
  let tenant: TestTenant
  let call: Call
  beforeAll(async () => {
    server = await openBucketServer()
    tenant = await newTenant(server)
    call = tenant.call
    await call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'api_call', aggregation: 'sum' })
    const events = Array.from({ length: 300 }, (_, i) => ({
      id: `e${i}`,
      customer_id: `cust_${i % 7}`,
      resource_type: 'api_call',
      quantity: `${i}.5`,
    }))
    await call('POST', '/api/v1/usage', events)
    await settle(server)
  })
  afterAll(() => server?.close())

  it.each([
    ['events', 'ndjson', 300],
    ['events', 'csv', 300],
    ['events', 'parquet', 300],
    ['usage', 'csv', 7],
    ['invoices', 'parquet', 0],
    ['credit_entries', 'ndjson', 0],
  ])('of %s as %s is as long as the download, and says where it is', async (what, format, rows) => {
    const filter = what === 'usage' ? { window: 'month' } : {}
    const { status, body } = await call('POST', PATH, { what, format, filter, destination: 'bucket' })
    expect(status).toBe(201)
    expect(body).toMatchObject({ what, format, filter, status: 'done', rows, reason: null })
    expect(body.store).toBe(server.store)
    const folder = server.store === 'folder' ? '~exports' : 'exports'
    expect(body.key).toMatch(
      new RegExp(`^${folder}/${tenant.id}/\\d{4}-\\d\\d-\\d\\d/${body.id}\\.${format}$`),
    )
    const file = await server.request(PATH, {
      method: 'POST',
      headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ what, format, filter }),
    })
    expect(body.bytes).toBe((await file.arrayBuffer()).byteLength)
    const { created_at: _, updated_at: __, ...told } = body
    expect((await call('GET', `${PATH}/${body.id}`)).body).toMatchObject(told)
  })

  it('is listed, the newest first, by pages, for its own tenant', async () => {
    const { body } = await call('GET', `${PATH}?limit=2`)
    expect(body.data.map(({ what }: { what: string }) => what)).toEqual(['credit_entries', 'invoices'])
    const next = await call('GET', `${PATH}?limit=2&cursor=${body.next_cursor}`)
    expect(next.body.data.map(({ what }: { what: string }) => what)).toEqual(['usage', 'events'])
    const { call: other } = await newTenant(server)
    expect((await other('GET', PATH)).body.data).toEqual([])
    expect((await other('GET', `${PATH}/${body.data[0].id}`)).status).toBe(404)
    expect((await call('GET', '/api/v1/imports')).body.data).toEqual([])
  })

  it('refuses a wrong filter before it begins', async () => {
    const wrong = { what: 'usage', format: 'csv', filter: { meter: 'none' }, destination: 'bucket' }
    const listed = (await call('GET', PATH)).body.data.length
    expect((await call('POST', PATH, wrong)).status).toBe(404)
    expect((await call('POST', PATH, { ...wrong, destination: 'tape' })).status).toBe(422)
    expect((await call('GET', PATH)).body.data).toHaveLength(listed)
  })
})

it('where blocks are in Postgres, an export can’t go into a bucket, and the refusal says what would be right', async () => {
  const server = await openServer()
  const { call } = await newTenant(server)
  const answer = await call('POST', PATH, { what: 'usage', format: 'csv', destination: 'bucket' })
  expect(answer.status).toBe(422)
  expect(errorsOf(answer)[0]).toMatch(/^#\/destination: .*EVENT_LOG=r2, s3 or folder/)
  expect((await call('GET', PATH)).body.data).toEqual([])
})
