// The bounds of imports.

/** Of one line, or of one CSV record with the line breaks in it: as UTF-8. */
export const LINE_BYTES = 262_144
export const COLUMNS = 200
/** Characters of a column's name. */
export const COLUMN_NAME_CHARS = 256
/** A whole import, unpacked. */
export const IMPORT_BYTES = 4_294_967_296
/** What is handed on at once: lines, which are events, and bytes of them. */
export const LINES_PER_BATCH = 1_000
export const BATCH_BYTES = 1_048_576
/** Errors that the answer names; of the others it says how many. */
export const ERRORS_NAMED = 1_000
/** Column names that an answer lists. */
export const COLUMNS_NAMED = 50
