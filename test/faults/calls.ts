// Requests to the app, which may be away, restart or be silent at any moment.

import type { App } from './app.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers of every form
export type Reply = { status: number; body: any }

export type Request = {
  method?: string
  path: string
  token: string
  body?: unknown
  headers?: Record<string, string>
  timeoutMs?: number
}

const TIMEOUT_MS = 30_000

/** null: no answer, and nobody knows what became of the request. */
export async function call(app: App, request: Request): Promise<Reply | null> {
  const { method = 'GET', path, token, body, headers = {}, timeoutMs = TIMEOUT_MS } = request
  try {
    const response = await fetch(`${app.baseUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    return { status: response.status, body: await response.json() }
  } catch {
    return null
  }
}

/** An answer with success; throws what came instead. */
export async function must(app: App, request: Request): Promise<Reply['body']> {
  const reply = await call(app, request)
  if (reply !== null && reply.status >= 200 && reply.status < 300) return reply.body
  throw new Error(`${request.method ?? 'GET'} ${request.path}: ${reply ? describe(reply) : 'no answer'}`)
}

export const describe = ({ status, body }: Reply): string => `${status} ${JSON.stringify(body).slice(0, 600)}`

/** While stores are away an app says so; every other refusal of a good request is a failure. */
export const isTemporary = (reply: Reply | null): boolean => reply === null || reply.status === 503
