// The Postgres backends that a suite runs on: PGlite by default, with TEST_SERVERS=real the server at DATABASE_URL, in
// a database of its own that is dropped afterwards.

import { sql } from 'drizzle-orm'
import pg from 'pg'
import { startNeonBridge } from '../../src/local/neon-bridge.ts'
import type { Db } from '../../src/stores/postgres/db.ts'
import { migrateNodePostgres } from '../../src/stores/postgres/migrate.ts'
import { openNeon } from '../../src/stores/postgres/neon.ts'
import { openNodePostgres } from '../../src/stores/postgres/node-postgres.ts'
import { openMigratedPglite } from './pglite.ts'
import { real, required } from './redis.ts'
import { isSpread } from './two-databases.ts'

export type PostgresBackend = { db: Db; close(): Promise<void> }

type FarEnd = PostgresBackend & {
  backend: Parameters<typeof startNeonBridge>[0]['backend']
  url: string | null
}

async function withAdmin(statement: string): Promise<void> {
  const admin = new pg.Client(required('DATABASE_URL'))
  await admin.connect()
  await admin.query(statement).finally(() => admin.end())
}

/** A database of its own on the real server. */
export async function freshDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `tollgate_test_${crypto.randomUUID().replaceAll('-', '')}`
  await withAdmin(`create database ${name}`)
  const url = new URL(required('DATABASE_URL'))
  url.pathname = `/${name}`
  return { url: url.href, drop: () => withAdmin(`drop database ${name} with (force)`) }
}

/** Opening one takes as long as some suites: those that run once more on two databases share it, and it goes with their process. */
let shared: Promise<FarEnd> | undefined

async function openPglite(): Promise<FarEnd> {
  const { db, client, close } = await openMigratedPglite()
  return { db, backend: client, url: null, close: async () => (isSpread() ? undefined : await close()) }
}

async function openFarEnd(): Promise<FarEnd> {
  if (!real) {
    if (!isSpread()) return await openPglite()
    shared ??= openPglite()
    return await shared
  }
  const { url, drop } = await freshDatabase()
  await migrateNodePostgres(url)
  const { db, pool, close } = openNodePostgres(url, { max: 8, timeoutMs: 20_000 })
  return {
    db,
    backend: pool,
    url,
    close: async () => {
      await close()
      await drop()
    },
  }
}

async function bridged(): Promise<PostgresBackend> {
  const farEnd = await openFarEnd()
  const bridge = await startNeonBridge({ backend: farEnd.backend, password: 'secret' })
  const { db } = openNeon(bridge.connectionString, { fetchEndpoint: bridge.fetchEndpoint, timeoutMs: 20_000 })
  return {
    db,
    close: async () => {
      await bridge.close()
      await farEnd.close()
    },
  }
}

export const postgresBackends: { name: string; open: () => Promise<PostgresBackend> }[] = [
  { name: real ? 'node-postgres' : 'PGlite', open: openFarEnd },
  { name: `the Neon client, through the bridge to ${real ? 'Postgres' : 'PGlite'}`, open: bridged },
]

/** A row for a tenant that is used without having been made: its days are those of its zone. */
export const tenantIn = async (
  { db }: PostgresBackend,
  { tenantId, timezone }: { tenantId: string; timezone: string },
): Promise<void> => {
  await db.execute(
    sql`insert into tenants (id, name, timezone, currency) values (${tenantId}, 'a tenant', ${timezone}, 'EUR') on conflict do nothing`,
  )
}
