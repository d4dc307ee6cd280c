// Postgres over TCP: a pool of node-postgres connections.

import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import type { Db } from './db.ts'
import * as schema from './schema.ts'

/** The server gives up first and says why; the client only where the server is silent. */
const SILENCE_MS = 2_000

/** `max`: connections. `timeoutMs`: for one statement, and for getting a connection. */
export function openNodePostgres(
  url: string,
  { max, timeoutMs, log = () => {} }: { max: number; timeoutMs: number; log?: (message: string) => void },
): { db: Db; pool: pg.Pool; close(): Promise<void> } {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs + SILENCE_MS,
    keepAlive: true,
    application_name: 'tollgate',
    // Not as a startup parameter: PgBouncer and its kind refuse those.
    onConnect: async (client) => {
      await client.query(`set statement_timeout = ${Math.trunc(timeoutMs)}`)
    },
  })
  // Without a listener, an idle connection that the server closes would end the process.
  pool.on('error', (error) => log(`Postgres: ${error.message}`))
  // So would one that is in use between two statements, or on its way out. Its next statement fails, and says why.
  pool.on('connect', (client) => client.on('error', () => {}))
  let closed: Promise<void> | undefined
  return {
    db: drizzle(pool, { schema }) as unknown as Db,
    pool,
    close: () => {
      closed ??= pool.end()
      return closed
    },
  }
}
