import { type SQL, sql } from 'drizzle-orm'

/**
 * Texts without line breaks as an array, by one parameter that every driver takes alike: Postgres takes lines apart three times
 * as fast as JSON. One empty text alone makes an array of nothing: where it may come, unnest and coalesce.
 */
export const lines = (texts: string[]): SQL =>
  texts.length === 0 ? sql`'{}'::text[]` : sql`string_to_array(${texts.join('\n')}::text, chr(10))`
