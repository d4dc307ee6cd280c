// RedisConnection over an ioredis client: a server by TCP (or TLS), or the embedded one.

import { type Cluster, Command, Redis } from 'ioredis'
import type { RedisConnection, Reply } from './connection.ts'

/** Commands that may wait for a lost connection to come back; more are refused at once. */
const MAX_WAITING = 1_000
/** What ioredis says when `commandTimeout` has passed. */
const TIMED_OUT = 'Command timed out'
const RECONNECT_AFTER_MS = [50, 100, 200, 500, 1_000, 2_000]

export type TcpOptions = {
  timeoutMs: number
  log?: (message: string) => void
  /** what outages are told of */
  called?: string
}

export const redisOptions = (timeoutMs: number) => ({
  commandTimeout: timeoutMs,
  connectTimeout: timeoutMs,
  keepAlive: 30_000,
})

export function tellOutages(
  client: Redis | Cluster,
  { log, called }: { log: (message: string) => void; called: string },
): void {
  let reported = ''
  client.on('error', (error: Error) => {
    if (error.message !== reported) log(`${called}: ${error.message || String(error)}`)
    reported = error.message
  })
  client.on('ready', () => {
    if (reported !== '') log(`${called}: connected again`)
    reported = ''
  })
}

/** `close` ends the client, too. */
export function tcpConnection(client: Redis | Cluster): RedisConnection {
  let waiting = 0
  const send = async (name: string, args: (string | string[])[]): Promise<Reply> => {
    if (client.status === 'ready') return await reply(client, name, args)
    if (waiting >= MAX_WAITING)
      throw new Error(`Redis is not connected, and ${waiting} commands wait for it already`)
    waiting++
    try {
      return await reply(client, name, args)
    } finally {
      waiting--
    }
  }
  return {
    evalsha: (hash, keys, args) => send('EVALSHA', [hash, String(keys.length), keys, args]),
    eval: (text, keys, args) => send('EVAL', [text, String(keys.length), keys, args]),
    ping: async () => {
      await send('PING', [])
    },
    close: async () => {
      if (client.status === 'ready') await client.quit().catch(() => {})
      client.disconnect()
    },
  }
}

/**
 * What is sent in one turn of the event loop goes out in one write: at thousands of calls a second the system calls cost
 * more than the commands, here and in Redis.
 */
function inOneWrite({ stream, status }: Redis): void {
  if (status !== 'ready' || stream.writableCorked > 0) return
  stream.cork()
  setImmediate(() => stream.uncork())
}

async function reply(client: Redis | Cluster, name: string, args: (string | string[])[]): Promise<Reply> {
  // A cluster's client chooses the connection itself.
  if (client instanceof Redis) inOneWrite(client)
  try {
    // An upper-case name, or ioredis would reshape the replies of some commands.
    return (await client.sendCommand(new Command(name, args, { replyEncoding: 'utf8' }))) as Reply
  } catch (error) {
    // A connection that has gone quiet under a command is dead, and would keep every later one waiting as long.
    if (error instanceof Error && error.message === TIMED_OUT && client.status === 'ready')
      client.disconnect(true)
    throw error
  }
}

/**
 * `url`: redis:// or rediss:// (TLS). A command is answered, or fails, within `timeoutMs`. One whose reply was lost
 * with its connection is sent again on the next: every script can be applied twice.
 */
export function openTcpRedis(
  url: string,
  { timeoutMs, log = () => {}, called = 'Redis' }: TcpOptions,
): { connection: RedisConnection; client: Redis; where: string; close(): Promise<void> } {
  const client = new Redis(url, {
    ...redisOptions(timeoutMs),
    maxRetriesPerRequest: 2,
    retryStrategy: (attempt) => RECONNECT_AFTER_MS[Math.min(attempt, RECONNECT_AFTER_MS.length) - 1],
    // After a failover the old primary answers READONLY: look for the new one, and ask it.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
    autoResubscribe: false,
  })
  tellOutages(client, { log, called })
  const connection = tcpConnection(client)
  return { connection, client, where: new URL(url).host, close: () => connection.close() }
}
