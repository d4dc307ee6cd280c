// What an error of a Postgres driver means. Each driver has its own: drizzle wraps them all (`cause`), Neon over HTTP puts
// SQLSTATE on the error or on its cause, node-postgres and sockets throw plain errors, fetch throws TypeErrors.

import type { SQL } from 'drizzle-orm'
import { TollgateError } from '../../kernel/errors.ts'
import { type Db, rows } from './db.ts'

const RETRY_AFTER_SECONDS = 2
const CAUSES_FOLLOWED = 5

/**
 * SQLSTATEs by class or in full that say nothing about the statement, only that it could not be run (or finished) now:
 * connection trouble, serialisation failures and deadlocks, lack of resources, shutdown, timeouts, I/O errors.
 */
const UNAVAILABLE = ['08', '40001', '40P01', '53', '55P03', '57014', '57P', '58', '25P0', '25006']

/** SQLSTATE classes that refuse what is in the statement: cardinality, data, constraints, limits of the program. */
const CONTENT = ['21', '22', '23', '54']

const SOCKET_CODES =
  /^(ECONN|EPIPE$|ETIMEDOUT$|EHOST|ENET|ENOTFOUND$|EAI_|EADDR|ESOCKET|UND_ERR_|ERR_SOCKET|ERR_TLS|ERR_SSL|CERT_|ENOENT$)/

const LOST =
  /connection (terminated|ended|closed|lost|error|timeout)|terminating connection|timeout exceeded|query read timeout|fetch failed|network connection lost|error connecting to database|server error \(http status (429|5)|not queryable|(is|has been|was) closed|after calling end on the pool|socket hang up|too many (connections|subrequests)/i

/** The error and what caused it, the outermost first. */
function* chain(error: unknown): Generator<Record<string, unknown>> {
  let current: unknown = error
  for (let i = 0; i < CAUSES_FOLLOWED && typeof current === 'object' && current !== null; i++) {
    const fields = current as Record<string, unknown>
    yield fields
    current = fields.cause ?? fields.sourceError
  }
}

/** Postgres's five-character code for the error, from whichever driver; null if Postgres said nothing. */
export function sqlState(error: unknown): string | null {
  for (const { code } of chain(error)) {
    // EPIPE has five characters too; every SQLSTATE in use has a digit.
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code)) return code
  }
  return null
}

const begins = (state: string, prefixes: string[]) => prefixes.some((prefix) => state.startsWith(prefix))

/** Why Postgres will refuse this statement for its content, however often it is sent; null if that is not what happened. */
export function refusesContent(error: unknown): string | null {
  const state = sqlState(error)
  if (state === null || !begins(state, CONTENT)) return null
  for (const { code, message } of chain(error)) if (code === state) return `${state} ${String(message)}`
  return state
}

const UNIQUE_VIOLATION = '23505'

/** Whether a unique index refused it. Its name is a field of the error; where a driver leaves that out, it is in the text, in any language. */
export function violates(error: unknown, index: string): boolean {
  if (sqlState(error) !== UNIQUE_VIOLATION) return false
  for (const { code, constraint, message } of chain(error))
    if (code === UNIQUE_VIOLATION)
      return typeof constraint === 'string' ? constraint === index : String(message).includes(index)
  return false
}

/** Whether a statement ended itself by a failure that says this: `('…' || n)::int`. */
export const saysOf = (error: unknown, text: string): boolean =>
  [...chain(error)].some(
    ({ message }) =>
      typeof message === 'string' && !message.startsWith('Failed query') && message.includes(`"${text}`),
  )

/** Whether Postgres could not be reached, or could not finish: the same statement may well succeed later. */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error)
  if (state !== null) return begins(state, UNAVAILABLE)
  for (const { code, name, message } of chain(error)) {
    if (typeof code === 'string' && SOCKET_CODES.test(code)) return true
    if (name === 'TimeoutError' || name === 'AbortError') return true
    // Drizzle's own message repeats the statement and its parameters: whatever stands in those is no symptom.
    if (typeof message === 'string' && !message.startsWith('Failed query') && LOST.test(message)) return true
  }
  return false
}

/** What to throw for an error of a driver: `store_unavailable` where a retry may help, else the error as it is. */
export function unavailable(error: unknown): unknown {
  if (error instanceof TollgateError || !isUnavailable(error)) return error
  return new TollgateError(
    'store_unavailable',
    'The database can’t be reached at present. Send the same request again.',
    {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      internal: error,
    },
  )
}

/** Runs one raw statement, every column of which is text or null; throws what `unavailable` makes of an error. */
export async function query<Row extends Record<string, string | null>>(
  db: Db,
  statement: SQL,
): Promise<Row[]> {
  try {
    return await rows<Row>(db, statement)
  } catch (error) {
    throw unavailable(error)
  }
}
