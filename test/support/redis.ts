// The Redis backends that a suite runs on. By default embedded ones, which need no server; with TEST_SERVERS=real the real
// server at REDIS_URL, and then a missing server is a failure, never a skipped test.

import { Redis } from 'ioredis'
import { type FaultHook, startUpstashBridge } from '../../src/local/upstash-bridge.ts'
import type { RedisConnection } from '../../src/stores/redis/connection.ts'
import { openEmbeddedRedis } from '../../src/stores/redis/embedded.ts'
import { tcpConnection } from '../../src/stores/redis/tcp.ts'
import { upstashConnection } from '../../src/stores/redis/upstash.ts'
import { inTwo, isSpread } from './two-databases.ts'

export const real = process.env.TEST_SERVERS === 'real'

export function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`TEST_SERVERS=real needs ${name}`)
  return value
}

/** Of the suites that run against a server, as long as they run: its databases of counters. */
const databases: Record<string, [main: number, second: number]> = {
  'http on Node': [6, 8],
  'http on workerd': [7, 9],
  'fuzz on Node': [10, 12],
  'fuzz on workerd': [11, 13],
}

export async function freshRedisFor(project: string): Promise<{ main: string; second: string }> {
  const [main, second] = databases[project]!
  return { main: await freshRedis(main), second: await freshRedis(second) }
}

/** The address of an emptied logical database on the real server. */
export async function freshRedis(database: number): Promise<string> {
  const url = new URL(required('REDIS_URL'))
  url.pathname = `/${database}`
  const client = new Redis(url.href, { maxRetriesPerRequest: 1 })
  await client.flushdb()
  await client.quit()
  return url.href
}

export type RedisBackend = {
  connection: RedisConnection
  /** Of another database: the counters are in both, and tenants are spread over them (two-databases.ts). */
  second?: RedisConnection
  /** the far end itself, to look at keys and to break things */
  client: Redis
  /** what happens to the next requests on the wire (only through the bridge) */
  setFault(fault: FaultHook | undefined): void
  close(): Promise<void>
}

/** Of the other suites, which empty theirs: a worker runs one file at a time, and no two workers have the same. */
const others = [1, 2, 3, 4, 5, 14]
const PER_WORKER = 3
const taken = new Set<number>()

function takeDatabase(): number {
  const first = (Number(process.env.VITEST_POOL_ID) - 1) * PER_WORKER
  const database = others.slice(first, first + PER_WORKER).find((one) => !taken.has(one))
  if (database === undefined)
    throw new Error(
      `A file of tests has at most ${PER_WORKER} databases open, in a worker of ${others.length / PER_WORKER}`,
    )
  taken.add(database)
  return database
}

async function openFarEnd(): Promise<{ client: Redis; close(): Promise<void> }> {
  if (!real) return openEmbeddedRedis()
  const database = takeDatabase()
  const client = new Redis(await freshRedis(database), { maxRetriesPerRequest: 1 })
  const close = async () => {
    await client.quit()
    taken.delete(database)
  }
  return { client, close }
}

async function direct(): Promise<RedisBackend> {
  if (isSpread()) return inTwo(openFarEnd)
  const { client, close } = await openFarEnd()
  return { connection: tcpConnection(client), client, setFault: () => {}, close }
}

async function bridged(): Promise<RedisBackend> {
  const { client, close } = await openFarEnd()
  let fault: FaultHook | undefined
  const token = crypto.randomUUID()
  const bridge = await startUpstashBridge({ client, token, fault: (request) => fault?.(request) })
  const connection = upstashConnection({ url: bridge.url, token, timeoutMs: 5_000 })
  return {
    connection,
    client,
    setFault: (hook) => {
      fault = hook
    },
    close: async () => {
      await bridge.close()
      await close()
    },
  }
}

export const redisBackends: { name: string; open: () => Promise<RedisBackend> }[] = [
  { name: real ? 'Redis over TCP' : 'embedded Redis', open: direct },
  { name: `the Upstash client, through the bridge to ${real ? 'Redis' : 'embedded Redis'}`, open: bridged },
]
