// Every key name, built here and nowhere else: for TypeScript, and for the scripts as the Lua functions of `luaKeys`.
// All keys of a partition share the hash tag {p}, so that they are on one node whatever Redis does with them.
//
//   tg:{p}:meta         hash   the partition's state (fields: see luaKeys)
//   tg:{p}:sealed       zset   ids of sealed segments, scored by their birth
//   tg:{p}:kept         zset   ids of settled segments whose counters are kept for a while, scored by when they were discarded
//   tg:{p}:erased       zset   "<tenant>\x1f<customer>\x1f<id>" of erasures, scored by what they cover (µs)
//   tg:{p}:acting       zset   tenants with corrections that are noted, scored by when the last one was
//   tg:{p}:acts:<tenant>        hash   of corrections, in case Postgres is put back: slot → what became of it (noted-acts.ts); "to", "bytes"
//   tg:{p}:acts-order:<tenant>  zset   the slots, in the order of the tenant's ledger
//   tg:{p}:quarantine   hash   id of a segment that Postgres refuses → why
//   tg:{p}:seg:<id>     hash   a segment's counters: field (metering/counter.ts) → "a" or "a b"; the log of its events, a field a
//                              call: "~<tenant>\x1f<µs>-<nonce>" → lists and lines (metering/logged.ts); and in a settled one, in
//                              place of its log, "!kept" → what makes the same blocks again
//   tg:{p}:idx:<id>     zset   the same fields in byte order, all scored 0: one customer's are a range
//   tg:{p}:dd:<tenant>:<n>      hash    event ids (scripts/ids.ts): of generation n, digest of an id → fingerprint of its event's content;
//                                       or, packed, of all from generation n on, a field → its ids
//   tg:{p}:dd:<tenant>:<n>:<b>  string  or a bucket of generation n
//   tg:{p}:forgetting           zset    generations in buckets, scored by when they are to be forgotten (ms): "tenant:n:buckets[:from]"

export const metaKey = (partition: number): string => `tg:{${partition}}:meta`

/**
 * Prepended to every script, whose KEYS[1] is the partition's meta key. Fields of meta, each one text that is read and
 * written as a whole, because every field costs:
 *   s                          "partitions ordinal unsettled open born count bytes": with how many partitions the data was
 *                              written; how many segments were opened; counters not yet discarded, and if there are any "+"
 *                              and bytes of the log; the open segment (or -), its birth (ms), counters and their size
 *   t:<tenant>                 "version unsettled generations": its configuration's newest version, its counters (and bytes of
 *                              the log) not yet discarded, its generations of ids, newest first: "n:born:ids:window_ms:buckets", then "n:closed:buckets";
 *                              packed, "p<fields>.<first n of the hash>" in place of buckets, and then ".<ids>" of those that are closed
 *   a:<slot>:<tenant>:<meter>  "events quantity" that the meter (its id) took from the callers in this slot; and if some of it is known
 *                              to be lost, " events quantity since_ms" of that
 *   d:<tenant>                 since when its accounts disagree (ms)
 *   p:<tenant>                 the newest placement that it was told of: "version nonce text" (scripts/placement.ts)
 *   database                   of a partition that was opened later: the name of its database
 *   opened                     in partition 0: how many partitions there are, once some were opened
 *   lease_owner, lease_until   who is settling at present
 *   last_flush                 when the aggregator last looked (ms)
 *   looked_for_ids             when it last looked for ids to be forgotten, and found none (ms)
 *   offer                      when kept segments were last offered again
 *   acts_offer                 when noted acts were
 *   fill                       when it was last said that a meter is to be filled from the log, until some run has filled all
 */
export const luaKeys = `
local META = KEYS[1]
local BASE = string.sub(META, 1, -5)
local SEALED, KEPT, QUARANTINE, FORGETTING = BASE .. 'sealed', BASE .. 'kept', BASE .. 'quarantine', BASE .. 'forgetting'
local ERASED, ACTING = BASE .. 'erased', BASE .. 'acting'
local function segment_key(id) return BASE .. 'seg:' .. id end
local function acts_key(tenant) return BASE .. 'acts:' .. tenant end
local function acts_order_key(tenant) return BASE .. 'acts-order:' .. tenant end
local function index_key(id) return BASE .. 'idx:' .. id end
local function dedupe_key(tenant, n) return BASE .. 'dd:' .. tenant .. ':' .. n end
local function integer(n) return string.format('%.0f', n) end
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), time[2]
end
local function is_log(field) return string.byte(field) == 126 end
local function log_tenant(field) return string.match(field, '^~([^\\31]*)') end
local function parse_unsettled(text)
  local counters, logged = string.match(text, '^(%d+)%+?(%d*)$')
  return tonumber(counters), tonumber(logged) or 0
end
local function unsettled_text(counters, logged)
  return logged > 0 and string.format('%.0f+%.0f', counters, logged) or integer(counters)
end
local function parse_state(text)
  if not text then return {ordinal = 0, unsettled = 0, logged = 0, born = 0, count = 0, bytes = 0} end
  local partitions, ordinal, waiting, open, born, count, bytes =
    string.match(text, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  local unsettled, logged = parse_unsettled(waiting)
  return {partitions = partitions, ordinal = tonumber(ordinal), unsettled = unsettled, logged = logged,
    open = open ~= '-' and open or nil, born = tonumber(born), count = tonumber(count), bytes = tonumber(bytes)}
end
local function state_text(s)
  return string.format('%s %.0f %s %s %.0f %.0f %.0f',
    s.partitions, s.ordinal, unsettled_text(s.unsettled, s.logged), s.open or '-', s.born, s.count, s.bytes)
end
local function parse_tenant(text)
  if not text then return 0, 0, '', 0 end
  local version, waiting, generations = string.match(text, '^(%S+) (%S+) (%S*)$')
  local unsettled, logged = parse_unsettled(waiting)
  return tonumber(version), unsettled, generations, logged
end
local function tenant_text(version, unsettled, generations, logged)
  return string.format('%.0f %s %s', version, unsettled_text(unsettled, logged), generations)
end
`
