/**
 * Concurrency in Lua: places of a key, as a hash with a field for each thread that holds some.
 *
 * A field says how many, and when the thread said so last. One that has said nothing for ten seconds is gone, and what it
 * held is free. The key ends when all of them are.
 *
 * @module
 */

/** After so long without a word from a thread, what it holds is free, in milliseconds. */
export const HOLDER_GONE_MS = 10_000

export const PLACES = `
local GONE_MS = ${HOLDER_GONE_MS}
local RETRY_MS = 1000

local places = {}

function places.load(d)
  d.held, d.own = 0, 0
  local all = redis.call('HGETALL', d.key)
  for index = 1, #all, 2 do
    local count, seen = string.match(all[index + 1], '(%S+) (%S+)')
    if now - tonumber(seen) > GONE_MS then redis.call('HDEL', d.key, all[index])
    else
      d.held = d.held + tonumber(count)
      if all[index] == holder then d.own = tonumber(count) end
    end
  end
end

function places.look(d)
  local left = math.max(0, d.amount - d.held)
  return left > 0, left, 0, left > 0 and 0 or RETRY_MS
end

function places.after(d)
  local _, left, reset, retry = places.look(d)
  return true, left, reset, retry
end

-- Places are not taken ahead.
function places.room() return 0 end

-- How many the thread holds.
function places.hold(d, count)
  d.held, d.own = d.held - d.own + count, count
  if count <= 0 then redis.call('HDEL', d.key, holder) return end
  redis.call('HSET', d.key, holder, num(count) .. ' ' .. num(now))
  redis.call('PEXPIRE', d.key, GONE_MS + 1000)
end

function places.add(d) places.hold(d, d.own + 1) end
function places.charge() end
function places.back(d) places.hold(d, math.max(0, d.own - 1)) end
function places.mark() return 0 end
`
