/**
 * Hostile inputs for readers: good ones that were damaged, as many as are asked for.
 *
 * The suite takes 20,000 of each; `HEADGATE_FUZZ_INPUTS=1000000` takes more. Each run has another seed, which is printed;
 * `HEADGATE_FUZZ_SEED` runs one again. With `CI=true` the seed is always the same, so that nobody's change fails by chance.
 *
 * @module
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'

/** A whole number from 0 on, below its argument. */
export type Random = (below: number) => number

const INPUTS = 20_000
const SEED_OF_CI = 20_261_124

/** Longest input that damage makes, in characters: readers have bounds of their own below. */
const LENGTH_MAX = 20_000

const CHARACTERS =
  'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+/=%"\\\'{}[]:;,<>()*&?#@! \t\n\r\0\x7f\u0080\u00e9\u00ff'

/**
 * Calls `check` with one random generator after the other, each for one input.
 *
 * @param check throws when something is wrong; says the input by itself if it can.
 */
export async function fuzz(t: TestContext, check: (random: Random) => void | Promise<void>): Promise<void> {
  const { HEADGATE_FUZZ_INPUTS, HEADGATE_FUZZ_SEED, CI } = process.env
  const inputs = Number(HEADGATE_FUZZ_INPUTS ?? INPUTS)
  const seed = Number(HEADGATE_FUZZ_SEED ?? (CI === 'true' ? SEED_OF_CI : Date.now() % 2 ** 31))
  assert.ok(inputs > 0 && Number.isInteger(seed))
  t.diagnostic(`seed ${seed}, ${inputs} inputs`)
  const random = createRandom(seed)
  for (let index = 0; index < inputs; index++) {
    try {
      const checked = check(random)
      if (checked !== undefined) await checked
    } catch (cause) {
      throw new Error(`input ${index} of seed ${seed}: ${String(cause)}`, { cause })
    }
  }
}

/** The generator is mulberry32. */
function createRandom(seed: number): Random {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

export function pick<T>(list: readonly T[], random: Random): T {
  const found = list[random(list.length)]
  // Every index below the length of a list that is not empty has an element.
  if (found === undefined) throw new RangeError('the list is empty, or has an empty place')
  return found
}

/** Changes a text at up to four places. @param pieces what a text of its kind is made of. */
export function damage(text: string, pieces: readonly string[], random: Random): string {
  let damaged = text
  for (let times = 1 + random(4); times > 0; times--) damaged = damageOnce(damaged, pieces, random)
  return damaged.slice(0, LENGTH_MAX)
}

function damageOnce(text: string, pieces: readonly string[], random: Random): string {
  const at = random(text.length + 1)
  switch (random(8)) {
    case 0:
      return text.slice(0, at) + CHARACTERS[random(CHARACTERS.length)] + text.slice(at + 1)
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + random(4))
    case 2:
      return text.slice(0, at) + pick(pieces, random) + text.slice(at)
    case 3:
      return text.slice(0, at) + pick(pieces, random) + text.slice(at + 1 + random(8))
    case 4:
      return text.slice(0, at) + text.slice(at, at + random(40)) + text.slice(at)
    case 5:
      return text.slice(0, at) + pick(pieces, random).repeat(1 + random(40)) + text.slice(at)
    case 6:
      return random(4) === 0 ? text.slice(0, at) : text + pick(pieces, random)
    default:
      return text.slice(0, at) + String.fromCharCode(random(0x10000)) + text.slice(at)
  }
}

/** Values of JSON, of every type, some of them hostile. */
export function jsonValue(random: Random, depth = 3): unknown {
  const scalars = [
    null,
    true,
    false,
    0,
    -1,
    1,
    1e300,
    2 ** 53,
    0.5,
    '',
    'a',
    'a b',
    ' ',
    'admin',
    '\u0000',
    '\ud800',
    '__proto__',
  ]
  const kind = random(depth === 0 ? 3 : 5)
  if (kind < 3) return pick([...scalars.filter((each) => each !== null), 'null'], random)
  const items = Array.from({ length: random(4) }, () => jsonValue(random, depth - 1))
  return kind === 3 ? items : Object.fromEntries(items.map((item) => [pick(NAMES, random), item]))
}

const NAMES = ['a', 'sub', 'scope', 'jkt', 'x5t#S256', 'constructor', 'toString', 'length', '0', 'exp']
