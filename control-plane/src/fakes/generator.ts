/**
 * For tests: requests that are almost right, from a seed that repeats them.
 *
 * Each starts from a call that would succeed; then values inside, names, header fields, the path and bytes of the body
 * are spoiled.
 *
 * @module
 */
import { type OperationId, operations } from '@headgate/admin-api'
import { type Prepared, operationIds, rawCall } from './calls.ts'
import type { RawRequest } from './https-fetch.ts'

export interface Random {
  chance(share: number): boolean
  below(limit: number): number
  pick<T>(items: readonly T[]): T
}

/** mulberry32: small, and the same on every machine. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    chance: (share) => next() < share,
    below,
    // Never called with an empty list.
    pick: <T>(items: readonly T[]): T => items[below(items.length)] as T,
  }
}

const TEXTS = [
  '',
  ' ',
  '.',
  '..',
  '../..',
  'x',
  'orders',
  '-',
  '_',
  '0',
  '-1',
  '1e400',
  '9'.repeat(40),
  '2147483648',
  'r0',
  'r99999999999',
  'live',
  'draft',
  'last',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'null',
  'undefined',
  'true',
  '*',
  '\u0000',
  '\uD800',
  '\u202E',
  'ä',
  '💥',
  "' or 1=1 --",
  '"',
  '\\',
  '%',
  '{}',
  '[]',
  '<script>',
  'a'.repeat(129),
  'A'.repeat(5000),
  '\r\nX: y',
  '2026-01-01T00:00:00.000Z',
  '9999-99-99T99:99:99.999Z',
  'hgk_dev_x',
  '127.0.0.1',
  '::1',
  '10.0.0.1/8',
  '999.1.1.1/64',
  'key_00000000000000000000000000',
]

const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  1.5,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e308,
  [],
  {},
  [[]],
  [null],
  { a: 1 },
  { length: 1 },
  { toString: 1 },
  { $ne: 1 },
  Array.from({ length: 300 }, () => 'x'),
  ...TEXTS,
]

/** @param templates a call of each operation that would succeed. */
export function generate(
  random: Random,
  templates: ReadonlyMap<OperationId, Prepared>,
): { id: OperationId; raw: RawRequest } {
  const id = random.pick(operationIds)
  const template = templates.get(id) ?? {}
  const prepared: Prepared = {
    params: mutateFlat(random, template.params ?? {}, 0.15),
    query: random.chance(0.4) ? queryOf(random, id) : {},
    body: random.chance(0.6) ? mutate(random, template.body ?? {}) : (template.body ?? {}),
    ...(random.chance(0.4) ? { ifMatch: random.pick([0, 1, 2, 999]) } : {}),
  }
  return { id, raw: spoil(random, rawCall(id, prepared)) }
}

function mutateFlat(random: Random, params: Readonly<Record<string, unknown>>, share: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [
      name,
      random.chance(share) ? wellFormed(random.pick(TEXTS)) : value,
    ]),
  )
}

/** encodeURIComponent throws for half a surrogate pair. */
function wellFormed(text: string): string {
  return text.toWellFormed() === '' ? ' ' : text.toWellFormed()
}

function queryOf(random: Random, id: OperationId): Record<string, unknown> {
  const names = [...Object.keys(operations[id].query.shape), ...(random.chance(0.1) ? ['nonsense', '__proto__'] : [])]
  // No wait of a minute.
  const fixed = { timeout_ms: '0' }
  return Object.fromEntries(
    names
      .filter(() => random.chance(0.5))
      .map((name) => [
        name,
        name in fixed
          ? '0'
          : random.chance(0.5)
            ? wellFormed(random.pick(TEXTS))
            : random.pick(['true', 'false', '1', '50']),
      ]),
  )
}

/** Changes one value somewhere inside, adds a field, or replaces the whole. */
function mutate(random: Random, value: unknown, depth = 0): unknown {
  if (depth > 6 || random.chance(0.15)) return random.pick(VALUES)
  if (Array.isArray(value)) {
    if (value.length === 0 || random.chance(0.2)) return [...(value as unknown[]), random.pick(VALUES)]
    const at = random.below(value.length)
    return value.map((item: unknown, index) => (index === at ? mutate(random, item, depth + 1) : item))
  }
  if (typeof value !== 'object' || value === null) return random.chance(0.7) ? random.pick(VALUES) : value
  const names = Object.keys(value)
  if (names.length === 0 || random.chance(0.2))
    return { ...value, [random.pick([...TEXTS, 'on', 'spec', 'name'])]: random.pick(VALUES) }
  const at = random.pick(names)
  return { ...value, [at]: mutate(random, (value as Record<string, unknown>)[at], depth + 1) }
}

/** Breaks what surrounds the input: path, method, header fields, bytes of the body. */
function spoil(random: Random, raw: RawRequest): RawRequest {
  const tail = random.pick([
    '%',
    '%zz',
    '%00',
    '%ff',
    '%2e%2e',
    '/',
    '//',
    '/..',
    '?x=%',
    '?x=%ff',
    '?limit=1&limit=2',
    ';a',
    '%C0%AF',
  ])
  switch (random.below(16)) {
    case 0:
      return { ...raw, path: raw.path + tail }
    case 1:
      return { ...raw, path: raw.path.replace(/[^/]+$/, encodeURIComponent(wellFormed(random.pick(TEXTS)))) }
    case 2:
      return { ...raw, method: random.pick(['OPTIONS', 'HEAD', 'TRACE', 'PATCH', 'DELETE', 'PROPFIND']) }
    case 3:
      return {
        ...raw,
        headers: {
          ...raw.headers,
          'content-type': random.pick([
            'text/plain',
            '',
            'application/json; charset=latin1',
            'application/json;',
            'application/x-www-form-urlencoded',
          ]),
        },
      }
    case 4:
      return {
        ...raw,
        headers: {
          ...raw.headers,
          'if-match': random.pick(['"', '*', 'W/"1"', '"1", "2"', '""', '"99999999999999999999"', '1']),
        },
      }
    case 5:
      return {
        ...raw,
        headers: {
          ...raw.headers,
          cookie: random.pick([
            '__Host-headgate=',
            `__Host-headgate=${'a'.repeat(43)}`,
            '=;=;',
            '%',
            `x=${'y'.repeat(4000)}`,
          ]),
        },
      }
    case 6:
      return raw.body === undefined
        ? raw
        : {
            ...raw,
            body: random.pick([
              '',
              '{',
              'null',
              '[',
              '"',
              '{"a":1e400}',
              '{"__proto__":{}}',
              '{"a":"\\u0000"}',
              '{"a":"\\ud800"}',
              '['.repeat(100_000),
              '{"a":'.repeat(1000),
              '\uFEFF{}',
            ]),
          }
    case 7:
      return raw.body === undefined
        ? raw
        : { ...raw, body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]) }
    case 8:
      return { ...raw, headers: { ...raw.headers, 'content-encoding': 'gzip' } }
    case 9:
      return {
        ...raw,
        headers: {
          ...raw.headers,
          origin: 'https://evil.example',
          'sec-fetch-site': random.pick(['cross-site', 'same-origin']),
        },
      }
    default:
      return raw
  }
}
