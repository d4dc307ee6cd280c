// The far ends behind the bridges: embedded by default, real servers with TEST_SERVERS=real.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import type { openPglite } from '../../src/stores/postgres/pglite.ts'
import { openEmbeddedRedis } from '../../src/stores/redis/embedded.ts'
import { openMigratedPglite } from '../support/pglite.ts'
import { real, required } from '../support/redis.ts'

/** `database`: a number of its own for each suite that runs on a real server. */
export async function openRedisFarEnd(database: number): Promise<{ client: Redis; close(): Promise<void> }> {
  if (!real) return openEmbeddedRedis()
  const client = new Redis(required('REDIS_URL'), { db: database, maxRetriesPerRequest: 1 })
  await client.flushdb()
  return { client, close: async () => void (await client.quit()) }
}

type Rows = (string | null)[][]

/** `query`: the direct way, every value as Postgres's own text. */
export type SqlFarEnd = {
  backend: Awaited<ReturnType<typeof openPglite>>['client'] | pg.Pool
  query(text: string, values?: (string | null)[]): Promise<{ rows: Rows; types: number[]; names: string[] }>
  close(): Promise<void>
}

export async function openSqlFarEnd(): Promise<SqlFarEnd> {
  if (real) return openDatabase(required('DATABASE_URL'))
  const { client, close } = await openMigratedPglite()
  const asText = (of: object) =>
    Object.fromEntries(Object.keys(of).map((type) => [type, (value: string) => value]))
  const options = {
    rowMode: 'array',
    parsers: asText(client.parsers),
    serializers: asText(client.serializers),
  } as const
  const query = async (text: string, values: (string | null)[] = []) => {
    const { rows, fields } = await client.query<(string | null)[]>(text, values, options)
    return { rows, types: fields.map((field) => field.dataTypeID), names: fields.map((field) => field.name) }
  }
  return { backend: client, query, close }
}

/** A database of its own on the real server, dropped at the end. */
async function openDatabase(url: string): Promise<SqlFarEnd> {
  const { url: own, drop } = await makeDatabase(url)
  const pool = new pg.Pool({ connectionString: own, max: 4 })
  const types = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig
  const query = async (text: string, values: (string | null)[] = []) => {
    const config = { text, values, types, rowMode: 'array', queryMode: 'extended' } as const
    const { rows, fields } = await pool.query<(string | null)[]>(config)
    return { rows, types: fields.map((field) => field.dataTypeID), names: fields.map((field) => field.name) }
  }
  const close = async () => {
    await pool.end()
    await drop()
  }
  return { backend: pool, query, close }
}

export async function makeDatabase(url: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `tollgate_local_${crypto.randomUUID().replaceAll('-', '')}`
  const administer = async (statement: string) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(statement)
    await client.end()
  }
  await administer(`create database ${name}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  return { url: own.href, drop: () => administer(`drop database ${name} with (force)`) }
}

/** An empty folder, and how to remove it. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'tollgate-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
