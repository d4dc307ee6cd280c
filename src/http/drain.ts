// Reads what is left of a body that nobody wants, and forgets it. A server that answers and hangs up while the other side
// still writes resets the connection, and the answer is lost with it (RFC 9112, 9.6). So the rest is read, within bounds:
// what is longer, or slower, is not waited for, and may be cut off, as HTTP allows.

import type { Context } from 'hono'
import { BODY_BYTES } from './body.ts'
import type { Env } from './env.ts'

export const DRAIN_BYTES = 4 * BODY_BYTES
export const DRAIN_MS = 5_000

/** Whether the headers say that a body comes. */
export const announcesBody = (c: Context<Env>): boolean =>
  c.req.header('transfer-encoding') !== undefined || Number(c.req.header('content-length') ?? 0) > 0

export async function drain(c: Context<Env>): Promise<void> {
  // Read to its end already.
  if (c.get('bodyText') !== undefined) return
  if (Number(c.req.header('content-length') ?? 0) > DRAIN_BYTES) return
  const { body } = c.req.raw
  if (body === null || body.locked) return
  const reader = body.getReader()
  const timer = setTimeout(() => reader.cancel().catch(() => {}), DRAIN_MS)
  try {
    for (let left = DRAIN_BYTES; left > 0; ) {
      const { done, value } = await reader.read()
      if (done) return
      left -= value.length
    }
    await reader.cancel()
  } catch {
    // The caller went away.
  } finally {
    clearTimeout(timer)
  }
}
