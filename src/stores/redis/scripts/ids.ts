import { script } from '../script.ts'

/** Buckets that a generation begins with, and what it may have at most; powers of four, as one is followed by four times as many. */
const BUCKETS_FIRST = 16
const BUCKETS_MOST = 16_777_216

/**
 * Which event ids are known, in _generations_: a tenant writes to the newest, and one that was closed a window ago is forgotten.
 * How a generation is laid out follows from what its store is paid for, and is kept with it:
 *
 *   a hash    id → fingerprint. A batch looks into it with one HMGET, in the least time; but it is one record, and may outgrow
 *             what a store holds in one. `buckets` is 0.
 *   buckets   texts of some two dozen ids each, by a hash of the id: all of a batch's buckets, of however many generations and
 *             ids, are one MGET and one MSET. That is more work than a hash, and takes less memory. A bucket holds
 *             27 characters an id: the first 16 of its digest (96 bits) and the first 11 of its fingerprint (66).
 *
 *   parse_generations(text, window, now) → current or nil, {older, …}, {dead, …}
 *   look_up(tenant, generations, ids) → {id → fingerprint, or its first characters}, {name → text of its bucket}
 *   to_write(current, older, layout, now) → the generation to write to from now on, and whether it is a new one
 *   claim(tenant, current, claims, texts)       claims: {id, fingerprint, …}
 *   keep_for_a_window(tenant, generations, window, now)      forget(tenant, dead, now)
 *   generations_text(current, older)
 */
export const luaIds = `
local CHUNK, RECORD, ID, PRINT = 3500, 27, 16, 11
local function parse_generations(text, window, now)
  local current, older, dead = nil, {}, {}
  for part in string.gmatch(text, '[^,]+') do
    local n, born, ids, of_window, buckets = string.match(part, '^(%d+):(%d+):(%d+):(%d+):?(%d*)$')
    if n then
      current = {n = n, born = tonumber(born), ids = tonumber(ids), window = tonumber(of_window), buckets = tonumber(buckets) or 0}
    else
      local m, closed, of_buckets = string.match(part, '^(%d+):(%d+):?(%d*)$')
      local generation = {n = m, closed = closed, buckets = tonumber(of_buckets) or 0}
      local list = tonumber(closed) + window > now and older or dead
      list[#list + 1] = generation
    end
  end
  return current, older, dead
end
local function bucket_name(tenant, generation, id)
  local a, b, c, d, e = string.byte(id, 1, 5)
  return dedupe_key(tenant, generation.n) .. ':' .. integer((a + b * 131 + c * 17161 + d * 2248091 + e * 294499921) % generation.buckets)
end
local function print_in(text, id)
  local at = string.find(text, id, 1, true)
  while at and at % RECORD ~= 1 do at = string.find(text, id, at + 1, true) end
  return at and string.sub(text, at + ID, at + RECORD - 1)
end
local function look_up(tenant, generations, ids)
  local known, texts, names, places = {}, {}, {}, {}
  for _, generation in ipairs(generations) do
    if generation.buckets == 0 then
      local key = dedupe_key(tenant, generation.n)
      for from = 1, #ids, CHUNK do
        local to = math.min(from + CHUNK - 1, #ids)
        local found = redis.call('HMGET', key, unpack(ids, from, to))
        for i = from, to do
          if found[i - from + 1] then known[ids[i]] = found[i - from + 1] end
        end
      end
    else
      for _, id in ipairs(ids) do
        local name = bucket_name(tenant, generation, id)
        if not texts[name] then
          texts[name] = ''
          names[#names + 1] = name
        end
        places[#places + 1] = id
        places[#places + 1] = name
      end
    end
  end
  for from = 1, #names, CHUNK do
    local to = math.min(from + CHUNK - 1, #names)
    local found = redis.call('MGET', unpack(names, from, to))
    for i = from, to do texts[names[i]] = found[i - from + 1] or '' end
  end
  for i = 1, #places, 2 do
    local text = texts[places[i + 1]]
    local seen = text ~= '' and print_in(text, string.sub(places[i], 1, ID))
    if seen then known[places[i]] = seen end
  end
  return known, texts
end
local function power_of_four(at_least)
  local power = ${BUCKETS_FIRST}
  while power < at_least and power < ${BUCKETS_MOST} do power = power * 4 end
  return power
end
-- layout: {window, max_ids (of a hash), bucket_ids (0: hashes)}
local function is_over(current, layout, now)
  if current.born + layout.window <= now or current.window ~= layout.window then return true end
  if (current.buckets > 0) ~= (layout.bucket_ids > 0) then return true end
  if current.buckets == 0 then return current.ids >= layout.max_ids end
  return current.ids >= current.buckets * layout.bucket_ids and current.buckets < ${BUCKETS_MOST}
end
-- The newest generation, or one that takes its place, and what is to be kept of the one before it for how long.
local function to_write(current, older, layout, now)
  if current and not is_over(current, layout, now) then return current, false end
  local buckets = 0
  if layout.bucket_ids > 0 then buckets = power_of_four(current and current.ids / layout.bucket_ids or 0) end
  if current and current.buckets > 0 and current.ids >= current.buckets * layout.bucket_ids then
    buckets = math.min(4 * current.buckets, ${BUCKETS_MOST})
  end
  if current then table.insert(older, 1, {n = current.n, closed = integer(now), buckets = current.buckets}) end
  return {n = integer(current and tonumber(current.n) + 1 or 1), born = now, ids = 0, window = layout.window, buckets = buckets}, true
end
local function claim(tenant, current, claims, texts)
  if current.buckets == 0 then
    local key = dedupe_key(tenant, current.n)
    for from = 1, #claims, 2 * CHUNK do
      redis.call('HSET', key, unpack(claims, from, math.min(from + 2 * CHUNK - 1, #claims)))
    end
  else
    local changed, writes = {}, {}
    for i = 1, #claims, 2 do
      local name = bucket_name(tenant, current, claims[i])
      changed[name] = true
      texts[name] = (texts[name] or '') .. string.sub(claims[i], 1, ID) .. string.sub(claims[i + 1], 1, PRINT)
    end
    for name in pairs(changed) do
      writes[#writes + 1] = name
      writes[#writes + 1] = texts[name]
    end
    for from = 1, #writes, 2 * CHUNK do
      redis.call('MSET', unpack(writes, from, math.min(from + 2 * CHUNK - 1, #writes)))
    end
  end
  current.ids = current.ids + #claims / 2
end
-- A tenant that falls silent never rotates again: then all of these go by themselves, when the last id is old enough. A hash has
-- an expiry; the names of buckets are forgotten by a script of their own, once the list says that it is time.
local function keep_for_a_window(tenant, generations, window, now)
  local ttl, listed = 2 * window + 3600000, {}
  for _, generation in ipairs(generations) do
    if generation.buckets == 0 then redis.call('PEXPIRE', dedupe_key(tenant, generation.n), integer(ttl))
    else
      listed[#listed + 1] = integer(now + ttl)
      listed[#listed + 1] = tenant .. ':' .. generation.n .. ':' .. integer(generation.buckets)
    end
  end
  if #listed > 0 then redis.call('ZADD', FORGETTING, unpack(listed)) end
end
-- Nobody looks into them any more. A window may have been made shorter since it was said when that would be.
local function forget(tenant, dead, now)
  for _, generation in ipairs(dead) do
    if generation.buckets == 0 then redis.call('UNLINK', dedupe_key(tenant, generation.n))
    else redis.call('ZADD', FORGETTING, integer(now), tenant .. ':' .. generation.n .. ':' .. integer(generation.buckets)) end
  end
end
local function generations_text(current, older)
  local text = string.format('%s:%.0f:%.0f:%.0f:%.0f', current.n, current.born, current.ids, current.window, current.buckets)
  for _, generation in ipairs(older) do
    text = text .. ',' .. generation.n .. ':' .. generation.closed .. ':' .. integer(generation.buckets)
  end
  return text
end
`

/**
 * Forgets buckets of ids whose time is over, a bounded number of them.
 *
 * KEYS  1  the partition's meta      ARGV  1  how many at most      Returns  1 if there may be more, else 0
 */
export const forgetIds = script(
  'forget-ids',
  `
local due = redis.call('ZRANGEBYSCORE', FORGETTING, '-inf', integer((now_ms())), 'LIMIT', 0, 1)[1]
if not due then return 0 end
local tenant, n, buckets, from = string.match(due, '^([^:]+):(%d+):(%d+):?(%d*)$')
from = tonumber(from) or 0
local to, names = math.min(from + tonumber(ARGV[1]), tonumber(buckets)), {}
for bucket = from, to - 1 do names[#names + 1] = dedupe_key(tenant, n) .. ':' .. integer(bucket) end
redis.call('UNLINK', unpack(names))
redis.call('ZREM', FORGETTING, due)
if to < tonumber(buckets) then
  redis.call('ZADD', FORGETTING, 0, tenant .. ':' .. n .. ':' .. buckets .. ':' .. integer(to))
end
return 1
`,
)
