// Reads a request's body: bounded, and refused with the reason when it is not what was asked for. No middleware, because
// this is on the hot path.

import { gunzipSync } from 'node:zlib'
import type { Context } from 'hono'
import { TollgateError } from '../kernel/errors.ts'
import type { Env } from './env.ts'
import { bodyPointer } from './validate.ts'

/** 1 MiB */
export const BODY_BYTES = 1_048_576

/** Levels that a pointer into a body goes down at most. */
const DEPTH_SHOWN = 20

export const JSON_TYPE = 'application/json'

/** The body as JSON and as it was written, and its media type, which is one of `mediaTypes`. */
export async function readJson(
  c: Context<Env>,
  mediaTypes: readonly string[],
): Promise<{ json: unknown; text: string; mediaType: string }> {
  const isPacked = isGzip(c)
  const mediaType = mediaTypeOf(c, mediaTypes)
  const bytes = await readBytes(c)
  const text = decoded(isPacked ? unpacked(bytes) : bytes)
  c.set('bodyText', text)
  try {
    const json: unknown = JSON.parse(text)
    if (text.includes('"__proto__"') || (text.includes('\\u') && ESCAPED_PROTO.test(text))) refuseProto(json)
    return { json, text, mediaType }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const where = text.trim() === '' ? 'it is empty' : error.message
    throw new TollgateError('malformed_json', `The body is not JSON: ${where.slice(0, 200)}.`)
  }
}

/** Whether the body is packed. One packing is taken, and once. */
export function isGzip(c: Context<Env>): boolean {
  const sent = c.req.header('content-encoding')
  if (sent === undefined) return false
  const codings = sent
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
  const packings = codings.filter((coding) => coding !== 'identity' && coding !== '')
  if (packings.length === 0) return false
  if (packings.length === 1 && (packings[0] === 'gzip' || packings[0] === 'x-gzip')) return true
  throw new TollgateError(
    'unsupported_media_type',
    `Content-Encoding "${sent.slice(0, 40)}" is not taken: send "gzip", or the body as it is.`,
  )
}

/**
 * Never more than a body may have, whatever was packed: the bound is zlib's own. DecompressionStream, which both runtimes have
 * too, unpacks in workerd all that is written to it before anyone reads, a thousand bytes for each.
 */
function unpacked(bytes: ArrayBuffer | Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: BODY_BYTES })
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge()
    throw new TollgateError(
      'malformed_json',
      'The body is not the gzip that its Content-Encoding says, or it is not whole. Send it again, or as it is.',
    )
  }
}

export function mediaTypeOf(c: Context<Env>, mediaTypes: readonly string[]): string {
  const sent = c.req.header('content-type')
  if (sent !== undefined && sent === mediaTypes[0]) return sent
  const [type = '', ...parameters] = (sent ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '')
  if (mediaTypes.includes(type) && (charset === undefined || charset === 'utf-8' || charset === 'utf8'))
    return type
  throw new TollgateError(
    'unsupported_media_type',
    `${sent === undefined ? 'There is no Content-Type' : `Content-Type "${sent.slice(0, 100)}" is not taken here`}: send ${mediaTypes.map((one) => `"${one}"`).join(' or ')}, in UTF-8.`,
  )
}

async function readBytes(c: Context<Env>): Promise<ArrayBuffer | Uint8Array> {
  try {
    return await readBounded(c)
  } catch (error) {
    if (error instanceof TollgateError) throw error
    // The caller went away, or the connection broke.
    throw new TollgateError('malformed_json', 'The body is not JSON: it broke off.', { internal: error })
  }
}

async function readBounded(c: Context<Env>): Promise<ArrayBuffer | Uint8Array> {
  const length = c.req.header('content-length')
  // A length that was announced is kept to by HTTP itself; a chunked body has none.
  if (length !== undefined && c.req.header('transfer-encoding') === undefined) {
    if (Number(length) > BODY_BYTES) throw tooLarge()
    return await c.req.raw.arrayBuffer()
  }
  return await readStream(c.req.raw.body)
}

async function readStream(stream: ReadableStream<Uint8Array> | null): Promise<Uint8Array> {
  if (stream === null) return new Uint8Array()
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  let size = 0
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length
    if (size > BODY_BYTES) {
      // For whoever drains it.
      reader.releaseLock()
      throw tooLarge()
    }
    chunks.push(next.value)
  }
  const whole = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.length
  }
  return whole
}

const tooLarge = () =>
  new TollgateError(
    'body_too_large',
    `A body has at most ${BODY_BYTES} bytes, unpacked too. Send less at once.`,
  )

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Broken UTF-8 is refused: replaced by U+FFFD, two ids that differ would become the same. */
function decoded(bytes: ArrayBuffer | Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new TollgateError('malformed_json', 'The body is not JSON: it is not valid UTF-8.')
  }
}

/** The beginning of that name, with some of it escaped perhaps. */
const ESCAPED_PROTO = /"(?:_|\\u005f){2}(?:p|\\u0070)/i

/** No field, property or note can have this name: JavaScript objects would lose it, silently. A stack, not recursion: the body may be deep. */
function refuseProto(json: unknown): void {
  const places: Place[] = [{ value: json, name: '', around: null }]
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    const { value } = place
    if (typeof value !== 'object' || value === null) continue
    if (Object.hasOwn(value, '__proto__')) {
      throw new TollgateError('validation_failed', 'The body has a name that can’t be used: "__proto__".', {
        issues: [{ pointer: pointerOf(place), detail: 'must not have the name "__proto__"' }],
      })
    }
    for (const [name, inner] of Object.entries(value)) places.push({ value: inner, name, around: place })
  }
}

type Place = { value: unknown; name: string; around: Place | null }

function pointerOf(place: Place): string {
  const path: string[] = []
  for (let at = place; at.around !== null; at = at.around) path.push(at.name)
  return bodyPointer(path.reverse().slice(0, DEPTH_SHOWN))
}
