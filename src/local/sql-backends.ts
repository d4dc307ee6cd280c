// Runs statements for the Neon bridge, over PGlite or a pool of connections. Every value goes in and comes out as the
// text that Postgres itself writes: what it means is the driver's affair.

import type { PGlite, Results } from '@electric-sql/pglite'
import type pg from 'pg'

export type Statement = { text: string; values: (string | null)[] }

export const isolationLevels = {
  ReadUncommitted: 'read uncommitted',
  ReadCommitted: 'read committed',
  RepeatableRead: 'repeatable read',
  Serializable: 'serializable',
}

export type TransactionMode = {
  isolation: keyof typeof isolationLevels
  readOnly: boolean
  deferrable: boolean
}

type Field = {
  name: string
  dataTypeID: number
  tableID: number
  columnID: number
  dataTypeSize: number
  dataTypeModifier: number
  format: string
}

export type SqlResult = {
  command: string
  rowCount: number | null
  fields: Field[]
  rows: (string | null)[][]
}

export type SqlBackend = {
  /** `mode`: as one transaction; null: the only statement runs on its own. Errors are Postgres's own. */
  run(statements: Statement[], mode: TransactionMode | null): Promise<SqlResult[]>
}

const characteristics = ({ isolation, readOnly, deferrable }: TransactionMode): string =>
  `isolation level ${isolationLevels[isolation]}${readOnly ? ' read only' : ''}${deferrable ? ' deferrable' : ''}`

/** PGlite has one session for everybody: requests take turns, and each finds the session as new. */
export function overPglite(client: PGlite): SqlBackend {
  const text = (value: string) => value
  const asText = (of: object) => Object.fromEntries(Object.keys(of).map((type) => [type, text]))
  const options = {
    rowMode: 'array',
    parsers: asText(client.parsers),
    serializers: asText(client.serializers),
  } as const
  const query = async (to: Pick<PGlite, 'query'>, { text, values }: Statement) =>
    pgliteResult(await to.query<(string | null)[]>(text, values, options))
  const turn = turns()
  return {
    run: (statements, mode) =>
      turn(async () => {
        try {
          if (mode === null) return [await query(client, statements[0]!)]
          return await client.transaction(async (transaction) => {
            await transaction.exec(`set transaction ${characteristics(mode)}`)
            const results: SqlResult[] = []
            for (const statement of statements)
              results.push(await query(transaction as unknown as PGlite, statement))
            return results
          })
        } finally {
          if (client.isInTransaction()) await client.exec('rollback')
          await client.exec('discard all')
        }
      }),
  }
}

/** Runs one at a time, in order. */
function turns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work)
    last = next.catch(() => {})
    return next
  }
}

const pgliteResult = ({ command, rowCount, fields, rows }: Results<(string | null)[]>): SqlResult => ({
  command: command ?? '',
  rowCount: rowCount ?? null,
  fields: fields.map((field) => ({
    ...field,
    tableID: 0,
    columnID: 0,
    dataTypeSize: -1,
    dataTypeModifier: -1,
    format: 'text',
  })),
  rows,
})

/** A connection goes back to the pool only if no transaction was left open on it. */
export function overPool(pool: pg.Pool): SqlBackend {
  const types = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig
  const query = async (client: pg.PoolClient, { text, values }: Statement) => {
    // `queryMode`: without values pg would take several statements in one text, which Neon does not.
    const config = { text, values, types, rowMode: 'array', queryMode: 'extended' } as const
    return poolResult(await client.query<(string | null)[]>(config))
  }
  return {
    run: async (statements, mode) => {
      const client = await pool.connect()
      try {
        if (mode === null) return [await query(client, statements[0]!)]
        await client.query(`begin ${characteristics(mode)}`)
        const results: SqlResult[] = []
        for (const statement of statements) results.push(await query(client, statement))
        await client.query('commit')
        return results
      } finally {
        client.release(
          (client as unknown as { getTransactionStatus(): string }).getTransactionStatus() !== 'I',
        )
      }
    },
  }
}

const poolResult = ({
  command,
  rowCount,
  fields,
  rows,
}: pg.QueryArrayResult<(string | null)[]>): SqlResult => ({
  command: command ?? '',
  rowCount,
  fields,
  rows,
})
