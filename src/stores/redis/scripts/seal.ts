import { script } from '../script.ts'

const sealedList = `
local function sealed_segments()
  local listed = redis.call('ZRANGE', SEALED, 0, -1, 'WITHSCORES')
  local result = {}
  if #listed == 0 then return result end
  local reasons, held = redis.call('HGETALL', QUARANTINE), {}
  for i = 1, #reasons, 2 do held[reasons[i]] = reasons[i + 1] end
  for i = 1, #listed, 2 do
    result[#result + 1] = {listed[i], integer(tonumber(listed[i + 1])), held[listed[i]] or false}
  end
  return result
end
`

/**
 * Closes the open segment, if it has counters, so that nothing writes to it again, and lists the sealed ones, oldest first.
 * The lease only saves overlapping runs work: everything is correct without it.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  owner of the lease   2  lease_ms, 0 for none   3  settle_after_ms   4  number of partitions
 *
 * Returns  {'sealed', now_ms, {{id, born_ms, reason or nil}, …}}
 *          {'leased', until_ms}   another owner is at work: nothing is changed
 *          {'partitions', n}      the data was written with another number of partitions
 */
export const seal = script(
  'seal',
  `${sealedList}
local now = now_ms()
local meta = redis.call('HMGET', META, 'open', 'born', 'count', 'lease_owner', 'lease_until', 'partitions')
if meta[6] and meta[6] ~= ARGV[4] then return {'partitions', meta[6]} end
if meta[4] and meta[4] ~= ARGV[1] and tonumber(meta[5]) > now then return {'leased', meta[5]} end
if meta[1] and tonumber(meta[3]) > 0 then
  redis.call('ZADD', SEALED, meta[2], meta[1])
  redis.call('HDEL', META, 'open', 'born', 'count', 'bytes')
end
local segments = sealed_segments()
local ripe = segments[1] and tonumber(segments[1][2]) + tonumber(ARGV[3]) <= now
if ripe and tonumber(ARGV[2]) > 0 then
  redis.call('HSET', META, 'lease_owner', ARGV[1], 'lease_until', integer(now + tonumber(ARGV[2])))
end
redis.call('HSET', META, 'last_flush', integer(now))
return {'sealed', integer(now), segments}
`,
)

/**
 * The same list without changing anything.
 *
 * KEYS  1  the partition's meta
 * Returns  {now_ms, {open, born_ms, counters, bytes}, {{id, born_ms, reason or nil}, …}, unsettled, last_flush_ms or nil,
 *           number of partitions or nil}
 */
export const state = script(
  'state',
  `${sealedList}
local now = now_ms()
local meta = redis.call('HMGET', META, 'open', 'born', 'count', 'bytes', 'unsettled', 'last_flush', 'partitions')
return {integer(now), {meta[1], meta[2], meta[3], meta[4]}, sealed_segments(), meta[5], meta[6], meta[7]}
`,
)

/**
 * Gives back the lease, if it is the caller's.
 *
 * KEYS  1  the partition's meta      ARGV  1  owner
 */
export const release = script(
  'release',
  `if redis.call('HGET', META, 'lease_owner') == ARGV[1] then redis.call('HDEL', META, 'lease_owner', 'lease_until') end
return 'OK'`,
)
