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
