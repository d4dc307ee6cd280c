import { type SQL, sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TollgateError } from '../../src/kernel/errors.ts'
import { type Db, rows } from '../../src/stores/postgres/db.ts'
import {
  isUnavailable,
  query,
  refusesContent,
  sqlState,
  unavailable,
  violates,
} from '../../src/stores/postgres/failure.ts'
import { openNeon } from '../../src/stores/postgres/neon.ts'
import { openNodePostgres } from '../../src/stores/postgres/node-postgres.ts'
import { openMigratedPglite } from '../support/pglite.ts'
import { freshDatabase, type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { real } from '../support/redis.ts'

const errorOf = async (db: Db, statement: SQL): Promise<unknown> => {
  try {
    await rows(db, statement)
  } catch (error) {
    return error
  }
  throw new Error('It should have failed')
}

/** Raises any SQLSTATE. */
const raising = (state: string) =>
  sql.raw(`do $$ begin raise exception 'raised' using errcode = '${state}'; end $$`)

describe.each(postgresBackends)('an error of Postgres on $name', ({ open }) => {
  let backend: PostgresBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend?.close())

  it.each([
    ['a value that is none', sql`select ${'x'}::text::uuid`, '22P02'],
    [
      'a column that is not null',
      sql`insert into tenants (id) values (${crypto.randomUUID()}::uuid)`,
      '23502',
    ],
    ['a division by zero', sql`select (1 / ${0}::int)::text`, '22012'],
  ])('refuses %s for its content', async (_, statement, state) => {
    const error = await errorOf(backend.db, statement)
    expect(sqlState(error)).toBe(state)
    expect(refusesContent(error)).toMatch(new RegExp(`^${state} .+`))
    expect(isUnavailable(error)).toBe(false)
    expect(unavailable(error)).toBe(error)
  })

  it('in the statement itself is neither', async () => {
    const error = await errorOf(backend.db, sql`select * from no_such_table`)
    expect(sqlState(error)).toBe('42P01')
    expect(refusesContent(error)).toBeNull()
    expect(isUnavailable(error)).toBe(false)
  })

  it.each(['40001', '40P01', '53300', '57014', '57P01', '57P03', '08006', '55P03'])(
    '%s may be gone at the next try',
    async (state) => {
      const error = await errorOf(backend.db, raising(state))
      expect(sqlState(error)).toBe(state)
      expect(refusesContent(error)).toBeNull()
      expect(unavailable(error)).toMatchObject({
        code: 'store_unavailable',
        retryAfterSeconds: expect.any(Number),
      })
    },
  )

  it('that a unique index raised names it, in whatever language it speaks', async () => {
    const raised = (message: string, index: string, state = '23505') =>
      errorOf(
        backend.db,
        sql.raw(
          `do $$ begin raise exception '${message}' using errcode = '${state}', constraint = '${index}'; end $$`,
        ),
      )
    const german = await raised('doppelter Schlüsselwert verletzt Unique-Constraint »by_id«', 'by_id')
    expect([violates(german, 'by_id'), violates(german, 'by_name')]).toEqual([true, false])
    expect(violates(await raised('by_id', 'by_name'), 'by_id')).toBe(false)
    expect(violates(await raised('by_id', 'by_id', '23514'), 'by_id')).toBe(false)
  })

  it('of a driver that leaves the name out has it in its text', () => {
    const error = { code: '23505', message: 'doppelter Schlüsselwert verletzt Unique-Constraint »by_id«' }
    expect(violates({ cause: error }, 'by_id')).toBe(true)
    expect(violates({ cause: error }, 'by_name')).toBe(false)
  })

  it('does not put what was sent into the text for callers', async () => {
    const error = await query(
      backend.db,
      sql`select ${'my secret'}::text, pg_sleep(0), ${'x'}::text::int`,
    ).catch((e: unknown) => e)
    expect(error).not.toBeInstanceOf(TollgateError)
  })
})

describe('a Postgres that is not there', () => {
  const CLOSED = 'postgres://user:hunter2@127.0.0.1:1/none'
  const unreachable: { name: string; db: () => Promise<Db> }[] = [
    { name: 'node-postgres', db: async () => openNodePostgres(CLOSED, { max: 1, timeoutMs: 2_000 }).db },
    {
      name: 'Neon over HTTP',
      db: async () => openNeon(CLOSED, { fetchEndpoint: 'http://127.0.0.1:1/sql', timeoutMs: 2_000 }).db,
    },
    {
      name: 'a PGlite that was closed',
      db: async () => {
        const { db, close } = await openMigratedPglite()
        await close()
        return db
      },
    },
    {
      name: 'a pool that was closed',
      db: async () => {
        const { db, close } = openNodePostgres(CLOSED, { max: 1, timeoutMs: 2_000 })
        await close()
        return db
      },
    },
  ]

  it.each(unreachable)('is store_unavailable through $name, without its password', async ({ db }) => {
    const error = await query(await db(), sql`select '1' as one`).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'store_unavailable' })
    expect((error as TollgateError).detail).not.toContain('hunter2')
  })
})

describe.runIf(real)('a connection that Postgres ends', () => {
  it('while it is in use, between two statements, ends nothing else: the next statement fails', async () => {
    const { url, drop } = await freshDatabase()
    const { pool, close } = openNodePostgres(url, { max: 2, timeoutMs: 20_000 })
    const client = await pool.connect()
    const { rows: found } = await client.query('select pg_backend_pid() as pid')
    const ended = new Promise((resolve) => client.once('end', resolve))
    await pool.query('select pg_terminate_backend($1)', [found[0].pid])
    await ended
    await expect(client.query('select 1')).rejects.toThrow()
    client.release(true)
    await close()
    await drop()
  })
})

describe('what is no error of Postgres', () => {
  it.each([
    ['a mistake of ours', new TypeError('x is not a function')],
    ['an EPIPE is no SQLSTATE', null],
    ['words of an outage in a parameter', new Error('Failed query: insert …\nparams: connection terminated')],
  ])('stays what it is: %s', (_, error) => {
    const epipe = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
    if (error === null) {
      expect(sqlState(epipe)).toBeNull()
      expect(isUnavailable(epipe)).toBe(true)
    } else expect(unavailable(error)).toBe(error)
  })

  it('a store’s own error is given on as it is', () => {
    const error = new TollgateError('not_found', 'x')
    expect(unavailable(error)).toBe(error)
  })
})
