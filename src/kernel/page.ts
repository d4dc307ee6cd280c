// Lists in pages. A page is found again by the last item that was seen, never by an offset: what is added or taken
// away in the meantime moves nothing. A cursor says which list it belongs to, and is checked like any other input.

import { z } from 'zod'
import { TollgateError } from './errors.ts'

export const PAGE_DEFAULT = 20
export const PAGE_MAX = 100
const CURSOR_CHARS = 2_000

/** The query parameters of every list. */
export const pageParameters = {
  limit: z
    .string()
    .refine(
      (text) => /^[1-9]\d{0,2}$/.test(text) && Number(text) <= PAGE_MAX,
      `must be a whole number from 1 to ${PAGE_MAX}`,
    )
    .transform(Number)
    .optional()
    .meta({
      // What the text of the query is read as.
      type: 'integer',
      minimum: 1,
      maximum: PAGE_MAX,
      default: PAGE_DEFAULT,
      description: `How many items at most: 1 to ${PAGE_MAX}, ${PAGE_DEFAULT} by default.`,
      example: PAGE_DEFAULT,
    }),
  cursor: z.string().max(CURSOR_CHARS).optional().meta({ description: '`next_cursor` of the page before.' }),
}

export type PageQuery = { limit?: number | undefined; cursor?: string | undefined }

/** Items after the one at `after` (null: from the first), `limit` at most. */
export type PageRequest = { after: string | null; limit: number }

export type Page<Item> = { data: Item[]; next_cursor: string | null }

/** Reads `?limit=&cursor=`. `list` names the list; `position` is what an item's place must look like. */
export function pageRequest(list: string, query: PageQuery, position: z.ZodType<string>): PageRequest {
  const limit = query.limit ?? PAGE_DEFAULT
  if (query.cursor === undefined) return { after: null, limit }
  const parsed = z.tuple([z.literal(list), position]).safeParse(decode(query.cursor))
  if (parsed.success) return { after: parsed.data[1], limit }
  throw new TollgateError('validation_failed', 'The cursor is not one of this list.', {
    issues: [{ pointer: 'cursor', detail: 'must be the next_cursor of an earlier page of this list' }],
  })
}

/** Makes the page from the items after the cursor, of which the caller asked for one more than fit: that one says there is a next page. */
export function pageOf<Item>(
  list: string,
  items: Item[],
  limit: number,
  positionOf: (item: Item) => string,
): Page<Item> {
  const data = items.slice(0, limit)
  const last = data.at(-1)
  const more = items.length > limit && last !== undefined
  return { data, next_cursor: more ? encodeCursor(list, positionOf(last)) : null }
}

/** For a list whose next page begins elsewhere than after its last item. */
export function encodeCursor(list: string, position: string): string {
  const bytes = new TextEncoder().encode(JSON.stringify([list, position]))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

function decode(cursor: string): unknown {
  try {
    const binary = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0))
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return null
  }
}

/**
 * The order of the texts' UTF-8 bytes, which is the stores' order. JavaScript compares UTF-16 units, where an astral
 * character (two surrogates, 0xD800 and up) comes before U+E000 to U+FFFF; in UTF-8 it comes after.
 */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    const [a, b] = [left.charCodeAt(i), right.charCodeAt(i)]
    if (a !== b) return rank(a) - rank(b)
  }
  return left.length - right.length
}

const rank = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)

/** Merges lists that are each in UTF-8 order into one of their distinct items, `limit` at most. */
export const mergeUtf8 = (lists: string[][], limit: number): string[] =>
  [...new Set(lists.flat())].sort(compareUtf8).slice(0, limit)
