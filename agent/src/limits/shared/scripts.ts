/**
 * What Redis is asked to do, each as one script that happens at once: take, give back, charge, lease, hold, beat.
 *
 * Time is the server's clock, so agents need not agree on theirs. Every key is given the time at which it ends. Scripts
 * touch the keys that they are given and no others, which a Redis Cluster asks for.
 *
 * Arguments: the caller's name as a holder of places, since when the store had forgotten (0: it has not), then eleven for
 * each key (`demand-args.ts`). Answers are numbers as text, with all their digits.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { PLACES } from './lua/places.ts'
import { QUOTA } from './lua/quota.ts'
import { RATE } from './lua/rate.ts'
import { WINDOW } from './lua/window.ts'

export interface Script {
  readonly name: ScriptName
  readonly source: string
  /** SHA-1 of the source, in hexadecimal: what EVALSHA goes by. */
  readonly sha: string
}

export type ScriptName = 'take' | 'giveBack' | 'charge' | 'lease' | 'hold' | 'beat'
export type Scripts = Readonly<Record<ScriptName, Script>>

/** Milliseconds since 1970 of the server. */
const SERVER_NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
`

/** `tostring` keeps fourteen digits. */
const NUMBERS = `
local function num(value) return string.format('%.17g', value) end
`

/** What was asked, one table for each key. */
const DEMANDS = `
local kinds = { r = rate, s = window, q = quota, c = places }
local FIELDS = 11

local demands = {}
for index, key in ipairs(KEYS) do
  local at = 2 + (index - 1) * FIELDS
  local function field(offset) return tonumber(ARGV[at + offset]) end
  local d = {
    key = key, kind = kinds[ARGV[at + 1]], amount = field(2), window = field(3), burst = field(4), units = field(5),
    bytes = ARGV[at + 6] == '1', shadow = ARGV[at + 7] == '1',
    period = field(8), begins = field(9), ends = field(10), next_ends = field(11),
  }
  -- Giving back brings the mark in place of the shadow.
  d.mark = field(7)
  d.kind.load(d)
  demands[index] = d
end
`

const HEAD = `
local holder, since = ARGV[1], tonumber(ARGV[2])
`

/**
 * From all or from none; from shadow limits where they have room, if the request passes. Answers five numbers for each:
 * whether it was refused, what remains, until it is whole, until one passes, and the mark by which it is given back.
 */
const TAKE = `
local passes = true
for _, d in ipairs(demands) do
  d.allowed, d.left, d.reset, d.retry = d.kind.look(d, d.units)
  if not d.allowed and not d.shadow then passes = false end
end
local answer = {}
for _, d in ipairs(demands) do
  if passes and d.allowed then
    if d.units > 0 or d.kind == places then d.kind.add(d, d.units) end
    _, d.left, d.reset, d.retry = d.kind.after(d)
  end
  for _, value in ipairs({ d.allowed and 0 or 1, d.left, d.reset, d.retry, d.kind.mark(d) }) do
    answer[#answer + 1] = num(value)
  end
end
return answer
`

/** Undoes a take. */
const GIVE_BACK = `
for _, d in ipairs(demands) do d.kind.back(d, d.units, d.mark) end
return 'OK'
`

/** Takes what has passed already, whether there is room or not. */
const CHARGE = `
for _, d in ipairs(demands) do d.kind.charge(d, d.units) end
return 'OK'
`

/**
 * Takes ahead: of the units that are asked for as many as there is room for, after what is owed. Answers how many, what
 * remains, until it is whole, and until one more passes.
 */
const LEASE = `
local d = demands[1]
local owed = tonumber(ARGV[2 + FIELDS + 1])
if owed > 0 then d.kind.charge(d, owed) end
local granted = d.kind.room(d, d.units)
if granted > 0 then d.kind.add(d, granted) end
local _, left, reset, retry = d.kind.look(d, 1)
return { num(granted), num(left), num(reset), num(retry) }
`

/** How many places the caller holds of each key: it lives, and this is how it is. */
const HOLD = `
for _, d in ipairs(demands) do d.kind.hold(d, d.units) end
return 'OK'
`

/** An agent of a group that has said nothing for so long is gone, in milliseconds. */
export const AGENT_GONE_MS = 10_000

/**
 * All agents come back together so long after the first that finds the store again, in milliseconds: by then all have
 * found it, and have charged what they had admitted without it. Longer than the longest pause between two probes.
 */
export const COME_BACK_MS = 2_000

/**
 * An agent lives. KEYS: the agents of the group by when they beat last, and what is known of the store. ARGV: agent, and the
 * store that it knew before (empty: none), and whether it was away.
 *
 * A store that has forgotten everything is known by the lack of its mark; when somebody knew it before, that is noted for
 * all. Answers how many agents there are, the store's mark, since when it had forgotten (0: it has not), and
 * how long the agent goes on without it, in milliseconds.
 */
const BEAT = `
local COME_BACK_MS = ${COME_BACK_MS}
local agents, store = KEYS[1], KEYS[2]
redis.call('ZADD', agents, num(now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', agents, '-inf', num(now - ${AGENT_GONE_MS}))
redis.call('PEXPIRE', agents, ${AGENT_GONE_MS * 2})
local mark, forgot = redis.call('HGET', store, 'mark'), redis.call('HGET', store, 'forgot') or '0'
if not mark then
  mark = string.format('%.0f', now)
  redis.call('HSET', store, 'mark', mark)
end
if ARGV[2] ~= '' and ARGV[2] ~= mark and forgot == '0' then
  forgot = mark
  redis.call('HSET', store, 'forgot', forgot)
end
local wait = 0
if ARGV[3] == '1' then
  local back = tonumber(redis.call('HGET', store, 'back') or 0)
  if now - back > COME_BACK_MS then
    back = now
    redis.call('HSET', store, 'back', num(back))
  end
  wait = back + COME_BACK_MS - now
end
redis.call('PEXPIRE', store, 2592000000)
return { num(redis.call('ZCARD', agents)), mark, forgot, num(wait) }
`

/** @param now Lua that sets `now`. Tests have a clock of their own. */
export function createScripts(now: string = SERVER_NOW): Scripts {
  const arithmetic = NUMBERS + now + HEAD + RATE + WINDOW + QUOTA + PLACES + DEMANDS
  return {
    take: script('take', arithmetic + TAKE),
    giveBack: script('giveBack', arithmetic + GIVE_BACK),
    charge: script('charge', arithmetic + CHARGE),
    lease: script('lease', arithmetic + LEASE),
    hold: script('hold', arithmetic + HOLD),
    beat: script('beat', NUMBERS + now + BEAT),
  }
}

function script(name: ScriptName, source: string): Script {
  return { name, source, sha: createHash('sha1').update(source).digest('hex') }
}
