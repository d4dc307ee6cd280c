// Every bound of the stores of blocks, by name.

/** Bytes of one block: as base64 it fits into one statement over HTTP, and one answer. */
export const BLOCK_BYTES = 4_194_304
/** Characters of a block's name, and of one of its three parts (a file's name). */
export const BLOCK_NAME_CHARS = 512
export const BLOCK_NAME_PART_CHARS = 200
/** Bytes of contents that one statement writes or reads: 6 MB as base64, where Neon takes 8. */
export const STATEMENT_BYTES = 4_500_000
/** Names in one statement. */
export const NAMES_PER_STATEMENT = 1_000

/** Files that are written or read at one time. */
export const FILES_AT_ONCE = 8
/** Looks at a folder that others change meanwhile, before it counts as out of reach. */
export const FOLDER_LOOKS = 20
/** A file that was being written when its process ended is cleared away after so long. */
export const DRAFT_KEPT_MS = 3_600_000

/** Requests to a bucket at one time: a Worker may have six connections. */
export const REQUESTS_AT_ONCE = 4
export const REQUEST_TIMEOUT_MS = 10_000
/** Tries of a request that may be made again, and the pause before the second; it doubles. */
export const REQUEST_TRIES = 3
export const FIRST_PAUSE_MS = 100
/** Names in one answer of a bucket, and in one call that removes. */
export const NAMES_PER_REQUEST = 1_000
/** Characters of an answer that lists a bucket, and of one that says what went wrong. */
export const ANSWER_CHARS = 4_000_000
export const REASON_CHARS = 300

/** Bytes of a part of an export's file: S3 takes 5 MiB and more, and 10,000 of them. One is in memory, and the next. */
export const PART_BYTES = 8_388_608
export const PART_TIMEOUT_MS = 60_000
/** Characters of such a file's name. */
export const EXPORT_NAME_CHARS = 300
