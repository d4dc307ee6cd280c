import { script } from '../script.ts'
import { placedScript } from './placement.ts'

/**
 * How far a tenant's acts are noted.
 *
 * KEYS  1  the partition's meta      ARGV  1  tenant      Returns  {mark, µs}    mark: when acts were last offered again, or ''
 */
export const actsNoted = placedScript(
  'acts-noted',
  `
local mark = redis.call('HGET', META, 'acts_offer') or ''
return {mark, redis.call('HGET', acts_key(ARGV[1]), 'to') or '0'}
`,
)

/**
 * Notes what became of corrections, in this order after all that are noted. What is noted stays as and where it is, unless it was
 * entered once more (at another instant), or is further on: one that waited is applied, cancelled or refused; one that was
 * cancelled stays so. What waits to be entered again moves behind it. What is too old goes, and then the oldest of what is too much. It begins with a write that a full Redis takes.
 *
 * KEYS  1  the partition's meta
 * ARGV  1  tenant   2  keep_ms   3  the mark   4  how many at most   5  bytes at most   6  up to where acts are noted now (µs)
 *       7  how many wait   then their slots, in their order, and then slot, kind, when it was entered or '', text
 *
 * Returns  'OK', or 'OFFERED_AGAIN': the mark has moved, and nothing is noted
 */
export const noteActs = placedScript(
  'note-acts',
  `
local notes, order = acts_key(ARGV[1]), acts_order_key(ARGV[1])
if (redis.call('HGET', META, 'acts_offer') or '') ~= ARGV[3] then return 'OFFERED_AGAIN' end
local now, microseconds = now_ms()
redis.call('ZREMRANGEBYSCORE', ACTING, '-inf', integer(now - tonumber(ARGV[2])))
local bytes = tonumber(redis.call('HGET', notes, 'bytes') or '0')
local function forget(slot)
  bytes = bytes - redis.call('HSTRLEN', notes, slot)
  redis.call('HDEL', notes, slot)
  redis.call('ZREM', order, slot)
end
for _, slot in ipairs(redis.call('ZRANGEBYSCORE', order, '-inf', integer((now - tonumber(ARGV[2])) * 1000))) do
  forget(slot)
end
local last = redis.call('ZRANGE', order, -1, -1, 'WITHSCORES')[2]
local position = math.max(now * 1000 + tonumber(microseconds) % 1000, tonumber(last or '0'))
local waiting, noted = tonumber(ARGV[7]), {}
for i = 8 + waiting, #ARGV, 4 do
  local slot, kind, at = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local was, was_at = string.match(redis.call('HGET', notes, slot) or '', '^(%a+)\\31(%d*)\\31')
  local stays = was == kind and was_at == at
  if was and kind == 'want' then stays = true end
  if was == 'cancelled' and kind == 'apply' then stays = true end
  noted[slot] = true
  if not stays then
    if was then forget(slot) end
    local text = kind .. '\\31' .. at .. '\\31' .. ARGV[i + 3]
    position = position + 1
    bytes = bytes + #text
    redis.call('HSET', notes, slot, text)
    redis.call('ZADD', order, integer(position), slot)
  end
end
for i = 8, 7 + waiting do
  if not noted[ARGV[i]] and redis.call('ZSCORE', order, ARGV[i]) then
    position = position + 1
    redis.call('ZADD', order, integer(position), ARGV[i])
  end
end
while redis.call('ZCARD', order) > tonumber(ARGV[4]) or bytes > tonumber(ARGV[5]) do
  local oldest = redis.call('ZRANGE', order, 0, 0)[1]
  if not oldest then break end
  forget(oldest)
end
local to = math.max(tonumber(redis.call('HGET', notes, 'to') or '0'), tonumber(ARGV[6]))
redis.call('HSET', notes, 'to', integer(to), 'bytes', integer(bytes))
redis.call('PEXPIRE', notes, ARGV[2])
redis.call('PEXPIRE', order, ARGV[2])
redis.call('ZADD', ACTING, integer(now), ARGV[1])
redis.call('PEXPIRE', ACTING, ARGV[2])
return 'OK'
`,
)

/**
 * Acts are offered again: from now on nothing is noted that was read before. Gives the tenants that may have notes.
 *
 * KEYS  1  the partition's meta      Returns  {tenant, …}
 */
export const offerActs = script(
  'offer-acts',
  `
local now, microseconds = now_ms()
redis.call('HSET', META, 'acts_offer', integer(now) .. '-' .. microseconds)
return redis.call('ZRANGE', ACTING, 0, -1)
`,
)

/**
 * A tenant's notes, in their order.
 *
 * KEYS  1  the partition's meta      ARGV  1  tenant   2  after this position   3  how many at most
 * Returns  {position, kind, when it was entered or '', text, …}
 */
export const notedActs = script(
  'noted-acts',
  `
local found = {}
local slots = redis.call('ZRANGEBYSCORE', acts_order_key(ARGV[1]), '(' .. ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #slots, 2 do
  local kind, at, text = string.match(redis.call('HGET', acts_key(ARGV[1]), slots[i]), '^(%a+)\\31(%d*)\\31(.*)$')
  for _, part in ipairs({slots[i + 1], kind, at, text}) do found[#found + 1] = part end
end
return found
`,
)
