// Postgres inside this process: PGlite, on disk or in memory.

import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { lockFolder } from '../folder-lock.ts'
import type { Db } from './db.ts'
import * as schema from './schema.ts'

/**
 * `dataDir`: the folder, made if it is missing; null keeps everything in memory, and may begin with an `image`. One process at a time
 * can open it.
 */
export async function openPglite(
  dataDir: string | null,
  image?: Blob,
): Promise<{ db: Db; client: PGlite; close(): Promise<void> }> {
  if (dataDir === null) return opened(await PGlite.create(image && { loadDataDir: image }), () => {})
  const folder = resolve(dataDir)
  await mkdir(folder, { recursive: true })
  const unlock = lockFolder(folder)
  try {
    return opened(await PGlite.create({ dataDir: folder }), unlock)
  } catch (error) {
    unlock()
    throw new Error(`The database in ${folder} can't be opened: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function opened(client: PGlite, unlock: () => void) {
  let closed: Promise<void> | undefined
  return {
    db: drizzle(client, { schema }) as unknown as Db,
    client,
    close: () => {
      closed ??= client.close().finally(unlock)
      return closed
    },
  }
}
