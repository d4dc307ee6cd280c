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
 * Returns  {'sealed', now_ms, {{id, born_ms, reason or nil}, …}, offer, ids, fill, opened}   offer: names when kept segments were
 *                               last offered again; ids: 1 if there are some to be forgotten, which is looked for every ten
 *                               minutes; fill: when it was said that a meter is to be filled, or ''; opened: in partition 0, how
 *                               many partitions there are, or less
 *          {'leased', until_ms}   another owner is at work: nothing is changed
 *          {'partitions', n}      the data was written with another number of partitions
 */
export const seal = script(
  'seal',
  `${sealedList}
local now = now_ms()
local meta = redis.call('HMGET', META, 's', 'lease_owner', 'lease_until', 'offer', 'looked_for_ids', 'fill', 'opened')
local partition = parse_state(meta[1])
if partition.partitions and partition.partitions ~= ARGV[4] then return {'partitions', partition.partitions} end
if meta[2] and meta[2] ~= ARGV[1] and tonumber(meta[3]) > now then return {'leased', meta[3]} end
local note, ids = {'last_flush', integer(now)}, 0
if tonumber(meta[5] or 0) + 600000 <= now then
  if redis.call('ZRANGEBYSCORE', FORGETTING, '-inf', integer(now), 'LIMIT', 0, 1)[1] then ids = 1
  else note[3], note[4] = 'looked_for_ids', integer(now) end
end
local looked = redis.pcall('HSET', META, unpack(note))
if type(looked) == 'table' and looked.err then
  -- Redis is full. It refuses a script only whose first write would take memory, so the first one frees some: settling
  -- is what gives the rest back. What is kept in case Postgres is put back is given up.
  redis.call('HDEL', META, 'last_flush')
  for _, id in ipairs(redis.call('ZRANGE', KEPT, 0, -1)) do redis.call('UNLINK', segment_key(id), index_key(id)) end
  redis.call('DEL', KEPT)
end
if partition.open and partition.count > 0 then
  redis.call('ZADD', SEALED, integer(partition.born), partition.open)
  partition.open, partition.born, partition.count, partition.bytes = nil, 0, 0, 0
  redis.call('HSET', META, 's', state_text(partition))
end
local segments = sealed_segments()
-- One segment is settled in a moment: a lease would take longer to give back than what it saves.
local several = segments[2] and tonumber(segments[2][2]) + tonumber(ARGV[3]) <= now
if several and tonumber(ARGV[2]) > 0 then
  redis.call('HSET', META, 'lease_owner', ARGV[1], 'lease_until', integer(now + tonumber(ARGV[2])))
end
return {'sealed', integer(now), segments, meta[4] or '', ids, meta[6] or '', meta[7] or '0'}
`,
)

/**
 * The same list without changing anything.
 *
 * KEYS  1  the partition's meta
 * Returns  {now_ms, {open, born_ms, counters, bytes}, {{id, born_ms, reason or nil}, …}, unsettled, last_flush_ms or nil, offer}
 */
export const state = script(
  'state',
  `${sealedList}
local now = now_ms()
local meta = redis.call('HMGET', META, 's', 'last_flush', 'offer')
local partition = parse_state(meta[1])
return {integer(now), {partition.open or false, integer(partition.born), integer(partition.count), integer(partition.bytes)},
  sealed_segments(), integer(partition.unsettled), meta[2], meta[3] or ''}
`,
)

/**
 * With how many partitions the data is written; it is what the first caller says.
 *
 * KEYS  1  the meta of partition 0, whatever the number      ARGV  1  number of partitions      Returns  the number
 */
export const partitionsOf = script(
  'partitions-of',
  `local partition = parse_state(redis.call('HGET', META, 's'))
if partition.partitions then return partition.partitions end
partition.partitions = ARGV[1]
-- A full Redis takes no note of it, and need not: nothing is written with another number before it does.
redis.pcall('HSET', META, 's', state_text(partition))
return ARGV[1]`,
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
