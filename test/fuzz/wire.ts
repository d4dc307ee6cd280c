// HTTP by hand, over a socket: so that anything can be sent, also what no client library would.

import { connect } from 'node:net'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'

export type WireResponse = { status: number; headers: Map<string, string>; body: Buffer }

/** How the server took what was sent. `closed`: it hung up without an answer. */
export type Outcome =
  | { kind: 'answered'; response: WireResponse; ms: number; next: WireResponse | null }
  | { kind: 'closed'; ms: number }
  | { kind: 'timeout'; ms: number }
  | { kind: 'refused'; error: string; ms: number }

export type Sending = {
  host: string
  port: number
  bytes: Buffer[]
  /** The answer has no body, whatever its headers say. */
  isHead: boolean
  /** Ends our side when everything is sent, as one who goes away does. */
  hangUp?: boolean
  /** Sent on the same connection once the answer is there, if the server keeps it open. */
  then?: Buffer
  timeoutMs: number
}

export function send({ host, port, bytes, isHead, hangUp, then, timeoutMs }: Sending): Promise<Outcome> {
  const startedAt = performance.now()
  return new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0)
    let first: WireResponse | null = null
    let settled = false
    const socket = connect({ host, port, noDelay: true, allowHalfOpen: true })
    const ms = () => Math.round(performance.now() - startedAt)
    const settle = (outcome: Outcome) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      socket.destroy()
      resolve(outcome)
    }
    const answered = (next: WireResponse | null) =>
      settle({ kind: 'answered', response: first!, ms: ms(), next })
    const timer = setTimeout(() => settle({ kind: 'timeout', ms: ms() }), timeoutMs)
    const look = (ended: boolean) => {
      const parsed = parseResponse(received, first === null && isHead, ended)
      if (parsed === null) return
      received = received.subarray(parsed.bytes)
      if (first !== null) return answered(parsed.response)
      first = parsed.response
      if (
        then === undefined ||
        ended ||
        isStream(first.headers) ||
        first.headers.get('connection')?.toLowerCase() === 'close'
      )
        return answered(null)
      socket.write(then)
      look(false)
    }
    socket.on('connect', () => {
      for (const part of bytes) socket.write(part)
      if (hangUp) socket.end()
    })
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      look(false)
    })
    const over = () => {
      look(true)
      if (settled) return
      if (first === null) settle({ kind: 'closed', ms: ms() })
      else answered(null)
    }
    socket.on('end', over)
    socket.on('close', over)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') settle({ kind: 'refused', error: error.message, ms: ms() })
      else over()
    })
  })
}

/** The first response in the bytes, when it is whole; 1xx are passed over. */
function parseResponse(
  bytes: Buffer,
  isHead: boolean,
  ended: boolean,
): { response: WireResponse; bytes: number } | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1] ?? 0)
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const rest = bytes.subarray(end + 4)
  if (status >= 100 && status < 200) {
    const inner = parseResponse(rest, isHead, ended)
    return inner && { ...inner, bytes: inner.bytes + end + 4 }
  }
  const whole = (body: Buffer, length: number) => ({
    response: { status, headers, body: decoded(body, headers.get('content-encoding')) },
    bytes: end + 4 + length,
  })
  if (isHead || status === 204 || status === 304) return whole(Buffer.alloc(0), 0)
  if (isStream(headers)) return whole(Buffer.alloc(0), rest.length)
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') {
    const chunked = unchunk(rest)
    return chunked && whole(chunked.body, chunked.bytes)
  }
  const length = headers.get('content-length')
  if (length === undefined) return ended ? whole(rest, rest.length) : null
  return rest.length < Number(length) ? null : whole(rest.subarray(0, Number(length)), Number(length))
}

/** It has no end: that it begins is the answer. */
const isStream = (headers: Map<string, string>): boolean =>
  headers.get('content-type') === 'text/event-stream'

function unchunk(bytes: Buffer): { body: Buffer; bytes: number } | null {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return null
    const size = Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16)
    const start = line + 2
    if (Number.isNaN(size) || bytes.length < start + size + 2) return null
    if (size === 0) return { body: Buffer.concat(parts), bytes: start + 2 }
    parts.push(bytes.subarray(start, start + size))
    at = start + size + 2
  }
}

/** A server in between may have packed it. What can't be unpacked stays as it is, and will be found wrong. */
function decoded(body: Buffer, encoding: string | undefined): Buffer {
  try {
    if (encoding === 'gzip') return gunzipSync(body)
    return encoding === 'br' ? brotliDecompressSync(body) : body
  } catch {
    return body
  }
}
