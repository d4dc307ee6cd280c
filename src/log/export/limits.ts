// The bounds of exports.

/** A text format is sent in pieces of about so many characters. */
export const CHUNK_CHARS = 65_536

/**
 * A Parquet file is written by row groups, and one is in memory at a time: so many rows at most, or characters of text and JSON
 * in them. Readers like them large, Workers have 128 MB.
 */
export const ROW_GROUP_ROWS = 20_000
export const ROW_GROUP_CHARS = 8_000_000

/** Digits of a decimal column in Parquet, before the point and after it: DECIMAL(38, 12), the most that readers take. */
export const DECIMAL_PRECISION = 38
export const DECIMAL_SCALE = 12

/** Events that are read at once: of as many blocks as are read for a page. */
export const EVENTS_PER_EXPORT_PAGE = 3_500

/** Customers whose usage is read at once. */
export const CUSTOMERS_PER_PAGE = 100
