/**
 * Exact decimals in Lua, whose only number is a double. A decimal is three limbs of 12 digits (h, m before the point,
 * l after it), in floor form: 0 <= m, l < 10^12 and h carries the sign. Sums of two limbs stay far below 2^53, so every
 * step is exact, and two decimals compare limb by limb.
 *   parse(text) → h, m, l      add(h, m, l, h, m, l) → h, m, l      less(…) → boolean
 *   format(h, m, l) → text     in_range(h) → whether |value| < 10^24
 * Negated limbs are 0 - x, never -x: a minus zero would be printed.
 */
export const luaDecimal = `
local LIMB = 1000000000000
local floor, sub, format_string, find = math.floor, string.sub, string.format, string.find
local function carry(h, m, l)
  if l >= LIMB or l < 0 then local c = floor(l / LIMB); l = l - c * LIMB; m = m + c end
  if m >= LIMB or m < 0 then local c = floor(m / LIMB); m = m - c * LIMB; h = h + c end
  return h, m, l
end
local function parse(text)
  local negative = sub(text, 1, 1) == '-'
  local whole = negative and sub(text, 2) or text
  local l = 0
  local point = find(whole, '.', 1, true)
  if point then
    l = tonumber(sub(sub(whole, point + 1) .. '000000000000', 1, 12))
    whole = sub(whole, 1, point - 1)
  end
  local h, m = 0, 0
  if #whole <= 12 then m = tonumber(whole) else m = tonumber(sub(whole, -12)); h = tonumber(sub(whole, 1, -13)) end
  if negative then return carry(0 - h, 0 - m, 0 - l) end
  return h, m, l
end
local function add(h1, m1, l1, h2, m2, l2) return carry(h1 + h2, m1 + m2, l1 + l2) end
local function less(h1, m1, l1, h2, m2, l2)
  if h1 ~= h2 then return h1 < h2 end
  if m1 ~= m2 then return m1 < m2 end
  return l1 < l2
end
local function in_range(h) return h < LIMB and h >= -LIMB end
local function format(h, m, l)
  local sign = ''
  if h < 0 then sign = '-'; h, m, l = carry(0 - h, 0 - m, 0 - l) end
  local text
  if h > 0 then text = format_string('%.0f%012.0f', h, m) else text = format_string('%.0f', m) end
  if l > 0 then text = text .. '.' .. string.gsub(format_string('%012.0f', l), '0+$', '') end
  return sign .. text
end
`
