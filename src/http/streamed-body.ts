// Reads a body piece by piece, for as long as it comes: of any length, packed or not. What a route leaves of it is its to drain.

import type { Context } from 'hono'
import { TollgateError } from '../kernel/errors.ts'
import { isGzip } from './body.ts'
import type { Env } from './env.ts'
import { gunzipped } from './unpack.ts'

/** Throws malformed_json where it breaks off, or is not the gzip that it says. */
export function streamedBody(c: Context<Env>): AsyncGenerator<Uint8Array> {
  const pieces = piecesOf(c.req.raw.body)
  return isGzip(c) ? gunzipped(pieces) : pieces
}

async function* piecesOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return
  const reader = body.getReader()
  try {
    for (let next = await read(reader); !next.done; next = await read(reader)) yield next.value
  } finally {
    // For whoever drains it.
    reader.releaseLock()
  }
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read()
  } catch (internal) {
    throw new TollgateError('malformed_json', 'The body broke off.', { internal })
  }
}
