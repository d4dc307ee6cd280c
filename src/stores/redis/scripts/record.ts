import { LOG_BYTE_WEIGHT } from '../../../metering/limits.ts'
import { luaNamed, script } from '../script.ts'
import { luaDecimal } from './decimal.ts'
import { luaIds } from './ids.ts'
import { luaPlacement } from './placement.ts'
import { recordHeader } from './record-header.ts'
import { luaValues } from './values.ts'

/**
 * Claims the ids of a call's events and counts the new ones, in one step. A script is not rolled back when it fails
 * midway, so it reads everything, decides everything, and only then writes.
 *
 * Several callers may share a call. Each has its group of events, and its own answer: if one is strict and has a bad event,
 * nothing of its group is counted, and the others don't notice.
 *
 * KEYS  1  the partition's meta
 * ARGV  1… recordHeader; then
 *          for each meter: its id, and the account of the slot as the caller knows it, "events quantity" ('' if it doesn't);
 *          for each meter the field of its tally; for each counter its field;
 *          for each event: id digest, fingerprint, line of the log, number of deltas, and for each delta: the counter's position (from 1), a, b
 *
 * A tally is a counter, too: how many events a meter took in this segment through this slot, and the sum of their values.
 * The account of all that it took through the slot stands in meta. It only grows: where a caller was answered with a larger
 * one, Redis has lost what it had acknowledged. The difference is kept as lost, with the time, and the account goes on from
 * where the caller knew it.
 *
 * Returns  {'done', groups, taken}  groups: for each, with commas between them, r(ecorded), or x if it is strict and had a bad
 *                                  event; and then a letter an event: n(ew) d(uplicate) c(onflict) r(ange)
 *                                  taken: for each meter the account of the slot now, "events quantity", or '' if it took none
 *          {'stale', version}      the configuration here is newer: nothing is written
 *          {'backlog', scope, of}  tenant or partition is full, of counters or of the log: nothing is written
 *          {'partitions', n}       the data was written with another number of partitions
 *          {'moved', text}         a later placement of the tenant is known here: nothing is written
 */
export const record = script(
  'record',
  `${luaDecimal}${luaValues}${luaIds}${luaPlacement}
${luaNamed('call', recordHeader)}
local tenant, version, meters = call.tenant, tonumber(call.version), tonumber(call.meters)
local AFTER_HEADER = ${recordHeader.length}
local now, microseconds = now_ms()

local meta_fields = {'s', 't:' .. tenant}
for m = 1, meters do
  meta_fields[2 + m] = 'a:' .. call.slot .. ':' .. tenant .. ':' .. ARGV[AFTER_HEADER - 1 + 2 * m]
end
meta_fields[3 + meters] = 'p:' .. tenant
local meta = redis.call('HMGET', META, unpack(meta_fields))
local partition = parse_state(meta[1])
if partition.partitions and partition.partitions ~= call.partitions then return {'partitions', partition.partitions} end
local placement_version, known_placement = tonumber(call.placement_version), meta[3 + meters]
local later = overtakes(known_placement, placement_version, call.placement_nonce)
if later then return {'moved', later} end
local function keep_placement()
  if not is_news(known_placement, placement_version) then return end
  redis.call('HSET', META, 'p:' .. tenant, call.placement_version .. ' ' .. call.placement_nonce .. ' ' .. call.placement)
end
local newest, tenant_unsettled, generations, tenant_logged = parse_tenant(meta[2])
if newest > version then return {'stale', integer(newest)} end

-- What came in. Counters are the tallies of the meters, and after them those that the events name.
local merges = call.merges
local counters = meters + #merges
local fields_at = AFTER_HEADER + 2 * meters
local meter_of = {}
for m in string.gmatch(call.meter_of, '%d+') do meter_of[#meter_of + 1] = tonumber(m) end
local position, arguments, events = fields_at + counters, #ARGV, 0
local ids, prints, starts, line_bytes = {}, {}, {}, 0
while position < arguments do
  events = events + 1
  ids[events], prints[events], starts[events] = ARGV[position + 1], ARGV[position + 2], position + 4
  line_bytes = line_bytes + #ARGV[position + 3]
  position = position + 4 + 3 * ARGV[position + 4]
end

-- Which ids are known: in the current generation and in those closed less than a window ago.
local layout = {kind = call.dedupe_layout, ids = tonumber(call.dedupe_layout_ids), window = tonumber(call.dedupe_window_ms)}
local current, older, dead = parse_generations(generations, layout.window, now)
local alive = {current}
for _, generation in ipairs(older) do alive[#alive + 1] = generation end
local known, id_texts = look_up(tenant, alive, ids, layout)

-- What the counters hold, if the open segment may still be written to.
local fits = partition.open and now - partition.born < tonumber(call.segment_max_age_ms)
local held = {}
if fits then
  local key = segment_key(partition.open)
  local fresh, fresh_bytes = 0, 0
  for from = 1, counters, CHUNK do
    local to = math.min(from + CHUNK - 1, counters)
    local found = redis.call('HMGET', key, unpack(ARGV, fields_at + from, fields_at + to))
    for i = from, to do
      local value = found[i - from + 1]
      if value then held[i] = value else fresh, fresh_bytes = fresh + 1, fresh_bytes + #ARGV[fields_at + i] end
    end
  end
  local new_bytes = fresh_bytes + ${LOG_BYTE_WEIGHT} * line_bytes
  if partition.count > 0 and new_bytes > 0
    and (partition.count + fresh > tonumber(call.segment_max_counters) or partition.bytes + new_bytes > tonumber(call.segment_max_bytes)) then
    fits, held = false, {}
  end
end

-- A verdict for each event, and the counters as they would be with the new ones in.
local state = {}
local function load(i)
  return state[i] or (held[i] and parse_value(held[i]))
end

-- Group by group. What a refused one would have done is undone: the states of its counters, and its claims.
local answers, claims, values, lines = {}, {}, {}, {}
local parsed = {}
local e = 0
for handling, size in string.gmatch(call.groups, '(%a)(%d+)') do
  local verdicts, bad, before = {}, false, {}
  local claims_before, values_before, lines_before = #claims, #values, #lines
  for n = 1, tonumber(size) do
    e = e + 1
    local seen, verdict = known[ids[e]], 'n'
    if seen then
      verdict = seen == string.sub(prints[e], 1, #seen) and 'd' or 'c'
    else
      local next_states, adds, at = {}, {}, starts[e]
      local deltas = tonumber(ARGV[at])
      for d = 1, deltas do
        local i = meters + ARGV[at + 3 * d - 2]
        local a = ARGV[at + 3 * d - 1]
        -- Many events have the same quantity.
        local value = parsed[a]
        if not value then
          value = {parse(a)}
          parsed[a] = value
        end
        local h, m, l = value[1], value[2], value[3]
        local s = merged(string.byte(merges, i - meters), load(i), h, m, l, ARGV[at + 3 * d])
        if not (in_range(s[1]) and in_range(s[4])) then verdict = 'r' end
        next_states[i] = s
        adds[d] = {meter_of[i - meters], h, m, l}
      end
      if verdict == 'n' then
        for i, s in pairs(next_states) do
          if before[i] == nil then before[i] = state[i] or false end
          state[i] = s
        end
        for d = 1, deltas do values[#values + 1] = adds[d] end
        known[ids[e]] = prints[e]
        claims[#claims + 1] = ids[e]
        claims[#claims + 1] = prints[e]
        lines[#lines + 1] = ARGV[at - 1]
      end
    end
    if verdict == 'c' or verdict == 'r' then bad = true end
    verdicts[n] = verdict
  end
  local refused = bad and handling == 's'
  if refused then
    for i, s in pairs(before) do state[i] = s or nil end
    for i = #claims, claims_before + 1, -1 do
      if i % 2 == 1 then known[claims[i]] = nil end
      claims[i] = nil
    end
    for i = #values, values_before + 1, -1 do values[i] = nil end
    for i = #lines, lines_before + 1, -1 do lines[i] = nil end
  end
  answers[#answers + 1] = (refused and 'x' or 'r') .. table.concat(verdicts)
end
answers = table.concat(answers, ',')
if #claims == 0 then
  keep_placement()
  return {'done', answers, {}}
end

-- What each meter took.
local taken = {}
for m = 1, meters do taken[m] = {0, 0, 0, 0} end
for _, value in ipairs(values) do
  -- Thousands of limbs stay below 2^53: they are carried once, at the end.
  local t = taken[value[1]]
  t[1], t[2], t[3], t[4] = t[1] + 1, t[2] + value[2], t[3] + value[3], t[4] + value[4]
end

-- The log takes every event that is new, and each list is there once.
local list_counters = tonumber(call.list_counters)
if list_counters > 0 then
  taken[meters] = {#lines, parse(integer(#lines))}
  for i = counters - list_counters + 1, counters do state[i] = load(i) or parse_value('1') end
end

-- The tallies: in this segment, and the account of the slot.
local sums, taken_texts = {}, {}
local function set(field, value)
  sums[#sums + 1] = field
  sums[#sums + 1] = value
end
for m = 1, meters do
  taken_texts[m] = ''
  if taken[m][1] > 0 then
    local new = {taken[m][1], carry(taken[m][2], taken[m][3], taken[m][4])}
    local s = load(m) or {0, 0, 0, 0, 0, 0}
    local h, i, l = add(s[1], s[2], s[3], 0, new[1], 0)
    state[m] = {h, i, l, add(s[4], s[5], s[6], new[2], new[3], new[4])}
    local events_text, quantity, lost = string.match(meta[2 + m] or '0 0', '^(%S+) (%S+)(.*)$')
    local account = amount(events_text, quantity)
    local known = amount(string.match(ARGV[AFTER_HEADER + 2 * m], '^(%S+) (%S+)$'))
    if known[1] > account[1] then
      local lost_events, lost_quantity, since = string.match(lost, '^ (%S+) (%S+) (%S+)$')
      local now_lost = plus(amount(lost_events, lost_quantity), minus(known, account))
      lost = ' ' .. amount_text(now_lost) .. ' ' .. (since or integer(now))
      account = known
    end
    taken_texts[m] = amount_text(plus(account, new))
    set(meta_fields[2 + m], taken_texts[m] .. lost)
  end
end

-- Is there room?
local writes, index, added_bytes = {}, {}, 0
for i = 1, counters do
  local s = state[i]
  if s then
    local field, value, was = ARGV[fields_at + i], value_text(s), held[i]
    if value ~= was then
      writes[#writes + 1] = field
      writes[#writes + 1] = value
      added_bytes = added_bytes + #value - (was and #was or -#field)
    end
    if not was then
      index[#index + 1] = '0'
      index[#index + 1] = field
    end
  end
end
-- One field a call: no other call has its time and its nonce.
local logged = 0
if call.lists ~= '' then
  local field = '~' .. tenant .. '\\31' .. integer(math.floor(now / 1000) * 1000000 + microseconds) .. '-' .. call.nonce
  local text = call.lists .. '\\n' .. table.concat(lines, '\\n')
  writes[#writes + 1] = field
  writes[#writes + 1] = text
  logged = #field + #text
  added_bytes = added_bytes + math.ceil(${LOG_BYTE_WEIGHT} * logged)
  if tenant_logged + logged > tonumber(call.backlog_max_log_bytes_of_tenant) then return {'backlog', 'tenant', 'log'} end
  if partition.logged + logged > tonumber(call.backlog_max_log_bytes) then return {'backlog', 'partition', 'log'} end
end
local fresh = #index / 2
if fresh > 0 then
  if tenant_unsettled + fresh > tonumber(call.backlog_max_counters_of_tenant) then return {'backlog', 'tenant', 'counters'} end
  if partition.unsettled + fresh > tonumber(call.backlog_max_counters) then return {'backlog', 'partition', 'counters'} end
end

-- Only now write. The first write is one that a full Redis refuses, so that it refuses all of them.
local function write(command, key, values)
  for from = 1, #values, 2 * CHUNK do
    redis.call(command, key, unpack(values, from, math.min(from + 2 * CHUNK - 1, #values)))
  end
end
keep_placement()
local rotated
current, rotated = to_write(current, older, layout, now)
claim(tenant, current, claims, id_texts, layout)
if rotated then keep_for_a_window(tenant, {current, unpack(older)}, layout.window, now) end
forget(tenant, dead, now)

-- Events that no meter counts claim their ids, and touch no segment.
if #writes > 0 and not fits then
  if partition.open and partition.count > 0 then redis.call('ZADD', SEALED, integer(partition.born), partition.open) end
  partition.ordinal = partition.ordinal + 1
  partition.open = integer(now) .. '-' .. microseconds .. '-' .. call.nonce .. '-' .. integer(partition.ordinal)
  partition.born, partition.count, partition.bytes = now, 0, 0
end
if #writes > 0 then write('HSET', segment_key(partition.open), writes) end
if fresh > 0 then write('ZADD', index_key(partition.open), index) end
if fresh > 0 or added_bytes ~= 0 or logged > 0 then
  partition.partitions = call.partitions
  partition.unsettled = partition.unsettled + fresh
  partition.count = partition.count + fresh
  partition.logged = partition.logged + logged
  partition.bytes = partition.bytes + added_bytes
  set('s', state_text(partition))
end
set('t:' .. tenant, tenant_text(version, tenant_unsettled + fresh, generations_text(current, older), tenant_logged + logged))
redis.call('HSET', META, unpack(sums))
return {'done', answers, taken_texts}
`,
)
