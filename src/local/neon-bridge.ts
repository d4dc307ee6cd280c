// Speaks Neon's SQL over HTTP in front of PGlite or a Postgres, so that in development and in tests the production
// driver runs as it is. On the loopback interface only, and with the password checked.

import type { PGlite } from '@electric-sql/pglite'
import type pg from 'pg'
import { sameSecret } from '../kernel/digest.ts'
import {
  type Answer,
  type BridgeRequest,
  type Fault,
  type FaultHookOn,
  startBridgeServer,
  type Work,
} from './bridge-server.ts'
import {
  isolationLevels,
  overPglite,
  overPool,
  type SqlBackend,
  type SqlResult,
  type Statement,
  type TransactionMode,
} from './sql-backends.ts'

/** Less than Neon takes, so that what passes here passes there. */
const MAX_BODY_BYTES = 10 * 1024 * 1024
const MAX_ANSWER_BYTES = 10 * 1024 * 1024

/** `batch`: they run as one transaction. */
export type NeonRequest = { batch: boolean; queries: { query: string; params: (string | null)[] }[] }

export type FaultHook = FaultHookOn<NeonRequest>
export type { Fault }

const errorFields =
  'severity code detail hint position internalPosition internalQuery where schema table column dataType constraint file line routine'.split(
    ' ',
  )

export async function startNeonBridge(options: {
  backend: PGlite | pg.Pool
  password: string
  port?: number
  fault?: FaultHook
}): Promise<{ fetchEndpoint: string; connectionString: string; close(): Promise<void> }> {
  const { backend, password, port, fault } = options
  const sql = 'totalCount' in backend ? overPool(backend) : overPglite(backend)
  const server = await startBridgeServer<NeonRequest>({
    port,
    maxBodyBytes: MAX_BODY_BYTES,
    fault,
    understand: (request) => understand(sql, password, request),
    failure,
  })
  const address = `127.0.0.1:${server.port}`
  return {
    fetchEndpoint: `http://${address}/sql`,
    connectionString: `postgresql://tollgate:${encodeURIComponent(password)}@${address}/tollgate`,
    close: server.close,
  }
}

const failure = (status: number, message: string, fields: Record<string, unknown> = {}): Answer => ({
  status,
  text: JSON.stringify({
    message,
    ...Object.fromEntries(errorFields.map((name) => [name, fields[name] ?? null])),
  }),
})

function understand(sql: SqlBackend, password: string, request: BridgeRequest): Answer | Work<NeonRequest> {
  const { method, path, headers, body } = request
  if (method !== 'POST' || path !== '/sql') return failure(404, `no such endpoint: ${method} ${path}`)
  const denied = denial(headers['neon-connection-string'], password)
  if (denied !== null) return denied
  if (headers['neon-raw-text-output'] !== 'true') return failure(400, 'this bridge answers in raw text only')
  const mode = modeIn(headers)
  if (mode === null) return failure(400, 'invalid isolation level')
  const payload = payloadIn(body)
  if (payload === null) return failure(400, 'could not parse the HTTP request body')
  const { batch, queries } = payload
  const arrays = headers['neon-array-mode'] === 'true'
  return {
    seen: payload,
    apply: async () => {
      try {
        const results = await sql.run(queries.map(statementOf), batch ? mode : null)
        return answerOf(batch, results, arrays)
      } catch (error) {
        const fields = error as Record<string, unknown>
        const fromPostgres = typeof fields.code === 'string' && typeof fields.severity === 'string'
        return failure(fromPostgres ? 400 : 500, (error as Error).message, fromPostgres ? fields : {})
      }
    },
  }
}

const statementOf = ({ query, params }: NeonRequest['queries'][number]): Statement => ({
  text: query,
  values: params,
})

/** What Postgres itself says to a wrong password. */
function denial(connectionString: string | string[] | undefined, password: string): Answer | null {
  let given: URL
  try {
    given = new URL(String(connectionString).replace(/^postgres(ql)?:/, 'http:'))
  } catch {
    return failure(400, 'invalid or missing connection string')
  }
  if (sameSecret(decodeURIComponent(given.password), password)) return null
  const user = decodeURIComponent(given.username)
  return failure(400, `password authentication failed for user '${user}'`, {
    code: '28P01',
    severity: 'FATAL',
  })
}

function modeIn(headers: BridgeRequest['headers']): TransactionMode | null {
  const asked = headers['neon-batch-isolation-level']
  const isolation = asked === undefined ? 'ReadCommitted' : String(asked)
  if (!(isolation in isolationLevels)) return null
  return {
    isolation: isolation as TransactionMode['isolation'],
    readOnly: headers['neon-batch-read-only'] === 'true',
    deferrable: headers['neon-batch-deferrable'] === 'true',
  }
}

function payloadIn(body: string): NeonRequest | null {
  let payload: { query?: unknown; queries?: unknown }
  try {
    payload = JSON.parse(body)
  } catch {
    return null
  }
  if (payload === null || typeof payload !== 'object') return null
  const batch = Array.isArray(payload.queries)
  const queries = (batch ? (payload.queries as unknown[]) : [payload]) as {
    query?: unknown
    params?: unknown
  }[]
  if (queries.some((it) => typeof it?.query !== 'string' || !Array.isArray(it.params ?? []))) return null
  return {
    batch,
    queries: queries.map(({ query, params }) => ({
      query: query as string,
      params: ((params ?? []) as unknown[]).map(parameterText),
    })),
  }
}

/** JSON values become the text that Postgres reads. The driver itself sends strings and nulls only. */
function parameterText(value: unknown): string | null {
  if (value === null || typeof value === 'string') return value
  return Array.isArray(value) ? arrayText(value) : JSON.stringify(value)
}

const arrayText = (values: unknown[]): string => `{${values.map(elementText).join(',')}}`

function elementText(value: unknown): string {
  if (value === null) return 'NULL'
  if (Array.isArray(value)) return arrayText(value)
  return JSON.stringify(typeof value === 'object' ? JSON.stringify(value) : value)
}

function answerOf(batch: boolean, results: SqlResult[], arrays: boolean): Answer {
  const shaped = results.map((result) => shape(result, arrays))
  const text = JSON.stringify(batch ? { results: shaped } : shaped[0])
  return text.length > MAX_ANSWER_BYTES
    ? failure(507, `response is too large (max is ${MAX_ANSWER_BYTES} bytes)`)
    : { status: 200, text }
}

function shape({ command, rowCount, fields, rows }: SqlResult, arrays: boolean): unknown {
  const objects = () => rows.map((row) => Object.fromEntries(row.map((value, i) => [fields[i]!.name, value])))
  return { rowAsArray: arrays, fields, rows: arrays ? rows : objects(), command, rowCount }
}
