import { script } from '../script.ts'
import { luaIds } from './ids.ts'

/**
 * Of a tenant a partition keeps the newest placement that it was told of: field p:<tenant> of meta, "version nonce text". Nothing
 * stands there of a tenant that was never moved.
 *
 *   overtakes(known, version, nonce) → the text of what is known, if it is later than the caller's, or another of the same version
 *   is_news(known, version)          → whether the caller's is to be kept
 */
export const luaPlacement = `
local function overtakes(known, version, nonce)
  if not known then return nil end
  local of, other, text = string.match(known, '^(%d+) (%S+) (.*)$')
  of = tonumber(of)
  if of > version or (of == version and other ~= nonce) then return text end
end
local function is_news(known, version)
  return version > (known and tonumber(string.match(known, '^%d+')) or 0)
end
`

/**
 * A script that reads what a tenant (ARGV 1) has in a partition. Its last two arguments are the version and the nonce of the
 * caller's placement, which the body does not see. Where the partition knows a later one, nothing is read.
 *
 * Returns  what the body does, or {{'moved', text of the later placement}}
 */
export const placedScript = (name: string, body: string) =>
  script(
    name,
    `${luaPlacement}
local placement_nonce, placement_version = table.remove(ARGV), tonumber(table.remove(ARGV))
local later_placement = overtakes(redis.call('HGET', META, 'p:' .. ARGV[1]), placement_version, placement_nonce)
if later_placement then return {{'moved', later_placement}} end
${body}`,
  )

/**
 * Asks a former home which ids it knows, and freezes it, in the same step: so what it answers stays true.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  tenant   2  version   3  nonce   4  text of the caller's placement   5  version of the caller's configuration
 *       6  dedupe_window_ms   7… for each event: id digest, fingerprint
 *
 * Returns  {'seen', letters}       for each event n(ew) d(uplicate) c(onflict)
 *          {'stale', version}      the configuration here is newer
 *          {'moved', text}         a later placement is known here: nothing is frozen
 */
export const lookUpIds = script(
  'look-up-ids',
  `${luaPlacement}${luaIds}
local tenant, version = ARGV[1], tonumber(ARGV[2])
local meta = redis.call('HMGET', META, 't:' .. tenant, 'p:' .. tenant)
local later = overtakes(meta[2], version, ARGV[3])
if later then return {'moved', later} end
if is_news(meta[2], version) then redis.call('HSET', META, 'p:' .. tenant, ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4]) end
local newest, _, generations = parse_tenant(meta[1])
if newest > tonumber(ARGV[5]) then return {'stale', integer(newest)} end
local ids, prints = {}, {}
for i = 7, #ARGV, 2 do
  ids[#ids + 1] = ARGV[i]
  prints[#prints + 1] = ARGV[i + 1]
end
local current, older = parse_generations(generations, tonumber(ARGV[6]), (now_ms()))
local alive = {current}
for _, generation in ipairs(older) do alive[#alive + 1] = generation end
local known, letters = look_up(tenant, alive, ids), {}
for i, id in ipairs(ids) do
  local seen = known[id]
  letters[i] = not seen and 'n' or seen == string.sub(prints[i], 1, #seen) and 'd' or 'c'
end
return {'seen', table.concat(letters)}
`,
)

/**
 * Freezes a former home, and says what is left in it of what was counted before: the tenant's counters in segments that were born
 * by the time it was frozen (now, if that is not known yet).
 *
 * KEYS  1  the partition's meta
 * ARGV  1  tenant   2  version   3  nonce   4  text of the placement   5  frozen_ms, or ''
 *
 * Returns  {'frozen', now_ms, counters}
 *          {'moved', text}         a later placement is known here
 */
export const freezeHome = script(
  'freeze-home',
  `${luaPlacement}
local tenant, version, now = ARGV[1], tonumber(ARGV[2]), now_ms()
local meta = redis.call('HMGET', META, 's', 'p:' .. tenant)
local later = overtakes(meta[2], version, ARGV[3])
if later then return {'moved', later} end
if is_news(meta[2], version) then redis.call('HSET', META, 'p:' .. tenant, ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4]) end
local frozen, counters = ARGV[5] == '' and now or tonumber(ARGV[5]), 0
local function add(id)
  counters = counters + redis.call('ZLEXCOUNT', index_key(id), '[' .. tenant .. '\\31', '(' .. tenant .. '\\32')
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', SEALED, '-inf', integer(frozen))) do add(id) end
local partition = parse_state(meta[1])
if partition.open and partition.born <= frozen then add(partition.open) end
return {'frozen', integer(now), counters}
`,
)

/**
 * What a partition knows of a tenant: the newest placement, and how many of its counters are not settled.
 *
 * KEYS  1  the partition's meta      ARGV  1  tenant      Returns  {text, or '', counters}
 */
export const knownPlacement = script(
  'known-placement',
  `local meta = redis.call('HMGET', META, 'p:' .. ARGV[1], 't:' .. ARGV[1])
local _, unsettled = parse_tenant(meta[2])
return {meta[1] and string.match(meta[1], '^%d+ %S+ (.*)$') or '', unsettled}`,
)

/**
 * What a partition knows of all tenants, a part at a time.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  where to go on: 0 at first, and then what was returned, until that is 0 again
 *
 * Returns  {cursor, tenant, text of its newest placement, …}
 */
export const knownPlacements = script(
  'known-placements',
  `local found = redis.call('HSCAN', META, ARGV[1], 'MATCH', 'p:*', 'COUNT', 500)
local result = {found[1]}
for i = 1, #found[2], 2 do
  result[#result + 1] = string.sub(found[2][i], 3)
  result[#result + 1] = string.match(found[2][i + 1], '^%d+ %S+ (.*)$')
end
return result`,
)

/**
 * Which database a partition that was opened later is in: its name is kept with the data.
 *
 * KEYS  1  the partition's meta      ARGV  1  the database that the caller takes it to be      Returns  the name
 */
export const databaseOf = script(
  'database-of',
  `local name = redis.call('HGET', META, 'database')
if name then return name end
-- A full Redis takes no note of it, and need not.
redis.pcall('HSET', META, 'database', ARGV[1])
return ARGV[1]`,
)

/**
 * Whether a partition is here: a database that holds one says so.
 *
 * KEYS  1  the partition's meta      Returns  its database's name, or ''
 */
export const holdsPartition = script('holds-partition', `return redis.call('HGET', META, 'database') or ''`)

/**
 * Says how many partitions there are, for whoever seals the first one next.
 *
 * KEYS  1  the meta of partition 0      ARGV  1  number
 */
export const announcePartitions = script(
  'announce-partitions',
  `if tonumber(redis.call('HGET', META, 'opened') or 0) < tonumber(ARGV[1]) then redis.call('HSET', META, 'opened', ARGV[1]) end
return 'OK'`,
)
