import { script } from '../script.ts'
import { placedScript } from './placement.ts'

const segmentIds = `
local function live_segments()
  local ids = redis.call('ZRANGE', SEALED, 0, -1)
  local open = parse_state(redis.call('HGET', META, 's')).open
  if open then ids[#ids + 1] = open end
  return ids
end
-- A customer's fields begin with tenant, separator, customer, separator; the byte after the separator ends the range.
local SEPARATOR, AFTER = '\\31', '\\32'
`

/**
 * What a bill needs of Redis, in one step: for every segment not yet discarded its id and these customers' counters.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  tenant   2  most counters to return   3… customers
 *
 * Returns  {'live', version or 0, {{id, {field, value, …}}, …}}   only segments that have some
 *          {'too_many'}
 */
export const readLive = placedScript(
  'read-live',
  `${segmentIds}
local tenant, room = ARGV[1], tonumber(ARGV[2])
local result = {}
for _, id in ipairs(live_segments()) do
  local pairs_of_segment = {}
  for c = 3, #ARGV do
    local prefix = '[' .. tenant .. SEPARATOR .. ARGV[c]
    local fields = redis.call('ZRANGEBYLEX', index_key(id), prefix .. SEPARATOR, '(' .. string.sub(prefix, 2) .. AFTER,
      'LIMIT', 0, room + 1)
    room = room - #fields
    if room < 0 then return {'too_many'} end
    for from = 1, #fields, 3500 do
      local to = math.min(from + 3499, #fields)
      local values = redis.call('HMGET', segment_key(id), unpack(fields, from, to))
      for i = from, to do
        local value = values[i - from + 1]
        -- Without one, the segment has lost its counters: the aggregator marks it, and reconciliation sizes it.
        if value then
          pairs_of_segment[#pairs_of_segment + 1] = fields[i]
          pairs_of_segment[#pairs_of_segment + 1] = value
        end
      end
    end
  end
  if #pairs_of_segment > 0 then result[#result + 1] = {id, pairs_of_segment} end
end
return {'live', integer((parse_tenant(redis.call('HGET', META, 't:' .. tenant)))), result}
`,
)

/**
 * Customers of a tenant that have counters here, in byte order within each segment; a segment jumps from one customer
 * to the next without reading their counters.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  tenant   2  only those after this customer ('' for all but the tallies)   3  how many a segment
 *
 * Returns  {customer, …}   may hold one twice, if two segments have it
 */
export const liveCustomers = placedScript(
  'live-customers',
  `${segmentIds}
local prefix = ARGV[1] .. SEPARATOR
local result = {}
for _, id in ipairs(live_segments()) do
  local from = '[' .. prefix .. ARGV[2] .. AFTER
  for _ = 1, tonumber(ARGV[3]) do
    local field = redis.call('ZRANGEBYLEX', index_key(id), from, '(' .. ARGV[1] .. AFTER, 'LIMIT', 0, 1)[1]
    if not field then break end
    local customer = string.match(field, '^[^\\31]*\\31([^\\31]*)')
    result[#result + 1] = customer
    from = '[' .. prefix .. customer .. AFTER
  end
end
return result
`,
)

/**
 * Says that a tenant's configuration is this version now; an older one than is known changes nothing. And that a meter is to be
 * filled from the log: whoever seals next is told.
 *
 * KEYS  1  the partition's meta      ARGV  1  tenant   2  version   3  '1' if a meter is to be filled
 */
export const publishConfig = placedScript(
  'publish-config',
  `local known, unsettled, generations, logged = parse_tenant(redis.call('HGET', META, 't:' .. ARGV[1]))
if tonumber(ARGV[2]) > known then
  redis.call('HSET', META, 't:' .. ARGV[1], tenant_text(tonumber(ARGV[2]), unsettled, generations, logged))
end
if ARGV[3] == '1' then
  local ms, rest = now_ms()
  redis.call('HSET', META, 'fill', integer(ms) .. '.' .. rest)
end
return 'OK'`,
)

/**
 * Forgets that meters are to be filled, unless it was said again since.
 *
 * KEYS  1  the partition's meta      ARGV  1  what seal gave
 */
export const filledMeters = script(
  'filled-meters',
  `if redis.call('HGET', META, 'fill') == ARGV[1] then redis.call('HDEL', META, 'fill') end
return 'OK'`,
)

/** KEYS  1  the partition's meta      ARGV  1  tenant      Returns  the time in µs */
export const clock = placedScript(
  'clock',
  `local time = redis.call('TIME')
return time[1] .. string.format('%06d', tonumber(time[2]))`,
)

/**
 * What meters took by Redis's own accounts, and the tallies of every segment, at one instant.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  tenant   2  the customer of the tallies   3  slots, with spaces between them   4… ids of meters
 *
 * Returns  {{amounts, …}, {{id, reason or '', {field, value, …}}, …}}   amounts of each meter in each slot, or nil: "events
 *          quantity", and where some are known to be lost " events quantity since_ms" of them
 */
export const readAccepted = placedScript(
  'read-accepted',
  `${segmentIds}
local tenant = ARGV[1]
local fields, segments = {}, {}
for i = 4, #ARGV do
  for slot in string.gmatch(ARGV[3], '%S+') do fields[#fields + 1] = 'a:' .. slot .. ':' .. tenant .. ':' .. ARGV[i] end
end
for _, id in ipairs(live_segments()) do
  local prefix = tenant .. SEPARATOR .. ARGV[2]
  local names = redis.call('ZRANGEBYLEX', index_key(id), '[' .. prefix .. SEPARATOR, '(' .. prefix .. AFTER)
  if #names > 0 then
    local values, flat = redis.call('HMGET', segment_key(id), unpack(names)), {}
    for i, name in ipairs(names) do
      if values[i] then
        flat[#flat + 1] = name
        flat[#flat + 1] = values[i]
      end
    end
    segments[#segments + 1] = {id, redis.call('HGET', QUARANTINE, id) or '', flat}
  end
end
return {#fields > 0 and redis.call('HMGET', META, unpack(fields)) or {}, segments}
`,
)

/**
 * Remembers since when a tenant's accounts disagree, until they agree again.
 *
 * KEYS  1  the partition's meta      ARGV  1  tenant   2  yes or no      Returns  since_ms, or nil
 */
export const noteDrift = script(
  'note-drift',
  `local field = 'd:' .. ARGV[1]
if ARGV[2] == 'no' then redis.call('HDEL', META, field); return nil end
redis.call('HSETNX', META, field, integer(now_ms()))
return redis.call('HGET', META, field)`,
)
