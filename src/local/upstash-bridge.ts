// Speaks Upstash's REST protocol in front of any Redis, so that in development and in tests the production client
// runs as it is. On the loopback interface only, and with the token checked.

import type { Redis } from 'ioredis'
import { sameSecret } from '../kernel/digest.ts'
import {
  type Answer,
  type BridgeRequest,
  type Fault,
  type FaultHookOn,
  startBridgeServer,
  type Work,
} from './bridge-server.ts'
import { Refused, runAtomically, runEach, runOne } from './redis-commands.ts'

/** Upstash's own limit. */
const MAX_BODY_BYTES = 10 * 1024 * 1024

/** `path`: /, /pipeline or /multi-exec */
export type UpstashRequest = { path: string; commands: string[][] }

export type FaultHook = FaultHookOn<UpstashRequest>
export type { Fault }

type Outcome = { result: unknown } | { error: string }

export async function startUpstashBridge(options: {
  client: Redis
  token: string
  port?: number
  fault?: FaultHook
}): Promise<{ url: string; close(): Promise<void> }> {
  const { client, token, port, fault } = options
  const server = await startBridgeServer<UpstashRequest>({
    port,
    maxBodyBytes: MAX_BODY_BYTES,
    fault,
    understand: (request) => understand(client, token, request),
    failure,
  })
  return { url: `http://127.0.0.1:${server.port}`, close: server.close }
}

const failure = (status: number, error: string): Answer => ({ status, text: JSON.stringify({ error }) })

function understand(client: Redis, token: string, request: BridgeRequest): Answer | Work<UpstashRequest> {
  const { method, path, headers, body } = request
  const [, given = ''] = /^Bearer (.+)$/i.exec(headers.authorization ?? '') ?? []
  if (!sameSecret(given, token)) return failure(401, 'WRONGPASS invalid or missing auth token')
  if (method !== 'POST') return failure(405, `ERR method ${method} is not supported, use POST`)
  if (path !== '/' && path !== '/pipeline' && path !== '/multi-exec')
    return failure(404, `ERR no such path: ${path}`)
  const commands = path === '/' ? [commandIn(json(body))] : commandsIn(json(body))
  if (commands === null || commands.includes(null)) return failure(400, 'ERR failed to parse command')
  if (commands.length === 0) return failure(400, 'ERR empty pipeline request')
  const seen = { path, commands: commands as string[][] }
  const encode = headers['upstash-encoding'] === 'base64' ? base64 : utf8
  const syncToken = headers['upstash-sync-token'] || 'local'
  return {
    seen,
    apply: async () => ({
      ...(await applied(client, seen, encode)),
      headers: { 'upstash-sync-token': String(syncToken) },
    }),
  }
}

type Encode = (bytes: Buffer) => string
const base64: Encode = (bytes) => bytes.toString('base64')
const utf8: Encode = (bytes) => bytes.toString('utf8')

async function applied(client: Redis, { path, commands }: UpstashRequest, encode: Encode): Promise<Answer> {
  const outcome = (reply: unknown): Outcome =>
    reply instanceof Error ? { error: reply.message } : { result: encoded(reply, encode, true) }
  try {
    if (path === '/') {
      const body = outcome(await runOne(client, commands[0]!))
      return { status: 'error' in body ? 400 : 200, text: JSON.stringify(body) }
    }
    const replies =
      path === '/pipeline' ? await runEach(client, commands) : await runAtomically(client, commands)
    return { status: 200, text: JSON.stringify(replies.map(outcome)) }
  } catch (error) {
    return failure(error instanceof Refused ? 400 : 503, (error as Error).message)
  }
}

/** Strings at any depth are encoded; only an OK on its own never is. */
function encoded(reply: unknown, encode: Encode, top: boolean): unknown {
  if (Buffer.isBuffer(reply)) return top && reply.equals(OK) ? 'OK' : encode(reply)
  if (Array.isArray(reply)) return reply.map((element) => encoded(element, encode, false))
  return reply instanceof Error ? encode(Buffer.from(reply.message)) : reply
}

const OK = Buffer.from('OK')

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const commandsIn = (body: unknown): (string[] | null)[] | null =>
  Array.isArray(body) ? body.map(commandIn) : null

function commandIn(body: unknown): string[] | null {
  if (!Array.isArray(body) || body.length === 0) return null
  return body.every((part) => ['string', 'number', 'boolean'].includes(typeof part)) ? body.map(String) : null
}
