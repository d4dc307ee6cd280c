// Changes what is around a body: method, path, query, headers, and how it is put on the wire.

import type { Actor } from './actor.ts'
import { changeBody, weighted } from './change-body.ts'
import { isChanging } from './changes.ts'
import { nastyString, PROTOTYPE_NAMES } from './nasty.ts'
import type { Random } from './random.ts'
import { bytesOf, type FuzzRequest, payloadOf, targetOf } from './request.ts'

/** The tokens that a caller could have; all but the right one are to be refused. */
export type Tokens = { right: string | null; wrong: string[] }
type Change = (request: FuzzRequest, random: Random, tokens: Tokens) => string | null

/** Lone surrogates have no percent escapes: BROKEN_ESCAPES has their bytes. */
const escapedText = (text: string): string => encodeURIComponent(text.toWellFormed())

const BROKEN_ESCAPES = [
  '%',
  '%z',
  '%zz',
  '%c3',
  '%c0%80',
  '%ed%a0%80',
  '%ff',
  '%00',
  '%u0041',
  '%25zz',
  '%2',
  '%f5%80%80%80',
]
const SEGMENTS = [
  '',
  '.',
  '..',
  '%2e',
  '%2e%2e',
  '%2f',
  '..%2f..',
  ';a=b',
  '%5c',
  '*',
  '__proto__',
  'constructor',
  'a%20b',
  '+',
]

const setHeader = (request: FuzzRequest, name: string, value: string | null): void => {
  request.headers = request.headers.filter(([sent]) => sent.toLowerCase() !== name)
  if (value !== null) request.headers.push([name, value])
}

const method: Change = (request, random) => {
  request.method = random.pick([
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'PROPFIND',
    'QUERY',
    'get',
  ])
  // No method that HTTP knows: its layer answers.
  if (request.method === 'get') request.malformed = true
  return `method ${request.method}`
}

const path: Change = (request, random) => {
  const segments = request.path.split('/')
  const at = 1 + random.int(segments.length - 1)
  const nasty = () => escapedText(nastyString(random).slice(0, 3_000))
  const kind = random.int(6)
  if (kind === 0) segments[at] = nasty()
  else if (kind === 1) segments[segments.length - 1] = nasty()
  else if (kind === 2) segments[at] += random.pick(BROKEN_ESCAPES)
  else if (kind === 3) segments.splice(at, 0, random.pick(SEGMENTS))
  else if (kind === 4) segments[segments.length - 1] = random.pick(PROTOTYPE_NAMES)
  else segments.push(random.pick(SEGMENTS))
  request.path = segments.join('/')
  return 'the path'
}

const longPath: Change = (request, random) => {
  request.path += random.pick(['a', '%61', '/a', '%f0%9f%98%80']).repeat(random.pick([64, 1_000, 4_000]))
  return 'a long path'
}

const query: Change = (request, random) => {
  const known = request.operation.parameters.filter((one) => one.in === 'query').map(({ name }) => name)
  const name =
    known.length > 0 && random.chance(0.8) ? random.pick(known) : random.pick([...PROTOTYPE_NAMES, 'x', ''])
  const value = random.chance(0.2)
    ? random.pick(BROKEN_ESCAPES)
    : escapedText(nastyString(random).slice(0, 3_000))
  request.query.push([name, value])
  if (random.chance(0.3)) request.query.push(random.pick(request.query))
  return `the query’s ${name}`
}

const REQUEST_IDS = ['', 'a b', '{{}}', 'é', 'x'.repeat(129), 'ok-1', '../x', "';--", '<b>']
const HEADERS: [string, () => string[]][] = [
  [
    'content-type',
    () => ['', 'text/plain', 'application/json; charset=utf-16', 'application/json;charset=UTF-8'],
  ],
  [
    'content-type',
    () => ['application/JSON', 'json', 'application/json, text/plain', 'multipart/form-data; boundary=x'],
  ],
  [
    'content-type',
    () => ['application/x-www-form-urlencoded', 'application/cloudevents+json; charset=latin1', ';', 'é/é'],
  ],
  [
    'content-type',
    () => [
      'application/merge-patch+json',
      'application/json; charset="utf-8"',
      `application/${'j'.repeat(3_000)}`,
    ],
  ],
  ['content-encoding', () => ['gzip', 'br', 'identity', 'deflate, gzip', '', 'x'.repeat(500)]],
  ['accept', () => ['text/html', '*/*;q=0', 'image/png', '', ',,,']],
  ['accept-encoding', () => ['gzip', 'br;q=1', 'zstd, *;q=0.1']],
  ['prefer', () => ['handling=lenient', 'handling=', 'handling="lenient"', ',,;;=', 'x'.repeat(5_000)]],
  ['idempotency-key', () => ['', 'é', 'a\tb', 'x'.repeat(256), '"one for all"', 'x'.repeat(255)]],
  ['x-request-id', () => REQUEST_IDS],
  ['x-http-method-override', () => ['DELETE', 'PATCH']],
  ['x-forwarded-for', () => ['127.0.0.1', "'"]],
  ['cookie', () => ['a=b; __proto__=c', '='.repeat(2_000)]],
  ['expect', () => ['100-continue']],
  ['range', () => ['bytes=0-1', 'bytes=-']],
  ['if-none-match', () => ['*']],
  ['origin', () => ['https://evil.example', 'null']],
  ['x-long', () => ['x'.repeat(7_000), 'é'.repeat(1_000)]],
]

const header: Change = (request, random) => {
  const [name, values] = random.pick(HEADERS)
  const value = random.pick(values())
  if (random.chance(0.15)) request.headers.push([name, value])
  else setHeader(request, name, value)
  return `header ${name}`
}

const noHeader: Change = (request, random) => {
  if (request.headers.length === 0) return null
  const [name] = random.pick(request.headers)
  setHeader(request, name.toLowerCase(), null)
  return `no ${name}`
}

const wrongToken: Change = (request, random, { wrong }) => {
  const token = random.pick(wrong)
  const value = random.pick([
    ...[
      `Bearer ${token}`,
      `Bearer ${token}`,
      `Bearer ${token}`,
      token,
      `Basic ${token}`,
      'Bearer',
      'Bearer ',
      '',
    ],
    ...[
      'Bearer null',
      'Bearer tg_',
      `Bearer tg_${'0'.repeat(38)}`,
      `Bearer ${'x'.repeat(4_000)}`,
      'Bearer é',
      'Bearer a b',
    ],
  ])
  setHeader(request, 'authorization', value)
  return 'a wrong token'
}

const chunkedOrNot: Change = (request) => {
  request.framing = request.framing === 'chunked' ? 'length' : 'chunked'
  return request.framing
}

const unaskedBody: Change = (request, random) => {
  if (request.body !== null) return null
  request.payload = Buffer.from(random.pick(['{}', 'x', '', '{"a":', ' '.repeat(70_000)]))
  if (random.chance(0.5)) setHeader(request, 'content-type', 'application/json')
  return 'a body that nobody asked for'
}

/** Cut off in its body, never before: what counts is a request that was begun. */
const truncated: Change = (request, random) => {
  const payload = payloadOf(request)
  if (payload === null || payload.length === 0) return null
  // What takes no body is carried out before that ends, and nobody is left to be told of it.
  if (request.mediaType === null && isChanging(request.operation.id)) return null
  const parts = bytesOf(request, 'fuzz')
  const head = parts[0]!.length
  const all = parts.reduce((sum, part) => sum + part.length, 0)
  request.cutAt = head + random.int(Math.max(1, all - head - 8))
  request.malformed = true
  return 'cut off on the way'
}

/** No valid HTTP. None of it can be a request that counts something. */
const malformed: Change = (request, random) => {
  const target = targetOf(request)
  const head = (line: string, ...more: string[]) =>
    `${line}\r\n${['host: fuzz', 'connection: close', ...more].join('\r\n')}\r\n\r\n`
  const text = random.pick([
    head(`${request.method} ${target} HTTP/9.9`),
    head(`${request.method} ${target}`),
    head(`G\0T ${target} HTTP/1.1`),
    head('GET /a b HTTP/1.1'),
    head('GET http://[ HTTP/1.1'),
    head('GET no-slash HTTP/1.1'),
    head('CONNECT example.com:443 HTTP/1.1'),
    head('TRACE / HTTP/1.1'),
    head(`POST ${target} HTTP/1.1`, 'content-length: -1'),
    head(`POST ${target} HTTP/1.1`, 'content-length: 1e3'),
    head(`POST ${target} HTTP/1.1`, 'content-length: 5', 'content-length: 6'),
    `${head(`POST ${target} HTTP/1.1`, 'content-length: 5', 'transfer-encoding: chunked')}0\r\n\r\n`,
    `${head(`POST ${target} HTTP/1.1`, 'transfer-encoding: chunked')}zz\r\n{}\r\n0\r\n\r\n`,
    `${head(`POST ${target} HTTP/1.1`, 'transfer-encoding: chunked')}${'f'.repeat(17)}\r\n`,
    `${head(`POST ${target} HTTP/1.1`, 'transfer-encoding: gzip, chunked')}0\r\n\r\n`,
    head(`GET ${target} HTTP/1.1`, 'no colon'),
    head(`GET ${target} HTTP/1.1`, 'x: a\0b'),
    head(`GET ${target} HTTP/1.1`, ' folded: x'),
    head(`GET ${target} HTTP/1.1`, `x: ${'y'.repeat(80_000)}`),
    `GET ${target} HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n`,
    `GET ${target} HTTP/1.1\r\nhost: a/../b\r\nconnection: close\r\n\r\n`,
    `GET ${target} HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n`,
    `GET ${target} HTTP/1.1\r\nconnection: close\r\n\r\n`,
    `GET ${'/x'.repeat(40_000)} HTTP/1.1\r\nhost: fuzz\r\n\r\n`,
    `\r\n\r\n\r\n`,
    `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03`,
    `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
  ])
  request.raw = Buffer.from(text, 'latin1')
  request.malformed = true
  return 'no valid HTTP'
}

const CHANGES: [number, Change][] = [
  [1.5, method],
  [4, path],
  [0.3, longPath],
  [4, query],
  [4, header],
  [1, noHeader],
  [3, wrongToken],
  [1, chunkedOrNot],
  [0.5, unaskedBody],
  [0.7, truncated],
  [0.7, malformed],
]

/** So many changes of any kind. */
export function change(
  request: FuzzRequest,
  times: number,
  random: Random,
  actor: Actor,
  tokens: Tokens,
): void {
  for (let i = 0; i < times && request.raw === null && request.cutAt === null; i++) {
    if (request.body !== null && random.chance(0.65)) changeBody(request, random, actor)
    else {
      const what = weighted(random, CHANGES)(request, random, tokens)
      if (what !== null) request.changes.push(what)
    }
  }
}
