import { script } from '../script.ts'

const segmentIds = `
local function live_segments()
  local ids = redis.call('ZRANGE', SEALED, 0, -1)
  local open = redis.call('HGET', META, 'open')
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
 * Returns  {'live', version or nil, {{id, {field, value, …}}, …}}   only segments that have some
 *          {'too_many'}
 */
export const readLive = script(
  'read-live',
  `${segmentIds}
local tenant, room = ARGV[1], tonumber(ARGV[2])
local result = {}
for _, id in ipairs(live_segments()) do
  local pairs_of_segment = {}
  for c = 3, #ARGV do
    local prefix = '[' .. tenant .. SEPARATOR .. ARGV[c]
    local fields = redis.call('ZRANGEBYLEX', index_key(id), prefix .. SEPARATOR, '(' .. string.sub(prefix, 2) .. AFTER)
    room = room - #fields
    if room < 0 then return {'too_many'} end
    for from = 1, #fields, 3500 do
      local to = math.min(from + 3499, #fields)
      local values = redis.call('HMGET', segment_key(id), unpack(fields, from, to))
      for i = from, to do
        pairs_of_segment[#pairs_of_segment + 1] = fields[i]
        pairs_of_segment[#pairs_of_segment + 1] = values[i - from + 1]
      end
    end
  end
  if #pairs_of_segment > 0 then result[#result + 1] = {id, pairs_of_segment} end
end
return {'live', redis.call('HGET', META, 'c:' .. tenant), result}
`,
)

/**
 * Customers of a tenant that have counters here, in byte order within each segment; a segment jumps from one customer
 * to the next without reading their counters.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  tenant   2  only those after this customer ('' for all)   3  how many a segment
 *
 * Returns  {customer, …}   may hold one twice, if two segments have it
 */
export const liveCustomers = script(
  'live-customers',
  `${segmentIds}
local prefix = ARGV[1] .. SEPARATOR
local result = {}
for _, id in ipairs(live_segments()) do
  local from = ARGV[2] == '' and '[' .. prefix or '[' .. prefix .. ARGV[2] .. AFTER
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
 * Says that a tenant's configuration is this version now; an older one than is known changes nothing.
 *
 * KEYS  1  the partition's meta      ARGV  1  tenant   2  version
 */
export const publishConfig = script(
  'publish-config',
  `local known = tonumber(redis.call('HGET', META, 'c:' .. ARGV[1]) or '0')
if tonumber(ARGV[2]) > known then redis.call('HSET', META, 'c:' .. ARGV[1], ARGV[2]) end
return 'OK'`,
)
