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

/** Blocks that one run takes out of the log for their age. */
export const EXPIRED_PER_RUN = 1_000
/** Days that a block is kept longer where a meter owes it that is being filled. */
export const OWED_DAYS = 7
/** Names that a sweep asks for at once, and how often in one run. */
export const SWEEP_NAMES = 1_000
export const SWEEP_PAGES_PER_RUN = 5
/** A block that nothing names is left alone for so long, and for as long as settled segments are kept. */
export const SWEEP_SLACK_MS = 86_400_000

/** Blocks that one run rewrites for erasures, and that the request itself does; and how many are in memory at once. */
export const ERASED_BLOCKS_PER_RUN = 200
export const ERASED_BLOCKS_AT_FIRST = 20
export const ERASED_BLOCKS_AT_ONCE = 8
/** Erasures that are offered again by one statement. */
export const NOTED_ERASURES_AT_ONCE = 1_000
/** What one correction takes at most: blocks, events, and rows of usage that it changes, with characters of their names. */
export const ACT_BLOCKS = 1_000
export const ACT_EVENTS = 100_000
export const ACT_COUNTERS = 10_000
export const ACT_CHARS = 1_000_000
/** Blocks that are read to count rows anew, and blocks that are in memory at once. */
export const RECOUNT_BLOCKS = 1_000
export const ACT_BLOCKS_AT_ONCE = 32
/** How often an act is computed anew when something else came first. */
export const ACT_TRIES = 5
/** Corrections that one run of the job looks at, in pages, and how long one waits for an event that Redis may have lost. */
export const WANTED_PER_PAGE = 100
export const WANTED_PAGES_PER_RUN = 10
export const WANTED_HOURS = 24
/** Acts that the counter store notes of one tenant, and bytes of them: the oldest go first. */
export const ACT_NOTES = 500
export const ACT_NOTE_BYTES = 4_000_000
/** Notes that are read at once, and pages of acts that one run enters again. */
export const ACT_NOTES_AT_ONCE = 50
export const OFFERED_PAGES_PER_RUN = 20
/** How far before the last act that is noted acts are looked for: clocks of two Postgres servers differ. */
export const ACT_NOTE_SLACK_MICROS = 60_000_000
/** Characters of a reason. */
export const REASON_CHARS = 500
/**
 * What a dry run of a meter reads at most: blocks and events, as many as one run fills; and pages of what is not settled yet, of
 * so many bytes.
 */
export const DRY_RUN_BLOCKS = REPLAY_STEPS_PER_RUN * REPLAY_BLOCKS_PER_STEP
export const DRY_RUN_EVENTS = REPLAY_STEPS_PER_RUN * REPLAY_EVENTS_PER_STEP
export const DRY_RUN_LIVE_PAGES = 4
export const DRY_RUN_LIVE_BYTES = 4_000_000
/** Counters that it keeps at most, of all customers and of one, and how often it looks for what came meanwhile. */
export const DRY_RUN_COUNTERS = 200_000
export const DRY_RUN_COUNTERS_OF_ONE = 20_000
export const DRY_RUN_TRIES = 5
/** Blocks that are read at once after what is not settled was: few, so that both are of about one instant. */
export const DRY_RUN_LAST_BLOCKS = 8
