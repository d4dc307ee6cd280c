/** Fields at most: with more ids, they hold more of them each. */
const FIELDS_MOST = 268_435_456

/**
 * Event ids in a _packed hash_: each field is the text of some ten ids, which takes a third of the memory that fields of their
 * own would. A record of 28 characters is an id: the first 16 of its digest (96 bits), the first 11 of its fingerprint (66), and a
 * letter that says which generation it is of. So all generations that are alive lie together, and a batch is looked up with one
 * HMGET. Records stand in the order in which they came: what is dead stands first, and goes when its field is written next.
 *
 * The hash has as many fields as its ids ask for: each time that there are `ids` more, one field is divided in two, in turn (linear
 * hashing). In which field an id lies, follows from its digest and the number of fields.
 *
 * A packed hash is {base, buckets, low, alive, ids, texts, fields}: the number of its first generation; how many fields it has; the
 * power of two that they have reached; which letters are alive, and how many ids these have; what was read, and where which id is.
 *
 *   packed_hash(base, buckets) → hash      letter_of(generation) → code of its letter
 *   read_packed(key, hash, ids, layout, known)       adds to known; reads what would be divided, too, if all of the ids were new
 *   claim_packed(key, hash, letter, claims, layout)
 *   outlived(hash, n, layout) → whether generation n is to have a hash of its own: letters are few, or fields too many for the ids
 */
export const luaPackedIds = `
local PACKED, TURNS = 28, 2
local LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
local byte, sub, find, format_string = string.byte, string.sub, string.find, string.format
local function packed_hash(base, buckets)
  local _, bits = math.frexp(buckets)
  return {base = base, buckets = buckets, low = 2 ^ (bits - 1), alive = {}, ids = 0, texts = {}, fields = {}}
end
local function letter_of(generation) return byte(LETTERS, generation.n - generation.hash.base + 1) end
-- How many fields it is to have with so many new ids. Not many more than these at once, if ever a text is to hold fewer of them.
local function fields_with(hash, new, layout)
  return math.min(math.ceil((hash.ids + new) / layout.ids), hash.buckets + new, ${FIELDS_MOST})
end
local function outlived(hash, n, layout)
  return n - hash.base >= #LETTERS or 4 * hash.ids < (hash.buckets - 4) * layout.ids
end
-- Of the id at this place of a text.
local function spread(text, at)
  local a, b, c, d, e, f = byte(text, at, at + 5)
  return a + b * 131 + c * 17161 + d * 2248091 + e * 294499921 + f * 38579489651
end
local function field_of(hash, id)
  local bucket = spread(id, 1) % (2 * hash.low)
  if bucket >= hash.buckets then bucket = bucket - hash.low end
  return format_string('%x', bucket)
end
local function read_packed(key, hash, ids, layout, known)
  local wanted, texts, fields, count = {}, hash.texts, hash.fields, #ids
  local buckets, low, twice = hash.buckets, hash.low, 2 * hash.low
  for i = 1, count do
    local bucket = spread(ids[i], 1) % twice
    local field = format_string('%x', bucket < buckets and bucket or bucket - low)
    wanted[i], fields[ids[i]] = field, field
  end
  if layout then
    for bucket = buckets, fields_with(hash, #ids, layout) - 1 do
      if bucket == 2 * low then low = bucket end
      if bucket - low < buckets then
        count = count + 1
        wanted[count] = format_string('%x', bucket - low)
      end
    end
  end
  for from = 1, count, CHUNK do
    local to = math.min(from + CHUNK - 1, count)
    local found = redis.call('HMGET', key, unpack(wanted, from, to))
    for i = from, to do
      local text, id = found[i - from + 1], ids[i]
      if text then
        texts[wanted[i]] = text
        local short = id and sub(id, 1, ID)
        local at = id and find(text, short, 1, true)
        while at do
          if at % PACKED == 1 and hash.alive[byte(text, at + PACKED - 1)] then known[id] = sub(text, at + ID, at + ID + PRINT - 1) end
          at = find(text, short, at + 1, true)
        end
      end
    end
  end
end
-- Divides fields in two until there are so many.
local function divide(hash, goal, changed)
  local texts = hash.texts
  if hash.buckets < goal then hash.fields = {} end
  while hash.buckets < goal do
    local twice, bucket = 2 * hash.low, hash.buckets
    local from, to = format_string('%x', bucket - hash.low), format_string('%x', bucket)
    local text, stays, goes = texts[from] or '', {}, {}
    for at = 1, #text, PACKED do
      local into = spread(text, at) % twice == bucket and goes or stays
      into[#into + 1] = sub(text, at, at + PACKED - 1)
    end
    if #goes > 0 then
      texts[from], texts[to] = table.concat(stays), table.concat(goes)
      changed[from], changed[to] = true, true
    end
    hash.buckets = bucket + 1
    if hash.buckets == twice then hash.low = twice end
  end
end
local function without_dead(text, alive)
  local first = 1
  while first < #text and not alive[byte(text, first + PACKED - 1)] do first = first + PACKED end
  return sub(text, first)
end
local function claim_packed(key, hash, letter, claims, layout)
  local changed, writes, count = {}, {}, 0
  divide(hash, fields_with(hash, #claims / 2, layout), changed)
  hash.ids, hash.alive[letter], letter = hash.ids + #claims / 2, true, string.char(letter)
  local texts, fields, alive = hash.texts, hash.fields, hash.alive
  for i = 1, #claims, 2 do
    local id = claims[i]
    local field = fields[id] or field_of(hash, id)
    changed[field] = true
    local text = texts[field] or ''
    if #text > 0 and not alive[byte(text, PACKED)] then text = without_dead(text, alive) end
    texts[field] = text .. sub(id, 1, ID) .. sub(claims[i + 1], 1, PRINT) .. letter
  end
  for field in pairs(changed) do
    writes[count + 1], writes[count + 2] = field, texts[field]
    count = count + 2
  end
  for from = 1, count, 2 * CHUNK do
    redis.call('HSET', key, unpack(writes, from, math.min(from + 2 * CHUNK - 1, count)))
  end
end
`
