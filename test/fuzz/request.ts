// A request to be sent: valid when it is built from a target, and then perhaps changed. It becomes bytes at the very end.

import type { Operation, Target } from './document.ts'
import { CSV_PARAMETERS, NDJSON, ndjsonText } from './import-file.ts'
import { copyOf, type Json, jsonText, Raw } from './json-text.ts'
import { makeValue, type Setting } from './values.ts'

export type FuzzRequest = {
  operation: Operation
  /** What of the target it was built for. */
  mediaType: string | null
  method: string
  /** As it goes on the wire, percent escapes and all. */
  path: string
  query: [string, string][]
  headers: [string, string][]
  /** Until `payload` takes its place. */
  body: { value: Json } | null
  payload: Buffer | null
  framing: 'length' | 'chunked'
  /** What was changed, in words. */
  changes: string[]
  /** Bytes are cut off here, and our side hangs up. */
  cutAt: number | null
  /** What is sent is no valid HTTP: the server may hang up, or answer as its HTTP layer does. */
  malformed: boolean
  /** Sent in the place of all else. */
  raw: Buffer | null
}

const OPTIONAL_PARAMETERS = 0.3

export function build(target: Target, setting: Setting, token: string | null): FuzzRequest {
  const { operation, mediaType } = target
  const { random } = setting
  const valueFor = (name: string) => {
    const parameter = operation.parameters.find((one) => one.name === name)!
    const value = plainText(makeValue(setting, parameter.schema, name, 1))
    setting.chosen[name] = value
    return value
  }
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(valueFor(name)),
  )
  const among = (where: 'query' | 'header') =>
    operation.parameters
      .filter((one) => one.in === where && (one.required || random.chance(OPTIONAL_PARAMETERS)))
      // NDJSON has no columns.
      .filter(({ name }) => mediaType !== NDJSON || !CSV_PARAMETERS.includes(name))
      .map(({ name }): [string, string] => [name, valueFor(name)])
  const query = among('query')
  // A period is one thing or the other; grouping is by a meter's properties.
  for (const [name, partner] of [
    ['from', 'to'],
    ['to', 'from'],
    ['group_by', 'meter'],
  ] as const)
    if (has(query, name) && !has(query, partner)) query.push([partner, valueFor(partner)])
  const schema = mediaType === null ? undefined : operation.bodies[mediaType]
  return {
    operation,
    mediaType,
    method: operation.method,
    path,
    query: query
      .filter(([name]) => name !== 'period' || !has(query, 'from'))
      .map(([name, value]) => [name, encodeURIComponent(value)]),
    headers: [
      ...(token === null ? [] : ([['authorization', `Bearer ${token}`]] as [string, string][])),
      ...(mediaType === null ? [] : ([['content-type', mediaType]] as [string, string][])),
      ...among('header'),
    ],
    body: schema === undefined ? null : { value: makeValue(setting, schema, 'body') },
    payload: null,
    framing: random.chance(0.1) ? 'chunked' : 'length',
    changes: [],
    cutAt: null,
    malformed: false,
    raw: null,
  }
}

const has = (list: [string, string][], name: string): boolean => list.some(([one]) => one === name)

const plainText = (value: Json): string =>
  typeof value === 'string' ? value : value instanceof Raw ? value.text : jsonText(value)

/** The body's bytes; null: there is none. */
export const payloadOf = (request: FuzzRequest): Buffer | null =>
  request.payload ??
  (request.body === null ? null : Buffer.from(bodyText(request.body.value, request.mediaType)))

const bodyText = (value: Json, mediaType: string | null): string =>
  mediaType === NDJSON && Array.isArray(value) ? ndjsonText(value) : jsonText(value)

export const targetOf = ({ path, query }: FuzzRequest): string =>
  path + (query.length === 0 ? '' : `?${query.map(([name, value]) => `${name}=${value}`).join('&')}`)

/** What goes over the wire, in parts: a chunked body comes chunk by chunk. */
export function bytesOf(request: FuzzRequest, host: string): Buffer[] {
  if (request.raw !== null) return [request.raw]
  const payload = payloadOf(request)
  const chunked = request.framing === 'chunked' && payload !== null
  const sends = (name: string) => request.headers.some(([sent]) => sent.toLowerCase() === name)
  const headers: [string, string][] = [
    ...(sends('host') ? [] : ([['host', host]] as [string, string][])),
    ...request.headers,
    ...(chunked ? ([['transfer-encoding', 'chunked']] as [string, string][]) : []),
    ...(payload !== null && !chunked && !sends('content-length')
      ? ([['content-length', String(payload.length)]] as [string, string][])
      : []),
  ]
  const head = `${request.method} ${targetOf(request)} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  // What is beyond Latin-1 goes as its UTF-8 bytes, as a careless client sends it.
  const headBytes = /[^\u0000-\u00ff]/.test(head) ? Buffer.from(head) : Buffer.from(head, 'latin1')
  const parts = [headBytes, ...(payload === null ? [] : chunked ? chunks(payload) : [payload])]
  return request.cutAt === null ? parts : [Buffer.concat(parts).subarray(0, request.cutAt)]
}

function chunks(payload: Buffer): Buffer[] {
  const size = Math.max(1, Math.ceil(payload.length / 3))
  const parts: Buffer[] = []
  for (let at = 0; at < payload.length; at += size) {
    const part = payload.subarray(at, at + size)
    parts.push(Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]))
  }
  return [...parts, Buffer.from('0\r\n\r\n')]
}

/** As a line for a shell. Tokens stand as variables. */
export function curlLine(request: FuzzRequest, baseUrl: string, tokens: Map<string, string>): string {
  if (request.raw !== null || request.cutAt !== null) {
    const { host } = new URL(baseUrl)
    const bytes = Buffer.concat(bytesOf(request, host))
    return hide(`printf '%b' ${quoted(bytes)} | nc ${host.replace(':', ' ')}`, tokens)
  }
  const payload = payloadOf(request)
  const parts = [
    `curl -i --globoff --path-as-is -X ${request.method}`,
    ...request.headers.map(([name, value]) => `-H ${quoted(Buffer.from(`${name}: ${value}`))}`),
    ...(request.framing === 'chunked' && payload ? ["-H 'transfer-encoding: chunked'"] : []),
    ...(payload === null ? [] : [`--data-binary ${quoted(payload)}`]),
    quoted(Buffer.from(baseUrl.replace(/\/$/, '') + targetOf(request))),
  ]
  return hide(parts.join(' '), tokens)
}

const LINE_BYTES = 6_000

function quoted(bytes: Buffer): string {
  const shown = bytes.length > LINE_BYTES ? bytes.subarray(0, LINE_BYTES) : bytes
  const text = [...shown]
    .map((byte) =>
      byte < 0x20 || byte > 0x7e || byte === 0x27 || byte === 0x5c
        ? `\\x${byte.toString(16).padStart(2, '0')}`
        : String.fromCharCode(byte),
    )
    .join('')
  return `$'${text}'${bytes.length > LINE_BYTES ? ` # … ${bytes.length} bytes` : ''}`
}

function hide(line: string, tokens: Map<string, string>): string {
  let hidden = line
  for (const [token, name] of tokens) hidden = hidden.replaceAll(token, name)
  return hidden
}

export const copy = (request: FuzzRequest): FuzzRequest => ({
  ...request,
  query: request.query.map(([name, value]) => [name, value]),
  headers: request.headers.map(([name, value]) => [name, value]),
  body: request.body && { value: copyOf(request.body.value) },
  changes: [...request.changes],
})
