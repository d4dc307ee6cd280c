// A server to send requests to, and nothing else: the HTTP suites see no store. It is the one that the project's setup has
// started, in Node or in workerd.

import { inject } from 'vitest'
import { ConfigCache } from '../../src/access/config-cache.ts'
import { defaultBillingSettings } from '../../src/billing/settings.ts'
import { createApp } from '../../src/http/app.ts'
import { defaultLimits } from '../../src/metering/limits.ts'
import type { Services } from '../../src/services.ts'
import { PostgresBlockStore } from '../../src/stores/blocks/postgres.ts'
import { placedStores } from '../../src/stores/placing.ts'
import { PostgresAccountStore } from '../../src/stores/postgres/account-store.ts'
import { PostgresCouponStore } from '../../src/stores/postgres/coupon-store.ts'
import { PostgresHoursStore } from '../../src/stores/postgres/hours-store.ts'
import { PostgresIdempotencyStore } from '../../src/stores/postgres/idempotency-store.ts'
import { eventLog, postgresAccess, postgresCatalog } from '../../src/stores/postgres/stores.ts'
import { PostgresUsageStore } from '../../src/stores/postgres/usage-store.ts'
import type { RedisConnection } from '../../src/stores/redis/connection.ts'
import { openEmbeddedRedis } from '../../src/stores/redis/embedded.ts'
import { tcpConnection } from '../../src/stores/redis/tcp.ts'
import { type Document, isJsonType, judgeAnswers } from '../support/answers.ts'
import { openMigratedPglite } from '../support/pglite.ts'

export type Server = {
  /** as Started has it */
  spreadOver?: number[]
  request(path: string, init?: RequestInit): Promise<Response>
  adminToken: string
  close(): Promise<void>
}

/** A server of its own, as a setup starts it. */
export type Started = {
  runtime: 'node' | 'workerd'
  baseUrl: string
  adminToken: string
  /** partitions over which its tenants are spread; absent: they stay where they are */
  spreadOver?: number[]
  close(): Promise<void>
}

declare module 'vitest' {
  interface ProvidedContext {
    server: Omit<Started, 'close'>
  }
}

export const openServer = async (): Promise<Server> =>
  serverAt({ ...inject('server'), close: async () => {} })

export const serverAt = ({ baseUrl, ...rest }: Omit<Started, 'runtime'>): Server => ({
  request: (path, init) => fetch(new URL(path, baseUrl), init),
  ...rest,
})

/** `around` may put something between the app and its services. `more`: databases of counters beside main. */
export async function openInProcess(
  around: (services: Services) => Services = (services) => services,
  more: Record<string, RedisConnection> = {},
): Promise<Server> {
  const [postgres, redis] = await Promise.all([openMigratedPglite(), openEmbeddedRedis()])
  const adminToken = `admin-${crypto.randomUUID()}`
  const access = postgresAccess(postgres.db)
  const limits = { ...defaultLimits, segmentMaxAgeMs: Number.POSITIVE_INFINITY, settleAfterMs: 0 }
  const connection = tcpConnection(redis.client)
  const databases = Object.entries({ main: connection, ...more }).map(([name, one]) => [
    name,
    { connection: one },
  ])
  const placed = placedStores(Object.fromEntries(databases), postgres.db, limits, {
    ...{ first: 1, recording: {}, clock: Date.now },
  })
  const app = createApp(
    around({
      limits,
      ...placed,
      usage: new PostgresUsageStore(postgres.db),
      hours: new PostgresHoursStore(postgres.db),
      hoursKeptDays: 100,
      ...eventLog(postgres.db, new PostgresBlockStore(postgres.db)),
      access,
      configs: new ConfigCache(access, Date.now),
      accounts: new PostgresAccountStore(postgres.db),
      coupons: new PostgresCouponStore(postgres.db),
      billing: defaultBillingSettings,
      catalog: postgresCatalog(postgres.db),
      idempotency: new PostgresIdempotencyStore(postgres.db),
      logKept: true,
      logDays: 0,
      importLines: Number.POSITIVE_INFINITY,
      exportFiles: null,
      adminToken,
    }),
  )
  return {
    request: async (path, init) => app.request(new URL(path, 'http://tollgate.test').href, init),
    adminToken,
    close: async () => {
      await Promise.all([redis.close(), postgres.close()])
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
export type Answer = { status: number; headers: Headers; body: any }

export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>

/** Calls with this token; `null` sends none. A body is sent as JSON, a string as it is. Every answer is held against the document. */
export const caller =
  (server: Server, token: string | null): Call =>
  async (method, path, body, headers = {}) => {
    const response = await server.request(path, {
      method,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = isJsonType(response.headers.get('content-type') ?? '')
    const answer: Answer = {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== '' ? JSON.parse(text) : text,
    }
    const { status } = answer
    const contentType = response.headers.get('content-type')
    if (!judges.has(server)) judges.set(server, judgeOf(server))
    const wrong = (await judges.get(server)!)({ method, path, status, contentType, body: answer.body })
    if (wrong !== null) throw new Error(`${method} ${path} is answered with ${status}, and ${wrong}: ${text}`)
    return answer
  }

/** By server: whether an answer is what its OpenAPI document says. */
const judges = new WeakMap<Server, Promise<ReturnType<typeof judgeAnswers>>>()

async function judgeOf(server: Server): Promise<ReturnType<typeof judgeAnswers>> {
  const response = await server.request('/openapi.json')
  return judgeAnswers((await response.json()) as Document)
}

export type TestTenant = { id: string; key: string; call: Call }

export async function newTenant(server: Server, input: Record<string, unknown> = {}): Promise<TestTenant> {
  const admin = caller(server, server.adminToken)
  const { status, body } = await admin('POST', '/api/v1/tenants', { name: 'Test', ...input })
  if (status !== 201) throw new Error(`No tenant: ${status} ${JSON.stringify(body)}`)
  if (server.spreadOver) {
    const to = { partitions: server.spreadOver, spread_by: 'customer' }
    const moved = await admin('POST', `/api/v1/tenants/${body.id}/placement`, to)
    if (moved.status !== 202) throw new Error(`Not spread: ${JSON.stringify(moved.body)}`)
  }
  return { id: body.id, key: body.api_key.key, call: caller(server, body.api_key.key) }
}

/** `errors` as `pointer: detail`, for a look at all of them at once. */
export const errorsOf = ({ body }: Answer): string[] =>
  (body.errors ?? []).map(
    ({ pointer, detail }: { pointer: string; detail: string }) => `${pointer}: ${detail}`,
  )
