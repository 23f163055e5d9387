/**
 * The arithmetic of `core/src/limits/gcra.ts` in Lua: one number per key, in milliseconds of the server's clock.
 *
 * Same ticks, same order of operations, so the same doubles. A key is a string that holds the time; it ends when the
 * limit is whole again.
 *
 * @module
 */

export const RATE = `
local TICKS = 2048
local STEP_TICKS_MIN = 64
local DEBT_MS_MAX = 86400000
local CHARGED_MS_MAX = 10000

local function tick(ms) return math.floor(ms * TICKS) / TICKS end
local function step_ticks(d) return (d.window / d.amount) * TICKS end

local function cost_ms(d, units)
  local step = step_ticks(d)
  if step >= STEP_TICKS_MIN then return math.ceil(step) * units / TICKS end
  return math.ceil(step * units) / TICKS
end

local function capacity_ms(d)
  local step = step_ticks(d)
  if step >= STEP_TICKS_MIN then return cost_ms(d, d.burst) end
  return math.max(math.floor(step * d.burst), math.ceil(step)) / TICKS
end

-- What agents admitted while they did without the store is charged where all is used up already, by others that ask
-- again: cut off, it would be admitted twice.
local function furthest_ms(d)
  return d.now + capacity_ms(d) + (d.bytes and DEBT_MS_MAX or CHARGED_MS_MAX)
end

local function units_in(spare, d)
  local step = step_ticks(d)
  if step >= STEP_TICKS_MIN then step = math.ceil(step) end
  return math.min(d.burst, math.max(0, math.floor(spare * TICKS / step)))
end

local rate = {}

-- A key that is not there is whole; where the store forgot, it was used up at that time.
function rate.load(d)
  d.now = tick(now)
  local tat = tonumber(redis.call('GET', d.key) or (since > 0 and since + capacity_ms(d)) or 0)
  if tat <= d.now then d.tat = d.now else d.tat = math.min(tat, furthest_ms(d)) end
end

function rate.look(d, cost)
  local spare = capacity_ms(d) - (d.tat - d.now)
  local reset = d.tat - d.now
  local needed = cost_ms(d, cost > 0 and cost or 1)
  if d.tat + needed - d.now > capacity_ms(d) then
    return false, units_in(spare, d), reset, math.min(needed - spare, reset)
  end
  return rate.after(d)
end

-- What is said of a request that passed.
function rate.after(d)
  local spare = capacity_ms(d) - (d.tat - d.now)
  local left = units_in(spare, d)
  return true, left, d.tat - d.now, left > 0 and 0 or math.max(0, cost_ms(d, 1) - spare)
end

-- The most of so many units that there is room for.
function rate.room(d, units)
  local most = math.min(units, units_in(capacity_ms(d) - (d.tat - d.now), d))
  while most > 0 and d.tat + cost_ms(d, most) - d.now > capacity_ms(d) do most = most - 1 end
  return most
end

function rate.save(d)
  redis.call('SET', d.key, num(d.tat), 'PX', math.max(1, math.ceil(d.tat - d.now)) + 1000)
end

function rate.add(d, units)
  d.tat = d.tat + cost_ms(d, units)
  rate.save(d)
end

function rate.charge(d, units)
  d.tat = math.min(d.tat + cost_ms(d, units), furthest_ms(d))
  rate.save(d)
end

function rate.back(d, units)
  d.tat = d.tat - cost_ms(d, units)
  rate.save(d)
end

function rate.mark() return 0 end
`
