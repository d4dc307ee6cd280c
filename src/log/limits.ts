// Every bound of the log, by name.

/** Events in a block, characters of them before they are compressed, and how long it takes from the first one's arrival to the last one's. */
export const BLOCK_EVENTS = 1_000
export const BLOCK_BYTES = 256 * 1024
export const BLOCK_SPAN_MICROS = 300_000_000

/** Blocks that one page of events is looked for in: so many thousand events. A page that finds too few says where to go on. */
export const BLOCKS_PER_PAGE = 64
/** Bytes of what is not settled yet that one page is looked for in. */
export const LIVE_BYTES_PER_PAGE = 1_000_000
/** Blocks that one event is looked for in: as many as may by chance have its number in the index. */
export const BLOCKS_PER_EVENT = 50

/** Conditions on properties in one filter, and characters of what is searched for. */
export const PROPERTY_FILTERS = 10
export const SEARCH_CHARS = 256

/** How often a stream looks for new events, how long one connection lasts, and events that it sends at once. */
export const STREAM_EVERY_MS = 1_000
export const STREAM_SECONDS = 300
export const STREAM_PAGE = 500

/** Meters that one run fills, and steps that it takes, of all of them together: each is a handful of calls. */
export const REPLAY_METERS_PER_RUN = 20
export const REPLAY_STEPS_PER_RUN = 8
/** Blocks and events that one step counts, and counters that one statement merges. A block that has more is alone. */
export const REPLAY_BLOCKS_PER_STEP = 500
export const REPLAY_EVENTS_PER_STEP = 20_000
export const REPLAY_COUNTERS = 10_000
/** Characters of their names. */
export const REPLAY_CHARS = 1_000_000
/** Blocks that are counted to say how much is left: there may be more. */
export const REPLAY_BLOCKS_SHOWN = 100_000
