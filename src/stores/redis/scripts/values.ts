/**
 * What a counter holds, in Lua: two decimals, {h, m, l, h, m, l} (decimal.ts), and as text "a", or "a b" where b is not 0. How two
 * become one is metering/counter.ts's `Merge`.
 *   parse_value(text) → value      value_text(value) → text
 *   amount(events, quantity) → {number, h, m, l}      amount_text(amount) → "events quantity"      plus, minus(amount, amount)
 *   merged(merge, old or nil, h, m, l, b) → value     merge: the letter's code; h, m, l: a of what is new; b: its b, as text
 */
export const luaValues = `
local function parse_value(text)
  local space = find(text, ' ', 1, true)
  if not space then
    local h, m, l = parse(text)
    return {h, m, l, 0, 0, 0}
  end
  local h, m, l = parse(sub(text, 1, space - 1))
  return {h, m, l, parse(sub(text, space + 1))}
end
local function value_text(s)
  local a = format(s[1], s[2], s[3])
  if s[4] == 0 and s[5] == 0 and s[6] == 0 then return a end
  return a .. ' ' .. format(s[4], s[5], s[6])
end
local function amount(events_text, quantity)
  if not events_text then return {0, 0, 0, 0} end
  return {tonumber(events_text), parse(quantity)}
end
local function amount_text(x) return integer(x[1]) .. ' ' .. format(x[2], x[3], x[4]) end
local function plus(x, y) return {x[1] + y[1], add(x[2], x[3], x[4], y[2], y[3], y[4])} end
local function minus(x, y) return {x[1] - y[1], carry(x[2] - y[2], x[3] - y[3], x[4] - y[4])} end
local ADD, MIN, MAX, LATEST = 97, 110, 120, 108
local function merged(merge, old, h, m, l, b)
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
`
