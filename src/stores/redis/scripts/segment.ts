import { script } from '../script.ts'

/**
 * What a sealed segment holds: counters, and what it logged. Nothing writes to it any more, so this is all of it; empty if it is
 * gone.
 *
 * KEYS  1  the partition's meta      ARGV  1  id      Returns  {field, value, …}
 */
export const readSegment = script('read-segment', `return redis.call('HGETALL', segment_key(ARGV[1]))`)

/**
 * Drops a settled segment, if it is still listed; a second time does nothing. For a while its counters are kept, out of
 * sight of every read, to be offered again should Postgres lose them. Where kept segments were offered again since it was
 * listed, Postgres may have lost it after it was settled: it stays, and is settled anew. So does one that holds another number
 * of fields than were read: a Redis that was put back in between may have brought it back as it was before.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  id   2  keep_ms   3  the offer that it was listed under   4  how many fields were read
 *       5  what is kept in place of its log, or ''
 *       6… a tenant, how many of the counters and how many bytes of the log are its, for each tenant in the segment
 */
export const discard = script(
  'discard',
  `
local meta = redis.call('HMGET', META, 's', 'offer')
if (meta[2] or '') ~= ARGV[3] then return 'OFFERED_AGAIN' end
local fields = redis.call('HLEN', segment_key(ARGV[1]))
if fields > 0 and fields ~= tonumber(ARGV[4]) then return 'CHANGED' end
if redis.call('ZREM', SEALED, ARGV[1]) == 0 then return 'GONE' end
local keep, now = tonumber(ARGV[2]), now_ms()
if keep > 0 then
  if ARGV[5] ~= '' then
    local logged = {}
    for _, field in ipairs(redis.call('HKEYS', segment_key(ARGV[1]))) do
      if is_log(field) then logged[#logged + 1] = field end
    end
    for from = 1, #logged, 3500 do
      redis.call('HDEL', segment_key(ARGV[1]), unpack(logged, from, math.min(from + 3499, #logged)))
    end
    redis.call('HSET', segment_key(ARGV[1]), '!kept', ARGV[5])
  end
  redis.call('PEXPIRE', segment_key(ARGV[1]), ARGV[2])
  redis.call('PEXPIRE', index_key(ARGV[1]), ARGV[2])
  redis.call('ZADD', KEPT, integer(now), ARGV[1])
else
  redis.call('UNLINK', segment_key(ARGV[1]), index_key(ARGV[1]))
end
redis.call('ZREMRANGEBYSCORE', KEPT, '-inf', integer(now - keep))
redis.call('HDEL', QUARANTINE, ARGV[1])
local partition, discarded = parse_state(meta[1]), 0
local bytes_discarded = 0
for i = 6, #ARGV, 3 do
  local counters, bytes, field = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), 't:' .. ARGV[i]
  local version, unsettled, generations, logged = parse_tenant(redis.call('HGET', META, field))
  redis.call('HSET', META, field,
    tenant_text(version, math.max(unsettled - counters, 0), generations, math.max(logged - bytes, 0)))
  discarded, bytes_discarded = discarded + counters, bytes_discarded + bytes
end
partition.unsettled = math.max(partition.unsettled - discarded, 0)
partition.logged = math.max(partition.logged - bytes_discarded, 0)
if partition.partitions then redis.call('HSET', META, 's', state_text(partition)) end
return 'OK'
`,
)

/**
 * Which of these segments are here at all: open, sealed, or settled and kept for a while.
 *
 * KEYS  1  the partition's meta      ARGV  1…  ids      Returns  {id, …}
 */
export const knownSegments = script(
  'known-segments',
  `
local known = {}
for _, id in ipairs(ARGV) do
  if redis.call('EXISTS', segment_key(id)) == 1 then known[#known + 1] = id end
end
return known
`,
)

/**
 * Marks a sealed segment that can't be settled. Its counters stay, and stay part of every bill.
 *
 * KEYS  1  the partition's meta      ARGV  1  id   2  why
 */
export const quarantine = script(
  'quarantine',
  `if redis.call('ZSCORE', SEALED, ARGV[1]) then redis.call('HSET', QUARANTINE, ARGV[1], ARGV[2]) end
return 'OK'`,
)

/**
 * Marks a listed segment whose counters are gone. One that has them, because Redis was put back since, is left alone.
 *
 * KEYS  1  the partition's meta      ARGV  1  id   2  why
 */
export const markMissing = script(
  'mark-missing',
  `if redis.call('ZSCORE', SEALED, ARGV[1]) and redis.call('EXISTS', segment_key(ARGV[1])) == 0 then
  redis.call('HSET', QUARANTINE, ARGV[1], ARGV[2])
end
return 'OK'`,
)

/**
 * Lists kept segments among the sealed ones again, as far as their counters are still there. Settling one that Postgres has
 * does nothing. From now on nothing is discarded for having been settled before: see discard.
 *
 * KEYS  1  the partition's meta      ARGV  1  how many at most      Returns  {offered, taken off the list}
 */
export const reoffer = script(
  'reoffer',
  `
local offered, ids = 0, redis.call('ZRANGE', KEPT, 0, tonumber(ARGV[1]) - 1)
local partition, of_tenant = parse_state(redis.call('HGET', META, 's')), {}
for _, id in ipairs(ids) do
  if redis.call('EXISTS', segment_key(id)) == 1 then
    redis.call('PERSIST', segment_key(id))
    redis.call('PERSIST', index_key(id))
    redis.call('ZADD', SEALED, string.match(id, '^%d+'), id)
    for _, field in ipairs(redis.call('HKEYS', segment_key(id))) do
      if field ~= '!kept' then
        local tenant = string.match(field, '^[^\\31]*')
        of_tenant[tenant] = (of_tenant[tenant] or 0) + 1
      end
    end
    offered = offered + 1
  end
  redis.call('ZREM', KEPT, id)
end
for tenant, counters in pairs(of_tenant) do
  local version, unsettled, generations, logged = parse_tenant(redis.call('HGET', META, 't:' .. tenant))
  redis.call('HSET', META, 't:' .. tenant, tenant_text(version, unsettled + counters, generations, logged))
  partition.unsettled = partition.unsettled + counters
end
local now, microseconds = now_ms()
redis.call('HSET', META, 'offer', integer(now) .. '-' .. microseconds)
if partition.partitions then redis.call('HSET', META, 's', state_text(partition)) end
return {offered, #ids}
`,
)

/**
 * Takes a segment off the list of the sealed ones, if its counters are gone. How much is unsettled is counted anew: what the
 * segment had of it nobody can tell any more. That looks at every tenant; it is the operator's call, and a rare one.
 *
 * KEYS  1  the partition's meta      ARGV  1  id      Returns  1, or 0: it is not listed, or its counters are there
 */
export const dropMissing = script(
  'drop-missing',
  `
if redis.call('EXISTS', segment_key(ARGV[1])) == 1 then return 0 end
if redis.call('ZREM', SEALED, ARGV[1]) == 0 then return 0 end
redis.call('HDEL', QUARANTINE, ARGV[1])
redis.call('UNLINK', index_key(ARGV[1]))
local partition, live = parse_state(redis.call('HGET', META, 's')), redis.call('ZRANGE', SEALED, 0, -1)
if partition.open then live[#live + 1] = partition.open end
partition.unsettled, partition.logged = 0, 0
local logged = {}
for i = #live, 1, -1 do
  local fields = redis.call('HKEYS', segment_key(live[i]))
  for _, field in ipairs(fields) do
    if is_log(field) then
      local tenant = log_tenant(field)
      local bytes = #field + redis.call('HSTRLEN', segment_key(live[i]), field)
      logged[tenant] = (logged[tenant] or 0) + bytes
      partition.logged = partition.logged + bytes
    elseif field ~= '!kept' then
      partition.unsettled = partition.unsettled + 1
    end
  end
  if #fields == 0 then table.remove(live, i) end
end
if partition.partitions then redis.call('HSET', META, 's', state_text(partition)) end
for _, field in ipairs(redis.call('HKEYS', META)) do
  local tenant = string.match(field, '^t:(.*)$')
  if tenant then
    local version, _, generations = parse_tenant(redis.call('HGET', META, field))
    local unsettled = 0
    for _, id in ipairs(live) do
      unsettled = unsettled + redis.call('ZLEXCOUNT', index_key(id), '[' .. tenant .. '\\31', '(' .. tenant .. '\\32')
    end
    redis.call('HSET', META, field, tenant_text(version, unsettled, generations, logged[tenant] or 0))
  end
end
return 1
`,
)
