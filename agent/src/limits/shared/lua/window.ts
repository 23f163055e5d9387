/**
 * The arithmetic of `core/src/limits/sliding-window.ts` in Lua: eight counts per key, by parts of the server's clock.
 *
 * A key is a string: the number of the current part, then what came in it and in the seven before. It ends when all of
 * that has left the window.
 *
 * @module
 */

export const WINDOW = `
local PARTS = 7
local COUNTS = 8

local function part_ms(d) return math.ceil(d.window / PARTS) end
local function gone(d, age) return (d.part - age + COUNTS) * part_ms(d) end

local window = {}

function window.load(d)
  local part = math.floor(now / part_ms(d))
  local stored, counts = nil, {}
  for text in string.gmatch(redis.call('GET', d.key) or '', '%S+') do
    if stored then counts[#counts + 1] = tonumber(text) else stored = tonumber(text) end
  end
  if not stored then
    -- A key that is not there is whole; where the store forgot, it was used up at that time.
    stored = since > 0 and math.floor(since / part_ms(d)) or 0
    for age = 1, COUNTS do counts[age] = (age == 1 and since > 0) and d.amount or 0 end
  end
  local passed = part - stored
  if passed <= 0 then d.part, d.counts = stored, counts return end
  d.part, d.counts = part, {}
  for age = 1, COUNTS do d.counts[age] = age > passed and counts[age - passed] or 0 end
end

function window.look(d, cost)
  local used, youngest = 0, -1
  for age = PARTS, 0, -1 do
    used = used + d.counts[age + 1]
    if d.counts[age + 1] > 0 then youngest = age end
  end
  local left = math.max(0, d.amount - used)
  local reset = youngest == -1 and 0 or gone(d, youngest) - now
  local needed = cost > 0 and cost or 1
  if left >= needed then return true, left, reset, 0 end
  for age = PARTS, 0, -1 do
    used = used - d.counts[age + 1]
    if used + needed <= d.amount then return false, left, reset, gone(d, age) - now end
  end
  return false, left, reset, reset
end

function window.after(d)
  local _, left, reset, retry = window.look(d, 1)
  return true, left, reset, retry
end

function window.room(d, units)
  local _, left = window.look(d, 1)
  return math.min(units, left)
end

function window.save(d)
  local text = num(d.part)
  for age = 1, COUNTS do text = text .. ' ' .. num(d.counts[age]) end
  redis.call('SET', d.key, text, 'PX', part_ms(d) * COUNTS + 1000)
end

function window.add(d, units)
  d.counts[1] = d.counts[1] + units
  window.save(d)
end

window.charge = window.add

function window.back(d, units, mark)
  local age = d.part - mark
  if age < 0 or age > PARTS then return end
  d.counts[age + 1] = math.max(0, d.counts[age + 1] - units)
  window.save(d)
end

-- In which part it was taken.
function window.mark(d) return d.part end
`
