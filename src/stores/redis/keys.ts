// Every key name, built here and nowhere else: for TypeScript, and for the scripts as the Lua functions of `luaKeys`.
// All keys of a partition share the hash tag {p}, so that a Redis Cluster keeps them on one node.
//
//   tg:{p}:meta         hash   the partition's state (fields: see luaKeys)
//   tg:{p}:sealed       zset   ids of sealed segments, scored by their birth
//   tg:{p}:kept         zset   ids of settled segments whose counters are kept for a while, scored by when they were discarded
//   tg:{p}:quarantine   hash   id of a segment that Postgres refuses → why
//   tg:{p}:seg:<id>     hash   a segment's counters: field (metering/counter.ts) → "a" or "a b"
//   tg:{p}:idx:<id>     zset   the same fields in byte order, all scored 0: one customer's are a range
//   tg:{p}:dd:<tenant>:<n>  hash   a dedupe generation: digest of an event's id → fingerprint of its content

export const metaKey = (partition: number): string => `tg:{${partition}}:meta`

/**
 * Prepended to every script, whose KEYS[1] is the partition's meta key. Fields of meta:
 *   open, born, count, bytes   the open segment: its id, birth (ms), counters and their size
 *   ordinal                    how many segments this partition has opened
 *   unsettled, u:<tenant>      counters not yet discarded, of all and of one tenant
 *   partitions                 how many partitions the data was written with
 *   c:<tenant>                 newest version of the tenant's configuration
 *   a:<tenant>:<meter>         "events quantity" that the meter took in all
 *   l:<tenant>:<meter>         "events quantity since": acknowledged ones that are known to be lost
 *   w:<slot>:<tenant>:<meter>  "caller events quantity" that the meter took from the caller in this slot
 *   s:<tenant>                 since when its accounts disagree (ms)
 *   d:<tenant>                 its dedupe generations, newest first: "n:born:ids" and then "n:closed" for older ones
 *   lease_owner, lease_until   who is settling at present
 *   last_flush                 when the aggregator last looked (ms)
 */
export const luaKeys = `
local META = KEYS[1]
local BASE = string.sub(META, 1, -5)
local SEALED = BASE .. 'sealed'
local KEPT = BASE .. 'kept'
local QUARANTINE = BASE .. 'quarantine'
local function segment_key(id) return BASE .. 'seg:' .. id end
local function index_key(id) return BASE .. 'idx:' .. id end
local function dedupe_key(tenant, n) return BASE .. 'dd:' .. tenant .. ':' .. n end
local function integer(n) return string.format('%.0f', n) end
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), time
end
`
