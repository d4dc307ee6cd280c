import { placedScript } from './placement.ts'

/**
 * What a tenant's calls logged and Postgres perhaps does not have yet, in the order of arrival or against it, as far as it goes.
 * Segments that were settled before and are offered again have their blocks' rows in place of their log.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  tenant   2  asc or desc   3  from µs   4  to µs, both of them included   5  most bytes (one call at least)
 *       6  only calls whose text has this somewhere; '' for all
 *
 * Returns  {{segment, …}, {segment, field, text, …}, {segment, kept, …}, next, {erasure, to µs, …}, since}    segments: all that are not discarded; next: when
 *          the first call came that was not read, in µs, or ''. Calls of one instant are read together; erasures: those that cover some of it, of any tenant;
 *          since: what it has arrived from then on, in µs, or ''
 */
export const readLog = placedScript(
  'read-log',
  `
local prefix, descending = '~' .. ARGV[1] .. '\\31', ARGV[2] == 'desc'
local from, to, room, part = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local segments = redis.call('ZRANGE', SEALED, 0, -1)
local open = parse_state(redis.call('HGET', META, 's')).open
if open then segments[#segments + 1] = open end
local since = nil
for _, id in ipairs(segments) do
  local born = tonumber(string.match(id, '^%d+'))
  if born and (not since or born < since) then since = born end
end
local erased = since and redis.call('ZRANGEBYSCORE', ERASED, integer(since) .. '000', '+inf', 'WITHSCORES') or {}
since = since and integer(since) .. '000' or ''
local names, of_segment, kept = {}, {}, {}
for _, id in ipairs(segments) do
  for _, field in ipairs(redis.call('HKEYS', segment_key(id))) do
    if string.sub(field, 1, #prefix) == prefix then
      local micros = string.sub(field, #prefix + 1, #prefix + 16)
      if micros >= from and micros <= to then
        names[#names + 1] = field
        of_segment[field] = id
      end
    elseif field == '!kept' then
      kept[#kept + 1] = id
      kept[#kept + 1] = redis.call('HGET', segment_key(id), field)
    end
  end
end
if descending then table.sort(names, function(a, b) return a > b end) else table.sort(names) end
local calls, last = {}, nil
for _, field in ipairs(names) do
  local micros = string.sub(field, #prefix + 1, #prefix + 16)
  if room <= 0 and micros ~= last then return {segments, calls, kept, micros, erased, since} end
  last = micros
  local text = redis.call('HGET', segment_key(of_segment[field]), field)
  if part == '' or string.find(text, part, 1, true) then
    calls[#calls + 1] = of_segment[field]
    calls[#calls + 1] = field
    calls[#calls + 1] = text
    room = room - #text
  end
end
return {segments, calls, kept, '', erased, since}
`,
)
