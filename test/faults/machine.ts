// The servers of a run, in a temporary folder of its own.

import { freePort, newFolder, removeFolder } from './children.ts'
import { PostgresServer } from './postgres-server.ts'
import { findRedis, RedisServer } from './redis-server.ts'
import type { Machine } from './site.ts'

export async function openMachine(): Promise<Machine & { close(): Promise<void> }> {
  findRedis()
  const folder = newFolder()
  const redis = new RedisServer(folder, await freePort())
  const postgres = new PostgresServer(folder, await freePort())
  await postgres.create()
  return {
    folder,
    redis,
    postgres,
    close: async () => {
      await Promise.all([redis.stop(), postgres.stop()])
      removeFolder(folder)
    },
  }
}
