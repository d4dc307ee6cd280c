import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { errorCodes } from '../../src/kernel/errors.ts'
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
let nobody: Call

beforeAll(async () => {
  server = await openServer()
  tenant = await newTenant(server)
  nobody = caller(server, null)
})
afterAll(() => server?.close())

const meter = { key: 'calls', resource_type: 'call', aggregation: 'sum' }
const MIB = 1_048_576

describe('an error', () => {
  it('is a problem document with its code, a request id, and a type that the reference explains', async () => {
    const answer = await tenant.call('GET', '/api/v1/meters/nope')
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.body).toEqual({
      type: '/errors#not_found',
      title: 'Not found',
      status: 404,
      detail: 'There is no meter "nope". GET /api/v1/meters lists yours.',
      code: 'not_found',
      request_id: answer.headers.get('x-request-id'),
    })
    expect((await nobody('GET', '/errors')).body).toContain('id="not_found"')
  })

  it.each(['/api', '/api/v1', '/api/v1/meterz', '/api/v1/meters/a/b', '/api/v1/meters/', '/api/v2/meters'])(
    'for %s is a 404, with or without a key',
    async (path) => {
      for (const call of [nobody, tenant.call]) {
        expect(await call('GET', path)).toMatchObject({ status: 404, body: { code: 'not_found' } })
      }
    },
  )

  it.each([
    ['PUT', '/api/v1/meters', 'HEAD, POST, GET'],
    ['DELETE', '/api/v1/customers/alice', 'HEAD, GET, PATCH'],
    ['GET', '/api/v1/prices/preview', 'POST'],
    ['GET', '/api/v1/meters/calls/archive', 'POST'],
    ['POST', '/health', 'HEAD, GET'],
  ])('for %s %s is a 405 that allows %s', async (method, path, allow) => {
    const answer = await nobody(method, path)
    expect(answer).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } })
    expect(answer.headers.get('allow')).toBe(allow)
    expect((await nobody('OPTIONS', path)).headers.get('allow')).toBe(allow)
  })
})

describe('a request id', () => {
  it('is in every answer, and each time another', async () => {
    const answers = [
      await nobody('GET', '/health'),
      await nobody('GET', '/nowhere'),
      await nobody('GET', '/api/v1/meters'),
      await tenant.call('GET', '/api/v1/meters'),
    ]
    const ids = answers.map(({ headers }) => headers.get('x-request-id'))
    expect(new Set(ids).size).toBe(answers.length)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('is the caller’s own where it is one', async () => {
    const mine = await nobody('GET', '/nowhere', undefined, { 'x-request-id': 'my-id_1.2:3' })
    expect(mine.headers.get('x-request-id')).toBe('my-id_1.2:3')
    expect(mine.body.request_id).toBe('my-id_1.2:3')
    const long = await nobody('GET', '/health', undefined, { 'x-request-id': 'x'.repeat(129) })
    expect(long.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('a body', () => {
  it.each([
    ['{"key": }', /Unexpected token/],
    ['{"key": "a"', /./],
    ['', /it is empty/],
    ['nonsense', /./],
    ["{'key': 'a'}", /./],
  ])('%j is a 400 that says where it breaks', async (body, says) => {
    const answer = await tenant.call('POST', '/api/v1/meters', body)
    expect(answer).toMatchObject({ status: 400, body: { code: 'malformed_json' } })
    expect(answer.body.detail).toMatch(/^The body is not JSON: .+/)
    expect(answer.body.detail).toMatch(says)
  })

  it('that is broken UTF-8 is refused, not repaired: two ids could become one', async () => {
    const bytes = new Uint8Array([
      ...new TextEncoder().encode('{"customer_id":"a'),
      0xff,
      ...new TextEncoder().encode('"}'),
    ])
    const response = await server.request('/api/v1/customers', {
      method: 'POST',
      headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' },
      body: bytes,
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      code: 'malformed_json',
      detail: expect.stringContaining('UTF-8'),
    })
  })

  it.each([
    [undefined, 'There is no Content-Type'],
    ['text/plain', '"text/plain" is not taken here'],
    ['application/x-www-form-urlencoded', 'is not taken here'],
    ['application/json; charset=iso-8859-1', 'is not taken here'],
    ['application/jsonp', 'is not taken here'],
  ])('of Content-Type %s is a 415 that says which is right', async (contentType, says) => {
    const response = await server.request('/api/v1/meters', {
      method: 'POST',
      headers: { authorization: `Bearer ${tenant.key}`, ...(contentType && { 'content-type': contentType }) },
      body: new TextEncoder().encode(JSON.stringify(meter)),
    })
    const body = await response.json()
    expect(body).toMatchObject({ status: 415, code: 'unsupported_media_type' })
    expect(body.detail).toContain(says)
    expect(body.detail).toContain('send "application/json", in UTF-8')
  })

  it.each(['application/json;charset=utf-8', 'Application/JSON; Charset="UTF-8"'])(
    'may be %s',
    async (contentType) => {
      const { call } = await newTenant(server)
      expect((await call('POST', '/api/v1/meters', meter, { 'content-type': contentType })).status).toBe(201)
    },
  )

  it.each(['br', 'zstd', 'deflate', 'gzip, gzip', 'gzip, br', 'compress'])(
    'with the Content-Encoding %s is a 415 that names gzip',
    async (encoding) => {
      const answer = await tenant.call('POST', '/api/v1/meters', meter, { 'content-encoding': encoding })
      expect(answer).toMatchObject({
        status: 415,
        body: { detail: `Content-Encoding "${encoding}" is not taken: send "gzip", or the body as it is.` },
      })
      expect(answer.headers.get('accept-encoding')).toBe('gzip, identity')
    },
  )

  it('of more than 1 MiB is a 413, whether its length is announced or not', async () => {
    const large = JSON.stringify({ ...meter, name: 'x'.repeat(MIB) })
    expect(await tenant.call('POST', '/api/v1/meters', large)).toMatchObject({
      status: 413,
      body: { code: 'body_too_large' },
    })

    const chunks = [large.slice(0, MIB / 2), large.slice(MIB / 2)].map((part) =>
      new TextEncoder().encode(part),
    )
    const response = await server.request('/api/v1/meters', {
      method: 'POST',
      headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' },
      body: streamOf(chunks),
      duplex: 'half',
    } as RequestInit)
    expect(response.status).toBe(413)
  })

  it('may come in chunks', async () => {
    const { key } = await newTenant(server)
    const chunks = [...new TextEncoder().encode(JSON.stringify({ ...meter, name: 'é😀' }))].map(
      (byte) => new Uint8Array([byte]),
    )
    const response = await server.request('/api/v1/meters', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: streamOf(chunks),
      duplex: 'half',
    } as RequestInit)
    expect(response.status).toBe(201)
    expect(await response.json()).toMatchObject({ name: 'é😀' })
  })

  it('with many mistakes names a hundred of them at most', async () => {
    const extra = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`x${i}`, i]))
    const answer = await tenant.call('POST', '/api/v1/meters', { ...meter, ...extra })
    expect(answer.status).toBe(422)
    expect(answer.body.errors).toHaveLength(100)
    expect(answer.body.detail).toContain('500 mistakes')
  })

  it('that is nested without end is refused like any other', async () => {
    const deep = `{"customer_id":"a","metadata":${'{"__proto__":['.repeat(20_000)}${']}'.repeat(20_000)}}`
    expect((await tenant.call('POST', '/api/v1/customers', deep)).status).toBe(422)
  })
})

describe('answers', () => {
  it('are not sniffed, and those with data not kept by caches', async () => {
    const { headers } = await tenant.call('GET', '/api/v1/meters')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('content-type')).toBe('application/json')
  })

  it('to HEAD are those to GET without the body', async () => {
    const head = await tenant.call('HEAD', '/api/v1/meters')
    expect(head).toMatchObject({ status: 200, body: '' })
    expect(head.headers.get('x-request-id')).toBeTruthy()
  })
})

describe('the service says how it is', () => {
  it('alive', async () => {
    expect(await nobody('GET', '/health')).toMatchObject({ status: 200, body: { status: 'ok' } })
  })

  it('ready, with a check each', async () => {
    expect(await nobody('GET', '/ready')).toMatchObject({
      status: 200,
      body: {
        status: 'ready',
        checks: { redis: { ok: true }, postgres: { ok: true }, backlog: { ok: true } },
      },
    })
  })
})

type Operation = {
  operationId: string
  summary: string
  tags: string[]
  parameters?: { name: string; in: string; required: boolean; schema: object }[]
  requestBody?: { content: Record<string, { schema: object }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>
}

describe('the OpenAPI document', () => {
  const read = async () => (await nobody('GET', '/openapi.json')).body
  const operationsOf = (document: { paths: Record<string, Record<string, Operation>> }) =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${path}`,
        path,
        operation,
      })),
    )

  it('lists every route', async () => {
    const names = operationsOf(await read()).map(({ name }) => name)
    expect(names.sort()).toEqual(
      [
        ...['GET', 'POST'].flatMap((method) =>
          [
            ...['usage', 'imports', 'exports', 'meters', 'customers', 'plans', 'tenants'],
            ...['api-keys', 'flush', 'partitions', 'tenants/{id}/placement'],
          ].map((noun) => `${method} /api/v1/${noun}`),
        ),
        ...['GET', 'PATCH'].flatMap((method) =>
          ['meters/{key}', 'customers/{customer_id}', 'plans/{key}'].map(
            (path) => `${method} /api/v1/${path}`,
          ),
        ),
        'POST /api/v1/meters/{key}/archive',
        'PATCH /api/v1/partitions/{id}',
        'GET /api/v1/meters/{key}/revisions',
        ...['revisions', 'revisions/{number}/cancel', 'replay'].map(
          (path) => `POST /api/v1/meters/{key}/${path}`,
        ),
        ...['', '/stream', '/{id}'].map((part) => `GET /api/v1/events${part}`),
        ...['void', 'amend'].map((verb) => `POST /api/v1/events/{id}/${verb}`),
        ...['corrections', 'corrections/{id}', 'erasures', 'erasures/{id}'].map(
          (path) => `GET /api/v1/${path}`,
        ),
        ...['', '/{id}/apply', '/{id}/revert'].map((part) => `POST /api/v1/corrections${part}`),
        'DELETE /api/v1/customers/{customer_id}/events',
        'GET /api/v1/settings',
        'PATCH /api/v1/settings',
        'PATCH /api/v1/tenants/{id}',
        ...['imports/{id}', 'exports/{id}'].map((path) => `GET /api/v1/${path}`),
        'GET /api/v1/billing/{customer_id}',
        'POST /api/v1/prices/preview',
        'GET /api/v1/plans/{key}/versions',
        'GET /api/v1/plans/{key}/versions/{version}',
        'POST /api/v1/plans/replay',
        ...['GET', 'POST'].flatMap((method) =>
          ['subscriptions', 'coupons', 'credit-grants', 'invoices/{id}/credit-notes'].map(
            (noun) => `${method} /api/v1/${noun}`,
          ),
        ),
        ...['subscriptions/{id}', 'coupons/{key}', 'invoices', 'invoices/{id}', 'credit-entries'].map(
          (path) => `GET /api/v1/${path}`,
        ),
        ...['change', 'change/preview', 'cancel', 'reactivate'].map(
          (verb) => `POST /api/v1/subscriptions/{id}/${verb}`,
        ),
        ...['pay', 'write-off', 'void'].map((verb) => `POST /api/v1/invoices/{id}/${verb}`),
        ...['page', 'lines.csv', 'lines/{line}/usage', 'lines/{line}/events'].map(
          (path) => `GET /api/v1/invoices/{id}/${path}`,
        ),
        ...['', '/page', '/lines.csv'].map((part) => `GET /api/v1/credit-notes/{id}${part}`),
        'POST /api/v1/coupons/{key}/archive',
        'POST /api/v1/credit-grants/{id}/void',
        'POST /api/v1/invoices/preview',
        'POST /api/v1/invoices/issue-due',
        'GET /api/v1/reconciliation',
        'POST /api/v1/reoffer',
        'GET /api/v1/tenants/{id}',
        'DELETE /api/v1/api-keys/{id}',
        'GET /health',
        'GET /ready',
        'GET /openapi.json',
        'GET /docs',
        'GET /errors',
        'GET /',
      ].sort(),
    )
  })

  it('is whole: every reference leads somewhere, every parameter of a path is described, every id is one', async () => {
    const document = await read()
    expect(document.openapi).toBe('3.1.0')
    expect(document.info.version).toBe(packageJson.version)
    const references = [
      ...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g),
    ].map(([, name]) => name!)
    expect(references.length).toBeGreaterThan(20)
    for (const name of references) expect(Object.keys(document.components.schemas)).toContain(name)

    const operations = operationsOf(document)
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
    for (const { name, path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter)
      const described = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
      expect(
        described.map((parameter) => parameter.name),
        name,
      ).toEqual(inPath)
      expect(operation.summary, name).toBeTruthy()
      expect(
        document.tags.map((tag: { name: string }) => tag.name),
        name,
      ).toEqual(expect.arrayContaining(operation.tags))
      expect(
        Object.keys(operation.responses).some((status) => status.startsWith('2')),
        name,
      ).toBe(true)
      for (const { content = {} } of [...Object.values(operation.responses), operation.requestBody ?? {}]) {
        for (const { schema } of Object.values(content))
          expect(Object.keys(schema).length, name).toBeGreaterThan(0)
      }
    }
  })

  it('says of strict bodies that they take no other fields', async () => {
    const { components } = await read()
    for (const name of ['MeterInput', 'CustomerInput', 'PlanInput', 'TenantInput', 'Event']) {
      expect(components.schemas[name].additionalProperties, name).toBe(false)
    }
  })

  it('knows every error code', async () => {
    const { components } = await read()
    expect(components.schemas.ErrorCode.enum).toEqual([...errorCodes])
  })

  it('says where it is, as its caller sees it', async () => {
    const [here, behindTls] = [
      (await read()).servers[0].url,
      (await nobody('GET', '/openapi.json', undefined, { 'x-forwarded-proto': 'https' })).body.servers[0].url,
    ]
    expect(here).toMatch(/^http:\/\/(127\.0\.0\.1|localhost):\d+$/)
    expect(behindTls).toBe(here.replace('http:', 'https:'))
  })
})

describe('the reference page', () => {
  it('runs one script, which is ours and the one that was meant, and can load nothing from elsewhere', async () => {
    const page = await nobody('GET', '/docs')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const policy = Object.fromEntries(
      page.headers
        .get('content-security-policy')!
        .split('; ')
        .map((directive) => [directive.split(' ')[0], directive.split(' ').slice(1)]),
    )
    expect(policy['default-src']).toEqual(["'none'"])
    expect(policy['script-src']).toEqual(["'self'"])
    expect(policy['connect-src']).toEqual(["'self'"])
    for (const sources of Object.values(policy))
      for (const source of sources as string[])
        expect(["'none'", "'self'", "'unsafe-inline'", 'data:']).toContain(source)
    expect(page.body).not.toMatch(/(src|href)="(https?:)?\/\//)
    const scripts = [...page.body.matchAll(/<script src="([^"]+)" integrity="([^"]+)"/g)]
    expect(scripts.length).toBe(1)
    const [, path, integrity] = scripts[0]!
    const script = await server.request(path)
    expect(script.status).toBe(200)
    expect(script.headers.get('content-type')).toMatch(/^text\/javascript/)
    expect(script.headers.get('cache-control')).toContain('immutable')
    expect(script.headers.get('x-content-type-options')).toBe('nosniff')
    const hash = await crypto.subtle.digest('SHA-384', await script.arrayBuffer())
    expect(`sha384-${Buffer.from(hash).toString('base64')}`).toBe(integrity)
  })

  it('takes no other route away: what is no file is answered as before', async () => {
    expect(await nobody('GET', '/docs/nothing.js')).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    })
    expect(await nobody('POST', '/docs')).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } })
    expect((await nobody('GET', '/_headers')).status).toBe(404)
  })

  it('explains every error code, at the place that problems name', async () => {
    const { body } = await nobody('GET', '/errors')
    for (const code of errorCodes) expect(body).toContain(`id="${code}"`)
    expect(body).not.toMatch(/<script|<link|<img|src=|@import|url\(/i)
  })
})

describe('the address alone', () => {
  it('says what this is, and where to go, with this server’s own address', async () => {
    const { status, headers, body } = await nobody('GET', '/')
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(body).toMatch(/curl -X POST http:\/\/[\w.]+:\d+\/api\/v1\/usage/)
    for (const path of ['/docs', '/openapi.json', '/errors']) expect(body).toContain(path)
  })

  it('shows a browser a page that loads nothing', async () => {
    const accept = 'text/html,application/xhtml+xml,*/*;q=0.8'
    const { headers, body } = await nobody('GET', '/', undefined, { accept })
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(headers.get('vary')).toContain('accept')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(body).toContain('<a href="/docs">')
    expect(body).not.toMatch(/<script|<link|<img|src=|@import|url\(/i)
  })

  it('answers HEAD as GET, and nothing else', async () => {
    expect(await nobody('HEAD', '/')).toMatchObject({ status: 200, body: '' })
    expect((await nobody('POST', '/')).status).toBe(405)
  })
})

describe('a number or a boolean in a query', () => {
  it.each([
    ['/api/v1/meters?limit=abc', 'limit: must be a whole number from 1 to 100 (sent: "abc")'],
    ['/api/v1/meters?limit=0', 'limit: must be a whole number from 1 to 100 (sent: "0")'],
    ['/api/v1/meters?limit=101', 'limit: must be a whole number from 1 to 100 (sent: "101")'],
    ['/api/v1/meters?limit=1e3', 'limit: must be a whole number from 1 to 100 (sent: "1e3")'],
    ['/api/v1/meters?limit=', 'limit: must be a whole number from 1 to 100 (sent: "")'],
  ])('is read strictly: %s', async (path, says) => {
    const answer = await tenant.call('GET', path)
    expect(answer.status).toBe(422)
    expect(errorsOf(answer)).toEqual([says])
  })

  it.each(['yes', '1', 'TRUE', ''])('is true or false: retry_quarantined=%s', async (sent) => {
    const admin = caller(server, server.adminToken)
    const answer = await admin('POST', `/api/v1/flush?retry_quarantined=${sent}`)
    expect(answer.status).toBe(422)
    expect(errorsOf(answer)).toEqual([`retry_quarantined: must be true or false (sent: "${sent}")`])
    expect((await admin('POST', '/api/v1/flush?retry_quarantined=false')).status).toBe(200)
  })
})

function streamOf(chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}
