// The hot path on Node, past Hono: recording plain JSON with a key that is known takes less of the server's one thread
// this way. It answers success alone. Whatever else it meets, before anything is counted, it leaves to the app, with the
// body that it has read: so every refusal has one voice, and there is one place for each rule.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { cachedCaller } from './access/authenticate.ts'
import type { KeyCache } from './access/key-cache.ts'
import { BEARER } from './http/admit.ts'
import { BODY_BYTES, JSON_TYPE } from './http/body.ts'
import { failure } from './http/failed.ts'
import { isOurs } from './http/problem.ts'
import { answerHeaders } from './http/reply.ts'
import { requestIdFrom } from './http/router.ts'
import { sentEvents, USAGE_PATH } from './http/routes/usage.ts'
import type { TenantConfig } from './metering/meter.ts'
import { recordUsage } from './metering/record-usage.ts'
import type { Services } from './services.ts'

type Deps = Services & { keys: KeyCache }

/** Headers that say something of how to record, or of how the body is written. */
const SPECIAL = ['transfer-encoding', 'content-encoding', 'idempotency-key', 'prefer', 'expect'] as const

export function recordingListener(deps: Deps, app: RequestListener): RequestListener {
  return (incoming, outgoing) => {
    const tenant = plainTenant(deps, incoming)
    if (tenant === null) return app(incoming, outgoing)
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.once('end', () => {
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      const events = plainEvents(body)
      // The server that Hono runs on takes a body from here, if there is one.
      const leave = () => app(Object.assign(incoming, { rawBody: body }), outgoing)
      if (events === null) leave()
      else void record(deps, tenant, events, incoming, outgoing, leave)
    })
  }
}

/** Whose request it is, if it is one to record plain JSON, of a key that need not be looked up. */
function plainTenant(deps: Deps, { method, url, headers }: IncomingMessage): TenantConfig | null {
  if (method !== 'POST' || url !== USAGE_PATH || headers['content-type'] !== JSON_TYPE) return null
  if (!(Number(headers['content-length']) <= BODY_BYTES)) return null
  if (SPECIAL.some((name) => headers[name] !== undefined)) return null
  const token = BEARER.exec(headers.authorization ?? '')?.[1]
  return (token && cachedCaller(deps, token)?.tenant) || null
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** null: it is not JSON, or something in it needs a closer look. */
function plainEvents(body: Buffer): ReturnType<typeof sentEvents> | null {
  try {
    const text = utf8.decode(body)
    return text.includes('__proto__') || text.includes('\\u') ? null : sentEvents(JSON.parse(text), JSON_TYPE)
  } catch {
    return null
  }
}

async function record(
  deps: Deps,
  tenant: TenantConfig,
  events: ReturnType<typeof sentEvents>,
  { method = '', url = '', headers }: IncomingMessage,
  outgoing: ServerResponse,
  leave: () => void,
): Promise<void> {
  const id = requestIdFrom(headers['x-request-id'] as string | undefined)
  try {
    const result = await recordUsage(deps, tenant, { events, handling: 'strict' })
    answer(outgoing, 200, answerHeaders(id, JSON_TYPE), JSON.stringify(result))
  } catch (error) {
    // Nothing is counted of what is refused, and the app says so better. What failed may be counted: it must not go twice.
    if (!isOurs(error)) return leave()
    const response = failure(error, { id, method, path: url })
    answer(outgoing, response.status, Object.fromEntries(response.headers), await response.text())
  }
}

function answer(
  outgoing: ServerResponse,
  status: number,
  headers: Record<string, string>,
  text: string,
): void {
  headers['content-length'] = String(Buffer.byteLength(text))
  outgoing.writeHead(status, headers)
  outgoing.end(text)
}
