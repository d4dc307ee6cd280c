// The servers of a run, in a temporary folder of its own.

import { freePort, newFolder, removeFolder } from './children.ts'
import { PostgresServer } from './postgres-server.ts'
import { findRedis, RedisServer } from './redis-server.ts'
import type { Machine } from './site.ts'

/** `databases`: how many servers of Redis hold counters. */
export async function openMachine(databases = 1): Promise<Machine & { close(): Promise<void> }> {
  findRedis()
  const folder = newFolder()
  const redis: RedisServer[] = []
  for (let n = 0; n < databases; n++) redis.push(new RedisServer(folder, await freePort(), `redis-${n}`))
  const postgres = new PostgresServer(folder, await freePort())
  await postgres.create()
  return {
    folder,
    redis,
    postgres,
    close: async () => {
      await Promise.all([...redis, postgres].map((server) => server.stop()))
      removeFolder(folder)
    },
  }
}
