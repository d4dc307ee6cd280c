// Refusals that come before the body is read reach whoever sends it, whole as it may be or in chunks.

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { BODY_BYTES } from '../../src/http/body.ts'
import { DRAIN_BYTES } from '../../src/http/drain.ts'
import { type Outcome, send } from '../fuzz/wire.ts'
import { newTenant, openServer, type Server } from './harness.ts'

const CHUNK_BYTES = 32_768

let server: Server
let authorization: string

beforeAll(async () => {
  server = await openServer()
  authorization = `Authorization: Bearer ${(await newTenant(server)).key}`
})
afterAll(() => server?.close())

type Framing = 'chunked' | 'announced'

function sent(line: string, headers: string[], framing: Framing, bytes: number): Promise<Outcome> {
  const { hostname, port } = new URL(inject('server').baseUrl)
  const length = framing === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes}`
  const head = [`${line} HTTP/1.1`, `Host: ${hostname}:${port}`, ...headers, length, '', ''].join('\r\n')
  return send({
    host: hostname,
    port: Number(port),
    bytes: [Buffer.from(head), ...parts(framing, bytes)],
    isHead: false,
    // biome-ignore lint/suspicious/noThenProperty: what is sent then
    then: Buffer.from(`GET /health HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`),
    timeoutMs: 30_000,
  })
}

function parts(framing: Framing, bytes: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
    const piece = Buffer.alloc(Math.min(left, CHUNK_BYTES), 'x')
    if (framing === 'announced') pieces.push(piece)
    else pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  return framing === 'announced' ? pieces : [...pieces, Buffer.from('0\r\n\r\n')]
}

const JSON_BODY = 'Content-Type: application/json'
const refusals: [status: number, line: string, headers: () => string[]][] = [
  [401, 'POST /api/v1/usage', () => [JSON_BODY]],
  [401, 'POST /api/v1/customers', () => [JSON_BODY]],
  [404, 'POST /nowhere', () => [JSON_BODY]],
  [405, 'PUT /api/v1/customers', () => [JSON_BODY]],
  [415, 'POST /api/v1/usage', () => [authorization, 'Content-Type: text/plain']],
  [415, 'POST /api/v1/customers', () => [authorization, JSON_BODY, 'Content-Encoding: br']],
  [422, 'PATCH /api/v1/customers/%', () => [authorization, JSON_BODY]],
]

describe.each<Framing>(['chunked', 'announced'])('with a body that is %s', (framing) => {
  it.each(refusals)('a %i for %s arrives, and the connection goes on', async (status, line, headers) => {
    for (const bytes of [100_000, BODY_BYTES - 1_000, 3 * BODY_BYTES]) {
      const outcome = await sent(line, headers(), framing, bytes)
      const next = { status: 200 }
      expect(outcome, `${bytes} bytes`).toMatchObject({ kind: 'answered', response: { status }, next })
    }
  })

  it('too large for us, but not to be read past, a 413 arrives', async () => {
    for (const line of ['POST /api/v1/usage', 'POST /api/v1/customers']) {
      const outcome = await sent(line, [authorization, JSON_BODY], framing, 3 * BODY_BYTES)
      expect(outcome).toMatchObject({ kind: 'answered', response: { status: 413 } })
    }
  })

  it('that nobody asked for, an answer arrives too', async () => {
    const lines: [number, string][] = [
      [404, 'POST /api/v1/coupons/nope/archive'],
      [401, 'POST /api/v1/flush'],
      [401, 'DELETE /api/v1/api-keys/nope'],
      [204, 'OPTIONS /api/v1/meters'],
    ]
    for (const [status, line] of lines) {
      const outcome = await sent(line, [authorization], framing, 3 * BODY_BYTES)
      expect(outcome, line).toMatchObject({ kind: 'answered', response: { status } })
    }
  })
})

it('a body without end is not read to its end', async () => {
  const startedAt = performance.now()
  const outcome = await sent('POST /nowhere', [], 'chunked', 16 * DRAIN_BYTES)
  expect(['answered', 'closed']).toContain(outcome.kind)
  expect(performance.now() - startedAt).toBeLessThan(30_000)
})
