import { script } from '../script.ts'
import { luaPackedIds } from './packed-ids.ts'

/** Buckets that a generation begins with, and what it may have at most; powers of four, as one is followed by four times as many. */
const BUCKETS_FIRST = 16
const BUCKETS_MOST = 16_777_216

/**
 * Which event ids are known, in _generations_: a tenant writes to the newest, and one that was closed a window ago is forgotten.
 * How they are laid out follows from what their store is paid for, and is kept with each:
 *
 *   hash      id → fingerprint. The least to compute, and the most memory.
 *   packed    a hash for all of them, each field of which is the text of some ten ids (packed-ids.ts): a third of the memory. A generation lasts half
 *             a window, so that an id takes its memory for one and a half at most.
 *   buckets   such texts as keys of their own, some two dozen ids each, where a store bounds what it holds in one record. Their number is
 *             fixed, and a generation that outgrows it is followed by one of four times as many. All of a batch's buckets, of however
 *             many generations, are one MGET and one MSET. A bucket holds 27 characters an id: the first 16 of its digest (96
 *             bits) and the first 11 of its fingerprint (66).
 *
 *   parse_generations(text, window, now) → current or nil, {older, …}, {dead, …}
 *   look_up(tenant, generations, ids, layout) → {id → fingerprint, or its first characters}, {name → text of its bucket}
 *                             layout: where these ids may be claimed afterwards
 *   to_write(current, older, layout, now) → the generation to write to from now on, and whether it is a new one
 *   claim(tenant, current, claims, texts, layout)       claims: {id, fingerprint, …}
 *   keep_for_a_window(tenant, generations, window, now)      forget(tenant, dead, now)
 *   generations_text(current, older)
 */
export const luaIds = `
local CHUNK, RECORD, ID, PRINT = 3500, 27, 16, 11
${luaPackedIds}
local function parse_generations(text, window, now)
  local current, older, dead, hashes = nil, {}, {}, {}
  -- The newest that lies in a hash says how many fields that has.
  local function laid_out(n, packed, buckets, base, ids)
    buckets = tonumber(buckets) or 0
    if packed == '' then return {n = n, kind = buckets > 0 and 'buckets' or 'hash', buckets = buckets, ids = ids} end
    hashes[base] = hashes[base] or packed_hash(tonumber(base), buckets)
    return {n = n, kind = 'packed', hash = hashes[base], ids = ids}
  end
  for part in string.gmatch(text, '[^,]+') do
    local n, born, ids, of_window, packed, buckets, base = string.match(part, '^(%d+):(%d+):(%d+):(%d+):?(p?)(%d*)%.?(%d*)$')
    if n then
      current = laid_out(n, packed, buckets, base, tonumber(ids))
      current.born, current.window = tonumber(born), tonumber(of_window)
    else
      local m, closed, was_packed, of_buckets, of_base, of_ids = string.match(part, '^(%d+):(%d+):?(p?)(%d*)%.?(%d*)%.?(%d*)$')
      local generation = laid_out(m, was_packed, of_buckets, of_base, tonumber(of_ids) or 0)
      generation.closed = closed
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
local function hash_key(tenant, generation) return dedupe_key(tenant, generation.hash and integer(generation.hash.base) or generation.n) end
local function print_in(text, id)
  local at = string.find(text, id, 1, true)
  while at and at % RECORD ~= 1 do at = string.find(text, id, at + 1, true) end
  return at and string.sub(text, at + ID, at + RECORD - 1)
end
local function look_up(tenant, generations, ids, layout)
  local known, texts, names, places, packed = {}, {}, {}, {}, {}
  for _, generation in ipairs(generations) do
    if generation.kind == 'hash' then
      local key = dedupe_key(tenant, generation.n)
      for from = 1, #ids, CHUNK do
        local to = math.min(from + CHUNK - 1, #ids)
        local found = redis.call('HMGET', key, unpack(ids, from, to))
        for i = from, to do
          if found[i - from + 1] then known[ids[i]] = found[i - from + 1] end
        end
      end
    elseif generation.kind == 'packed' then
      local hash = generation.hash
      if next(hash.alive) == nil then packed[#packed + 1] = generation end
      hash.alive[letter_of(generation)], hash.ids = true, hash.ids + generation.ids
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
  for _, generation in ipairs(packed) do
    local written = generation == generations[1] and layout
    read_packed(hash_key(tenant, generation), generation.hash, ids, written, known)
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
-- layout: {kind, ids: of a hash at most, or about so many in a text, window}
local function outgrown(current, layout)
  return current.kind == 'buckets' and layout.kind == 'buckets' and current.ids >= current.buckets * layout.ids
end
local function is_over(current, layout, now)
  if current.kind ~= layout.kind or current.window ~= layout.window then return true end
  local lasts = layout.kind == 'packed' and layout.window / TURNS or layout.window
  if current.born + lasts <= now then return true end
  if current.kind == 'hash' then return current.ids >= layout.ids end
  return outgrown(current, layout) and current.buckets < ${BUCKETS_MOST}
end
-- The newest generation, or one that takes its place, and what is to be kept of the one before it for how long.
local function to_write(current, older, layout, now)
  if current and not is_over(current, layout, now) then return current, false end
  local n = current and tonumber(current.n) + 1 or 1
  local new = {n = integer(n), kind = layout.kind, born = now, ids = 0, window = layout.window, buckets = 0}
  if layout.kind == 'buckets' then
    new.buckets = power_of_four(current and current.ids / layout.ids or 0)
    if current and outgrown(current, layout) then new.buckets = math.min(4 * current.buckets, ${BUCKETS_MOST}) end
  elseif layout.kind == 'packed' then
    local hash = current and current.window == layout.window and current.hash
    if not hash or outlived(hash, n, layout) then hash = packed_hash(n, 1) end
    new.hash = hash
  end
  if current then
    current.closed = integer(now)
    table.insert(older, 1, current)
  end
  return new, true
end
local function claim(tenant, current, claims, texts, layout)
  current.ids = current.ids + #claims / 2
  if current.kind == 'packed' then
    return claim_packed(hash_key(tenant, current), current.hash, letter_of(current), claims, layout)
  end
  if current.kind == 'hash' then
    local key = dedupe_key(tenant, current.n)
    for from = 1, #claims, 2 * CHUNK do
      redis.call('HSET', key, unpack(claims, from, math.min(from + 2 * CHUNK - 1, #claims)))
    end
    return
  end
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
-- A tenant that falls silent never rotates again: then all of these go by themselves, when the last id is old enough. A hash has
-- an expiry; the names of buckets are forgotten by a script of their own, once the list says that it is time.
local function keep_for_a_window(tenant, generations, window, now)
  local ttl, listed, kept = 2 * window + 3600000, {}, {}
  for _, generation in ipairs(generations) do
    if generation.kind ~= 'buckets' then
      local key = hash_key(tenant, generation)
      if not kept[key] then redis.call('PEXPIRE', key, integer(ttl)) end
      kept[key] = true
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
    if generation.kind == 'buckets' then
      redis.call('ZADD', FORGETTING, integer(now), tenant .. ':' .. generation.n .. ':' .. integer(generation.buckets))
    elseif not generation.hash or next(generation.hash.alive) == nil then redis.call('UNLINK', hash_key(tenant, generation)) end
  end
end
local function layout_text(generation)
  local hash = generation.hash
  return hash and string.format('p%.0f.%.0f', hash.buckets, hash.base) or integer(generation.buckets)
end
local function generations_text(current, older)
  local text = string.format('%s:%.0f:%.0f:%.0f:%s', current.n, current.born, current.ids, current.window, layout_text(current))
  for _, generation in ipairs(older) do
    text = text .. ',' .. generation.n .. ':' .. generation.closed .. ':' .. layout_text(generation)
    if generation.hash then text = text .. '.' .. integer(generation.ids) end
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
