// The Redis backends that a suite runs on. By default embedded ones, which need no server; with TEST_SERVERS=real the real
// server at REDIS_URL, and then a missing server is a failure, never a skipped test.

import { Redis } from 'ioredis'
import { type FaultHook, startUpstashBridge } from '../../src/local/upstash-bridge.ts'
import type { RedisConnection } from '../../src/stores/redis/connection.ts'
import { openEmbeddedRedis } from '../../src/stores/redis/embedded.ts'
import { tcpConnection } from '../../src/stores/redis/tcp.ts'
import { upstashConnection } from '../../src/stores/redis/upstash.ts'

export const real = process.env.TEST_SERVERS === 'real'

export function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`TEST_SERVERS=real needs ${name}`)
  return value
}

/** Of the suites that run against a server; others name theirs when they open a backend. */
const databases: Record<string, number> = {
  'http on Node': 6,
  'http on workerd': 7,
  'fuzz on Node': 10,
  'fuzz on workerd': 11,
}

export const freshRedisFor = (project: string): Promise<string> => freshRedis(databases[project]!)

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
  /** the far end itself, to look at keys and to break things */
  client: Redis
  /** what happens to the next requests on the wire (only through the bridge) */
  setFault(fault: FaultHook | undefined): void
  close(): Promise<void>
}

/** `database`: a number of its own for each suite, because suites run at the same time and empty theirs. */
async function openFarEnd(database: number): Promise<{ client: Redis; close(): Promise<void> }> {
  if (!real) return openEmbeddedRedis()
  const client = new Redis(await freshRedis(database), { maxRetriesPerRequest: 1 })
  return { client, close: async () => void (await client.quit()) }
}

async function direct(database: number): Promise<RedisBackend> {
  const { client, close } = await openFarEnd(database)
  return { connection: tcpConnection(client), client, setFault: () => {}, close }
}

async function bridged(database: number): Promise<RedisBackend> {
  const { client, close } = await openFarEnd(database)
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

export const redisBackends: { name: string; open: (database: number) => Promise<RedisBackend> }[] = [
  { name: real ? 'Redis over TCP' : 'embedded Redis', open: direct },
  { name: `the Upstash client, through the bridge to ${real ? 'Redis' : 'embedded Redis'}`, open: bridged },
]
