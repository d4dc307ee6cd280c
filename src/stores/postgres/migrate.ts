// Brings a database to the newest schema. Runs where there is a file system and a real connection: not in a Worker,
// and not over HTTP, where a migration would not be one transaction.

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as migrateOverTcp } from 'drizzle-orm/node-postgres/migrator'
import { migrate as migrateInProcess } from 'drizzle-orm/pglite/migrator'
import pg from 'pg'
import { type Db, rows } from './db.ts'
import { fillDays } from './fill-days.ts'

const migrationsFolder = fileURLToPath(new URL('../../../migrations', import.meta.url))

/** Any number that nobody else uses: whoever migrates holds this advisory lock. */
const MIGRATION_LOCK = 7_655_438_417
const LOCK_WAIT_MS = 120_000

/** Names of the migrations that this call applied, in order. */
export type Migrated = { applied: string[] }

/** Safe to run in several places at once: they wait for one another. */
export async function migrateNodePostgres(url: string): Promise<Migrated> {
  const client = new pg.Client({ connectionString: url, application_name: 'tollgate-migrate' })
  // A connection lost between two statements shows in the next one.
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(`set lock_timeout = ${LOCK_WAIT_MS}`)
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    const db = drizzle(client)
    return await migrated(db as unknown as Db, () => migrateOverTcp(db, { migrationsFolder }))
  } finally {
    // The lock goes with the connection.
    await client.end()
  }
}

/** `db`: what openPglite gave. */
export const migratePglite = (db: Db): Promise<Migrated> =>
  migrated(db, () =>
    migrateInProcess(db as unknown as Parameters<typeof migrateInProcess>[0], { migrationsFolder }),
  )

async function migrated(db: Db, migrate: () => Promise<void>): Promise<Migrated> {
  const before = await newestApplied(db)
  await migrate()
  await fillDays(db)
  const { entries } = JSON.parse(await readFile(`${migrationsFolder}/meta/_journal.json`, 'utf8')) as {
    entries: { when: number; tag: string }[]
  }
  return { applied: entries.filter(({ when }) => when > before).map(({ tag }) => tag) }
}

async function newestApplied(db: Db): Promise<number> {
  const [table] = await rows(db, sql`select to_regclass('drizzle.__drizzle_migrations')::text as name`)
  if (!table?.name) return 0
  const [newest] = await rows(db, sql`select max(created_at)::text as at from drizzle.__drizzle_migrations`)
  return Number(newest?.at ?? 0)
}
