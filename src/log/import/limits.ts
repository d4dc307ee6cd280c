// The bounds of imports.

import type { ErrorCode } from '../../kernel/errors.ts'

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

/**
 * Lines of one import in a Worker, where a request may make 50 others on the free plan: four a thousand lines. More is said
 * with IMPORT_LINES.
 */
export const LINES_PER_REQUEST = 10_000

/** Codes that say that something is full, and will not be when the aggregator has settled some. */
export const FULL: readonly ErrorCode[] = ['backlog_full', 'log_backlog_full', 'memory_full']
/** How often a batch is tried that a store, or a full backlog, doesn't take, and how long it waits in between. */
export const BATCH_TRIES = 40
export const BATCH_PAUSE_MS = 15_000
export const STORE_TRIES = 5
export const STORE_PAUSE_MS = 2_000

/**
 * What arrived so long before ids are forgotten is looked for in the log, too, and for how long a look at what is not settled
 * yet holds. The first is longer by more than one batch takes and clocks differ.
 */
export const FORGOTTEN_SLACK_MS = 900_000
export const HOT_LOOK_MS = 300_000
/** Of what is not settled and soon forgotten, as far as one look goes. */
export const HOT_BYTES = 4_000_000
/** Blocks that are read at once to compare events with those of a batch. */
export const BLOCKS_COMPARED = 16
