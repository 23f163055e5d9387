/**
 * The arithmetic of `core/src/limits/quota.ts` in Lua.
 *
 * Redis knows no time zones: the caller brings the period that it takes for the present one, with where it begins, where
 * it ends and where the next one does, and the server's clock chooses among that one and its neighbours. A key is a
 * string: number of the period, and what was used in it. It ends with the period, and an hour.
 *
 * @module
 */

export const QUOTA = `
local quota = {}

function quota.load(d)
  local period = d.period
  if now < d.begins then period = period - 1
  elseif now >= d.ends then period = period + 1 end
  local stored, used = string.match(redis.call('GET', d.key) or '', '(%S+) (%S+)')
  d.at, d.used = period, 0
  if stored and tonumber(stored) >= period then d.at, d.used = tonumber(stored), tonumber(used) end
end

local function ends(d)
  if d.at < d.period then return d.begins end
  return d.at == d.period and d.ends or d.next_ends
end

function quota.look(d, cost)
  local left = math.max(0, d.amount - d.used)
  local reset = d.used == 0 and 0 or math.max(0, ends(d) - now)
  if left >= (cost > 0 and cost or 1) then return true, left, reset, 0 end
  return false, left, reset, reset
end

function quota.after(d)
  local _, left, reset, retry = quota.look(d, 1)
  return true, left, reset, retry
end

function quota.room(d, units) return math.min(units, math.max(0, d.amount - d.used)) end

function quota.save(d)
  local text = num(d.at) .. ' ' .. num(d.used)
  redis.call('SET', d.key, text, 'PX', math.max(0, math.ceil(ends(d) - now)) + 3600000)
end

function quota.add(d, units)
  d.used = d.used + units
  quota.save(d)
end

quota.charge = quota.add

function quota.back(d, units, mark)
  if d.at ~= mark then return end
  d.used = math.max(0, d.used - units)
  quota.save(d)
end

-- In which period it was taken.
function quota.mark(d) return d.at end
`
