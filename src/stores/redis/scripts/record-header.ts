/** What a call says besides its events, by name: ARGV from 1 on, in this order. */
export const recordHeader = [
  'tenant',
  /** of the caller's configuration */
  'version',
  /** number of partitions */
  'partitions',
  /** of the caller's placement; its text is '' where the tenant was never moved */
  'placement_version',
  'placement_nonce',
  'placement',
  /** the callers that share the call, in order, with commas between them: s(trict) or l(enient), and how many events are its */
  'groups',
  /** for a new segment's id */
  'nonce',
  /** the caller's */
  'slot',
  'segment_max_age_ms',
  'segment_max_counters',
  'segment_max_bytes',
  'backlog_max_counters',
  'backlog_max_counters_of_tenant',
  'backlog_max_log_bytes',
  'backlog_max_log_bytes_of_tenant',
  'dedupe_window_ms',
  /** how ids are laid out: scripts/ids.ts */
  'dedupe_layout',
  'dedupe_layout_ids',
  /** number of meters */
  'meters',
  /** how each counter merges, a letter each: a(dd) n(min) x(max) l(atest) o(nce) */
  'merges',
  /** which meter each counter is of, by position (from 1), with commas between them */
  'meter_of',
  /** the lists of its events, as JSON; '': nothing is logged */
  'lists',
  /** How many of the counters, the last ones, are those of the lists. The last meter is the log then. */
  'list_counters',
] as const
