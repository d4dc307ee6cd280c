import { script } from '../script.ts'
import { luaDecimal } from './decimal.ts'

/**
 * Claims the ids of a batch's events and counts the new ones, in one step. A script is not rolled back when it fails
 * midway, so it reads everything, decides everything, and only then writes.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  tenant                     2  the caller's configuration version   3  number of partitions
 *       4  strict or lenient          5  nonce for a new segment's id         6  segment_max_age_ms
 *       7  segment_max_counters       8  segment_max_bytes                    9  backlog_max_counters
 *      10  … of one tenant           11  dedupe_window_ms                    12  dedupe_max_ids
 *      13  dedupe_max_generations    14  number of meters
 *      15  how each counter merges, a letter each: a(dd) n(min) x(max) l(atest) o(nce)
 *      16  which meter each counter is of, by position (from 1), with commas between them
 *      17  the caller's slot            18  the caller's own id
 *      19… for each meter: its key, and "events quantity" of it that the caller was answered as accepted so far;
 *          for each meter the field of its tally; for each counter its field;
 *          then for each event: id digest, fingerprint, number of deltas, and for each delta: the counter's position
 *          (from 1), a, b
 *
 * A tally is a counter, too: how many events a meter took in this segment, and the sum of their values. What it took in all
 * stands in meta, and what it took from this caller. Where the caller was answered more than that, Redis has lost what it
 * had acknowledged: the difference is added to what is known as lost, with the time.
 *
 * Returns  {'recorded', verdicts, taken}  verdicts: a letter each, n(ew) d(uplicate) c(onflict) r(ange);
 *                                  taken: "events quantity" of each meter by this call
 *          {'refused', verdicts}   strict, and one was c or r: nothing is written
 *          {'stale', version}      the configuration here is newer: nothing is written
 *          {'backlog', scope}      tenant, partition or dedupe is full: nothing is written
 *          {'partitions', n}       the data was written with another number of partitions
 */
export const record = script(
  'record',
  `${luaDecimal}
local tenant, version, handling = ARGV[1], tonumber(ARGV[2]), ARGV[4]
local now, time = now_ms()
local CHUNK = 3500

local meters = tonumber(ARGV[14])
local meta_fields = {'open', 'born', 'count', 'bytes', 'ordinal', 'unsettled', 'partitions',
  'c:' .. tenant, 'd:' .. tenant, 'u:' .. tenant}
for m = 1, meters do
  local name = tenant .. ':' .. ARGV[17 + 2 * m]
  meta_fields[8 + 3 * m], meta_fields[9 + 3 * m] = 'a:' .. name, 'l:' .. name
  meta_fields[10 + 3 * m] = 'w:' .. ARGV[17] .. ':' .. name
end
local meta = redis.call('HMGET', META, unpack(meta_fields))
if meta[7] and meta[7] ~= ARGV[3] then return {'partitions', meta[7]} end
if meta[8] and tonumber(meta[8]) > version then return {'stale', meta[8]} end

-- What came in. Counters are the tallies of the meters, and after them those that the events name.
local merges = ARGV[15]
local counters = meters + #merges
local fields_at = 18 + 2 * meters
local meter_of = {}
for m in string.gmatch(ARGV[16], '%d+') do meter_of[#meter_of + 1] = tonumber(m) end
local position = fields_at + counters
local ids, prints, starts = {}, {}, {}
while position < #ARGV do
  local n = #ids + 1
  ids[n], prints[n], starts[n] = ARGV[position + 1], ARGV[position + 2], position + 3
  position = position + 3 + 3 * tonumber(ARGV[position + 3])
end

-- Which ids are known: in the current dedupe generation and in those closed less than a window ago.
local window = tonumber(ARGV[11])
local current, older, dead = nil, {}, {}
for part in string.gmatch(meta[9] or '', '[^,]+') do
  local n, at, size = string.match(part, '^(%d+):(%d+):?(%d*)$')
  if size ~= '' then current = {n = n, born = tonumber(at), ids = tonumber(size)}
  elseif tonumber(at) + window > now then older[#older + 1] = {n = n, closed = at}
  else dead[#dead + 1] = n end
end
local known = {}
local function look_up(n)
  local key = dedupe_key(tenant, n)
  for from = 1, #ids, CHUNK do
    local to = math.min(from + CHUNK - 1, #ids)
    local found = redis.call('HMGET', key, unpack(ids, from, to))
    for i = from, to do
      if found[i - from + 1] then known[ids[i]] = found[i - from + 1] end
    end
  end
end
if current then look_up(current.n) end
for _, generation in ipairs(older) do look_up(generation.n) end

-- What the counters hold, if the open segment may still be written to.
local open, born = meta[1], tonumber(meta[2] or '0')
local count, bytes = tonumber(meta[3] or '0'), tonumber(meta[4] or '0')
local fits = open and now - born < tonumber(ARGV[6]) and bytes < tonumber(ARGV[8])
local held = {}
if fits and counters > 0 then
  local key = segment_key(open)
  for from = 1, counters, CHUNK do
    local to = math.min(from + CHUNK - 1, counters)
    local found = redis.call('HMGET', key, unpack(ARGV, fields_at + from, fields_at + to))
    for i = from, to do held[i] = found[i - from + 1] end
  end
  local fresh = 0
  for i = 1, counters do if not held[i] then fresh = fresh + 1 end end
  if count > 0 and count + fresh > tonumber(ARGV[7]) then fits, held = false, {} end
end

-- A verdict for each event, and the counters as they would be with the new ones in.
local state = {}
local function load(i)
  local s = state[i]
  if s then return s end
  if not held[i] then return nil end
  local a, b = string.match(held[i], '^(%S+) ?(%S*)$')
  s = {0, 0, 0, 0, 0, 0}
  s[1], s[2], s[3] = parse(a)
  if b ~= '' then s[4], s[5], s[6] = parse(b) end
  return s
end
local ADD, MIN, MAX, LATEST = 97, 110, 120, 108
local function merged(i, h, m, l, b)
  local merge, old = string.byte(merges, i - meters), load(i)
  local new = {h, m, l, 0, 0, 0}
  if b ~= '0' then new[4], new[5], new[6] = parse(b) end
  if not old then return new end
  if merge == ADD then
    new[1], new[2], new[3] = add(old[1], old[2], old[3], new[1], new[2], new[3])
    new[4], new[5], new[6] = add(old[4], old[5], old[6], new[4], new[5], new[6])
    return new
  end
  local new_is_less = less(new[1], new[2], new[3], old[1], old[2], old[3])
  if merge == MIN then return new_is_less and new or old end
  if merge == MAX then return new_is_less and old or new end
  if merge == LATEST then
    if less(old[4], old[5], old[6], new[4], new[5], new[6]) then return new end
    if less(new[4], new[5], new[6], old[4], old[5], old[6]) then return old end
    return new_is_less and old or new
  end
  return old
end

local verdicts, claims, bad = {}, {}, false
local taken = {}
for m = 1, meters do taken[m] = {0, 0, 0, 0} end
for e = 1, #ids do
  local seen, verdict = known[ids[e]], 'n'
  if seen then
    verdict = seen == prints[e] and 'd' or 'c'
  else
    local next_states, values, at = {}, {}, starts[e]
    for d = 1, tonumber(ARGV[at]) do
      local i = meters + tonumber(ARGV[at + 3 * d - 2])
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
if bad and handling == 'strict' then return {'refused', verdicts} end
if #claims == 0 then return {'recorded', verdicts, {}} end

-- The tallies: in this segment, in all, and of this caller.
local function amount(text)
  if not text then return {0, 0, 0, 0} end
  local events, quantity = string.match(text, '(%d+) (%S+)')
  return {tonumber(events), parse(quantity)}
end
local function amount_text(x) return integer(x[1]) .. ' ' .. format(x[2], x[3], x[4]) end
local function plus(x, y) return {x[1] + y[1], add(x[2], x[3], x[4], y[2], y[3], y[4])} end
local function minus(x, y) return {x[1] - y[1], carry(x[2] - y[2], x[3] - y[3], x[4] - y[4])} end
local sums, taken_texts = {}, {}
local function set(field, value)
  sums[#sums + 1] = field
  sums[#sums + 1] = value
end
for m = 1, meters do
  local events, h, i, l = taken[m][1], carry(taken[m][2], taken[m][3], taken[m][4])
  local new = {events, h, i, l}
  taken_texts[m] = amount_text(new)
  if events > 0 then
    local s = load(m) or {0, 0, 0, 0, 0, 0}
    s[1], s[2], s[3] = add(s[1], s[2], s[3], 0, events, 0)
    s[4], s[5], s[6] = add(s[4], s[5], s[6], h, i, l)
    state[m] = s
    set(meta_fields[8 + 3 * m], amount_text(plus(amount(meta[8 + 3 * m]), new)))
    local answered, witness = amount(ARGV[18 + 2 * m]), meta[10 + 3 * m]
    local mine = witness and string.sub(witness, 1, #ARGV[18] + 1) == ARGV[18] .. ' '
    -- Another caller in this slot has overwritten what was known of this one: then it can't be told.
    local known = (mine or not witness) and amount(witness and string.sub(witness, #ARGV[18] + 2)) or answered
    if answered[1] > known[1] then
      local gone, since = minus(answered, known), meta[9 + 3 * m] and string.match(meta[9 + 3 * m], '(%d+)$') or integer(now)
      set(meta_fields[9 + 3 * m], amount_text(plus(amount(meta[9 + 3 * m]), gone)) .. ' ' .. since)
      known = answered
    end
    set(meta_fields[10 + 3 * m], ARGV[18] .. ' ' .. amount_text(plus(known, new)))
  end
end

-- Is there room?
local writes, index, added_bytes = {}, {}, 0
for i = 1, counters do
  local s = state[i]
  if s then
    local field, value = ARGV[fields_at + i], format(s[1], s[2], s[3])
    if s[4] ~= 0 or s[5] ~= 0 or s[6] ~= 0 then value = value .. ' ' .. format(s[4], s[5], s[6]) end
    local was = held[i]
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
local unsettled, of_tenant = tonumber(meta[6] or '0') + fresh, tonumber(meta[10] or '0') + fresh
if fresh > 0 then
  if of_tenant > tonumber(ARGV[10]) then return {'backlog', 'tenant'} end
  if unsettled > tonumber(ARGV[9]) then return {'backlog', 'partition'} end
end
local rotate = not current or current.born + window <= now or current.ids >= tonumber(ARGV[12])
if rotate and current and #older + 1 >= tonumber(ARGV[13]) then return {'backlog', 'dedupe'} end

-- Only now write. The first write is one that a full Redis refuses, so that it refuses all of them.
local function write(command, key, values)
  for from = 1, #values, 2 * CHUNK do
    redis.call(command, key, unpack(values, from, math.min(from + 2 * CHUNK - 1, #values)))
  end
end
local closed = nil
if rotate then
  closed = current
  current = {n = integer(closed and tonumber(closed.n) + 1 or 1), born = now, ids = 0}
end
write('HSET', dedupe_key(tenant, current.n), claims)
if rotate then
  -- A tenant that falls silent never rotates again: then both keys go by themselves, two windows after their birth.
  redis.call('PEXPIRE', dedupe_key(tenant, current.n), integer(2 * window + 3600000))
  if closed then table.insert(older, 1, {n = closed.n, closed = integer(now)}) end
end
for _, n in ipairs(dead) do redis.call('UNLINK', dedupe_key(tenant, n)) end
current.ids = current.ids + #claims / 2
local generations = {current.n .. ':' .. integer(current.born) .. ':' .. integer(current.ids)}
for _, generation in ipairs(older) do generations[#generations + 1] = generation.n .. ':' .. generation.closed end

local ordinal = meta[5] or '0'
if not fits then
  if open and count > 0 then redis.call('ZADD', SEALED, integer(born), open) end
  ordinal = integer(tonumber(ordinal) + 1)
  open = integer(now) .. '-' .. time[2] .. '-' .. ARGV[5] .. '-' .. ordinal
  born, count, bytes = now, 0, 0
end
if #writes > 0 then
  write('HSET', segment_key(open), writes)
  if fresh > 0 then write('ZADD', index_key(open), index) end
end
for field, value in pairs({open = open, born = integer(born), count = integer(count + fresh),
  bytes = integer(bytes + added_bytes), ordinal = ordinal, unsettled = integer(unsettled), partitions = ARGV[3],
  ['c:' .. tenant] = ARGV[2], ['d:' .. tenant] = table.concat(generations, ','), ['u:' .. tenant] = integer(of_tenant)}) do
  set(field, value)
end
redis.call('HSET', META, unpack(sums))
return {'recorded', verdicts, taken_texts}
`,
)
