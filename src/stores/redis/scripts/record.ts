import { script } from '../script.ts'
import { luaDecimal } from './decimal.ts'

/**
 * Claims the ids of a batch's events and counts the new ones, in one step. A script is not rolled back when it fails
 * midway, so it reads everything, decides everything, and only then writes.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  tenant                     2  the caller's configuration version   3  number of partitions
 *       4  strict or lenient          5  nonce: for a new segment's id            6  segment_max_age_ms
 *       7  segment_max_counters       8  segment_max_bytes                    9  backlog_max_counters
 *      10  … of one tenant           11  dedupe_window_ms                    12  dedupe_max_ids
 *      13  dedupe_max_generations    14  number of meters
 *      15  how each counter merges, a letter each: a(dd) n(min) x(max) l(atest) o(nce)
 *      16  which meter each counter is of, by position (from 1), with commas between them
 *      17  the caller's slot
 *      18… for each meter: its key, and the account of the slot as the caller knows it, "events quantity" ('' if it doesn't);
 *          for each meter the field of its tally; for each counter its field;
 *          then for each event: id digest, fingerprint, number of deltas, and for each delta: the counter's position
 *          (from 1), a, b
 *
 * A tally is a counter, too: how many events a meter took in this segment through this slot, and the sum of their values.
 * The account of all that it took through the slot stands in meta. It only grows: where a caller was answered with a larger
 * one, Redis has lost what it had acknowledged. The difference is kept as lost, with the time, and the account goes on from
 * where the caller knew it.
 *
 * Returns  {'recorded', verdicts, taken}  verdicts: a letter each, n(ew) d(uplicate) c(onflict) r(ange);
 *                                  taken: for each meter the account of the slot now, "events quantity", or '' if it took none
 *          {'refused', verdicts}   strict, and one was c or r: nothing is written
 *          {'stale', version}      the configuration here is newer: nothing is written
 *          {'backlog', scope}      tenant, partition or dedupe is full: nothing is written
 *          {'partitions', n}       the data was written with another number of partitions
 */
export const record = script(
  'record',
  `${luaDecimal}
local tenant, version, meters = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[14])
local now, microseconds = now_ms()
local CHUNK = 3500

local meta_fields = {'s', 't:' .. tenant}
for m = 1, meters do
  meta_fields[2 + m] = 'a:' .. ARGV[17] .. ':' .. tenant .. ':' .. ARGV[16 + 2 * m]
end
local meta = redis.call('HMGET', META, unpack(meta_fields))
local partition = parse_state(meta[1])
if partition.partitions and partition.partitions ~= ARGV[3] then return {'partitions', partition.partitions} end
local newest, tenant_unsettled, generations = parse_tenant(meta[2])
if newest > version then return {'stale', integer(newest)} end

-- What came in. Counters are the tallies of the meters, and after them those that the events name.
local merges = ARGV[15]
local counters = meters + #merges
local fields_at = 17 + 2 * meters
local meter_of = {}
for m in string.gmatch(ARGV[16], '%d+') do meter_of[#meter_of + 1] = tonumber(m) end
local position, arguments, events = fields_at + counters, #ARGV, 0
local ids, prints, starts = {}, {}, {}
while position < arguments do
  events = events + 1
  ids[events], prints[events], starts[events] = ARGV[position + 1], ARGV[position + 2], position + 3
  position = position + 3 + 3 * ARGV[position + 3]
end

-- Which ids are known: in the current dedupe generation and in those closed less than a window ago.
local window = tonumber(ARGV[11])
local current, older, dead = nil, {}, {}
for part in string.gmatch(generations, '[^,]+') do
  local n, at, size, of_window = string.match(part, '^(%d+):(%d+):?(%d*):?(%d*)$')
  if size ~= '' then current = {n = n, born = tonumber(at), ids = tonumber(size), window = tonumber(of_window)}
  elseif tonumber(at) + window > now then older[#older + 1] = {n = n, closed = at}
  else dead[#dead + 1] = n end
end
local known = {}
local function look_up(n)
  local key = dedupe_key(tenant, n)
  for from = 1, events, CHUNK do
    local to = math.min(from + CHUNK - 1, events)
    local found = redis.call('HMGET', key, unpack(ids, from, to))
    for i = from, to do
      if found[i - from + 1] then known[ids[i]] = found[i - from + 1] end
    end
  end
end
if current then look_up(current.n) end
for _, generation in ipairs(older) do look_up(generation.n) end

-- What the counters hold, if the open segment may still be written to.
local fits = partition.open and now - partition.born < tonumber(ARGV[6])
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
  if partition.count > 0 and fresh > 0
    and (partition.count + fresh > tonumber(ARGV[7]) or partition.bytes + fresh_bytes > tonumber(ARGV[8])) then
    fits, held = false, {}
  end
end

-- A verdict for each event, and the counters as they would be with the new ones in.
local state = {}
local function load(i)
  local s = state[i]
  if s then return s end
  local text = held[i]
  if not text then return nil end
  local space = find(text, ' ', 1, true)
  if not space then
    local h, m, l = parse(text)
    return {h, m, l, 0, 0, 0}
  end
  local h, m, l = parse(sub(text, 1, space - 1))
  return {h, m, l, parse(sub(text, space + 1))}
end
local ADD, MIN, MAX, LATEST = 97, 110, 120, 108
local function merged(i, h, m, l, b)
  local merge, old = string.byte(merges, i - meters), load(i)
  local bh, bm, bl = 0, 0, 0
  if b == '1' then bm = 1 elseif b ~= '0' then bh, bm, bl = parse(b) end
  if not old then return {h, m, l, bh, bm, bl} end
  if merge == ADD then
    h, m, l = add(old[1], old[2], old[3], h, m, l)
    return {h, m, l, add(old[4], old[5], old[6], bh, bm, bl)}
  end
  local new = {h, m, l, bh, bm, bl}
  local new_is_less = less(h, m, l, old[1], old[2], old[3])
  if merge == MIN then return new_is_less and new or old end
  if merge == MAX then return new_is_less and old or new end
  if merge == LATEST then
    if less(old[4], old[5], old[6], bh, bm, bl) then return new end
    if less(bh, bm, bl, old[4], old[5], old[6]) then return old end
    return new_is_less and old or new
  end
  return old
end

local verdicts, claims, bad = {}, {}, false
local taken = {}
for m = 1, meters do taken[m] = {0, 0, 0, 0} end
for e = 1, events do
  local seen, verdict = known[ids[e]], 'n'
  if seen then
    verdict = seen == prints[e] and 'd' or 'c'
  else
    local next_states, values, at = {}, {}, starts[e]
    for d = 1, tonumber(ARGV[at]) do
      local i = meters + ARGV[at + 3 * d - 2]
      local h, m, l = parse(ARGV[at + 3 * d - 1])
      local s = merged(i, h, m, l, ARGV[at + 3 * d])
      if not (in_range(s[1]) and in_range(s[4])) then verdict = 'r' end
      next_states[i] = s
      values[d] = {meter_of[i - meters], h, m, l}
    end
    if verdict == 'n' then
      for i, s in pairs(next_states) do state[i] = s end
      for _, value in ipairs(values) do
        -- A thousand limbs stay below 2^53: they are carried once, at the end.
        local t = taken[value[1]]
        t[1], t[2], t[3], t[4] = t[1] + 1, t[2] + value[2], t[3] + value[3], t[4] + value[4]
      end
      known[ids[e]] = prints[e]
      claims[#claims + 1] = ids[e]
      claims[#claims + 1] = prints[e]
    end
  end
  if verdict == 'c' or verdict == 'r' then bad = true end
  verdicts[e] = verdict
end
verdicts = table.concat(verdicts)
if bad and ARGV[4] == 'strict' then return {'refused', verdicts} end
if #claims == 0 then return {'recorded', verdicts, {}} end

-- The tallies: in this segment, and the account of the slot.
local sums, taken_texts = {}, {}
local function set(field, value)
  sums[#sums + 1] = field
  sums[#sums + 1] = value
end
local function amount(events_text, quantity)
  if not events_text then return {0, 0, 0, 0} end
  return {tonumber(events_text), parse(quantity)}
end
local function amount_text(x) return integer(x[1]) .. ' ' .. format(x[2], x[3], x[4]) end
local function plus(x, y) return {x[1] + y[1], add(x[2], x[3], x[4], y[2], y[3], y[4])} end
local function minus(x, y) return {x[1] - y[1], carry(x[2] - y[2], x[3] - y[3], x[4] - y[4])} end
for m = 1, meters do
  taken_texts[m] = ''
  if taken[m][1] > 0 then
    local new = {taken[m][1], carry(taken[m][2], taken[m][3], taken[m][4])}
    local s = load(m) or {0, 0, 0, 0, 0, 0}
    local h, i, l = add(s[1], s[2], s[3], 0, new[1], 0)
    state[m] = {h, i, l, add(s[4], s[5], s[6], new[2], new[3], new[4])}
    local events_text, quantity, lost = string.match(meta[2 + m] or '0 0', '^(%S+) (%S+)(.*)$')
    local account = amount(events_text, quantity)
    local known = amount(string.match(ARGV[17 + 2 * m], '^(%S+) (%S+)$'))
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
    local field, value, was = ARGV[fields_at + i], format(s[1], s[2], s[3]), held[i]
    if s[4] ~= 0 or s[5] ~= 0 or s[6] ~= 0 then value = value .. ' ' .. format(s[4], s[5], s[6]) end
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
local fresh = #index / 2
if fresh > 0 then
  if tenant_unsettled + fresh > tonumber(ARGV[10]) then return {'backlog', 'tenant'} end
  if partition.unsettled + fresh > tonumber(ARGV[9]) then return {'backlog', 'partition'} end
end
local rotate = not current or current.born + window <= now or current.ids >= tonumber(ARGV[12]) or current.window ~= window
if rotate and current and #older + 1 >= tonumber(ARGV[13]) then return {'backlog', 'dedupe'} end

-- Only now write. The first write is one that a full Redis refuses, so that it refuses all of them.
local function write(command, key, values)
  for from = 1, #values, 2 * CHUNK do
    redis.call(command, key, unpack(values, from, math.min(from + 2 * CHUNK - 1, #values)))
  end
end
local closed = current
if rotate then
  current = {n = integer(closed and tonumber(closed.n) + 1 or 1), born = now, ids = 0}
end
write('HSET', dedupe_key(tenant, current.n), claims)
if rotate then
  -- A tenant that falls silent never rotates again: then all of these go by themselves, when the last id is old enough.
  local ttl = integer(2 * window + 3600000)
  redis.call('PEXPIRE', dedupe_key(tenant, current.n), ttl)
  if closed then table.insert(older, 1, {n = closed.n, closed = integer(now)}) end
  for _, generation in ipairs(older) do redis.call('PEXPIRE', dedupe_key(tenant, generation.n), ttl) end
end
for _, n in ipairs(dead) do redis.call('UNLINK', dedupe_key(tenant, n)) end
generations = string.format('%s:%.0f:%.0f:%.0f', current.n, current.born, current.ids + #claims / 2, window)
for _, generation in ipairs(older) do generations = generations .. ',' .. generation.n .. ':' .. generation.closed end

if not fits then
  if partition.open and partition.count > 0 then redis.call('ZADD', SEALED, integer(partition.born), partition.open) end
  partition.ordinal = partition.ordinal + 1
  partition.open = integer(now) .. '-' .. microseconds .. '-' .. ARGV[5] .. '-' .. integer(partition.ordinal)
  partition.born, partition.count, partition.bytes = now, 0, 0
end
write('HSET', segment_key(partition.open), writes)
if fresh > 0 then write('ZADD', index_key(partition.open), index) end
if fresh > 0 or added_bytes ~= 0 then
  partition.partitions = ARGV[3]
  partition.unsettled = partition.unsettled + fresh
  partition.count = partition.count + fresh
  partition.bytes = partition.bytes + added_bytes
  set('s', state_text(partition))
end
set('t:' .. tenant, tenant_text(version, tenant_unsettled + fresh, generations))
redis.call('HSET', META, unpack(sums))
return {'recorded', verdicts, taken_texts}
`,
)
