/**
 * Damages requests the way that attackers and bad proxies do: by bytes, by lines, by tokens and by sizes. Seeded, so that
 * a finding can be run again.
 *
 * @module
 */

export type Random = (below: number) => number

/** A small generator with a seed (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[random(from.length)]
  if (found === undefined) throw new RangeError('nothing to pick from')
  return found
}

const HOST = 'Host: api.example.com\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'

/**
 * `@` stands for what tells one request from another. None with `Upgrade`: Node drops what follows such a request in the
 * same read, even when it is told not to upgrade, so it is no reader to compare with.
 */
const SEEDS: readonly string[] = [
  `GET /@ HTTP/1.1\r\n${HOST}\r\n`,
  `GET /@?a=b HTTP/1.1\r\n${HOST}Accept: */*\r\nX: y\r\nCookie: a=b\r\n\r\n`,
  `GET /@ HTTP/1.1\r\n${HOST}Connection: keep-alive, x-hop\r\nX-Hop: 1\r\n\r\n`,
  `OPTIONS /@ HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
  `DELETE /@ HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`,
  `POST /@ HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
  `PUT /@ HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`,
  `GET /@ HTTP/1.1\r\n${HOST}Content-Length: 40\r\n\r\nGET /inside-@ HTTP/1.1\r\n${HOST}\r\n`,
  `POST /@ HTTP/1.1\r\n${HOST}${CHUNKED}\r\n5\r\nhello\r\n0\r\n\r\n`,
  `POST /@ HTTP/1.1\r\n${HOST}${CHUNKED}\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: a\r\n\r\n`,
  `PATCH /@ HTTP/1.1\r\n${HOST}${CHUNKED}\r\n1e\r\nGET /inside-@ HTTP/1.1\r\nHost:a\r\n0\r\n\r\n`,
  `POST /@ HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`,
]

const BYTES: readonly string[] = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '"',
  '0',
  '5',
  '\v',
  '\f',
  '\x7f',
  '\x80',
  '\xa0',
  '\xff',
  '_',
  '%',
  '/',
  '\\',
  '#',
]

const LINES: readonly string[] = [
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Content-Length: 3\r\n',
  'content-length: 500\r\n',
  'Content-Length : 5\r\n',
  'Content_Length: 5\r\n',
  CHUNKED,
  'Transfer-Encoding: identity\r\n',
  'transfer-encoding: Chunked\r\n',
  'Transfer-Encoding: gzip, chunked\r\n',
  'Transfer-Encoding:\tchunked\r\n',
  'Transfer_Encoding: chunked\r\n',
  HOST,
  'Host: other.example.com\r\n',
  'Connection: close\r\n',
  'Connection: content-length\r\n',
  'Connection: x\r\n',
  'Expect: 100-continue\r\n',
  'X-Forwarded-For: 192.0.2.1\r\n',
  'X-Request-Id: mine\r\n',
  'Trailer: x\r\n',
  'TE: trailers\r\n',
  ' folded\r\n',
  '\r\n',
  '0\r\n\r\n',
]

const ENDS: readonly string[] = ['\n', '\r', '', '\r\r\n', '\n\r', '\r\n\r\n', ' \r\n', '\0\r\n']
const NUMBERS: readonly string[] = [
  '0',
  '1',
  '00',
  '005',
  '5',
  '6',
  '-5',
  '+5',
  '0x5',
  '5 ',
  ' 5',
  'a',
  'A',
  '1e',
  'ffffffff',
  'fffffffffffffffff',
  '18446744073709551617',
  '5;x',
  '5,5',
  '5\r',
  '',
]
const VALUES: readonly string[] = [
  'chunked',
  'Chunked',
  'xchunked',
  'chunked, chunked',
  'identity',
  'close',
  'keep-alive',
  '100-continue',
  'api.example.com',
  '"x"',
  '',
]

type Damage = (text: string, random: Random) => string

const at = (text: string, random: Random): number => random(text.length + 1)

/** Replaces one of the matches of a pattern. */
function replaceOne(text: string, random: Random, pattern: RegExp, by: (match: string) => string): string {
  const matches = [...text.matchAll(pattern)]
  if (matches.length === 0) return text
  const match = pick(random, matches)
  return text.slice(0, match.index) + by(match[0]) + text.slice(match.index + match[0].length)
}

/** A place where a line begins. */
function lineStart(text: string, random: Random): number {
  const starts = [...text.matchAll(/\r\n/g)].map(({ index }) => index + 2)
  return starts.length === 0 ? 0 : pick(random, starts)
}

const DAMAGES: readonly Damage[] = [
  (text, random) => {
    const place = at(text, random)
    return text.slice(0, place) + String.fromCharCode(random(256)) + text.slice(place + 1)
  },
  (text, random) => {
    const place = at(text, random)
    return text.slice(0, place) + pick(random, BYTES) + text.slice(place)
  },
  (text, random) => {
    const place = at(text, random)
    return text.slice(0, place) + text.slice(place + 1 + random(4))
  },
  (text, random) => {
    const place = at(text, random)
    return text.slice(0, place) + text.slice(place, place + random(40)) + text.slice(place)
  },
  (text, random) => (random(4) === 0 ? text.slice(0, at(text, random)) : text),
  (text, random) => {
    const place = lineStart(text, random)
    return text.slice(0, place) + pick(random, LINES) + text.slice(place)
  },
  (text, random) => {
    const place = lineStart(text, random)
    const end = text.indexOf('\r\n', place)
    return end === -1 ? text : text.slice(0, place) + text.slice(place, end + 2) + text.slice(place)
  },
  (text, random) => {
    const place = lineStart(text, random)
    const end = text.indexOf('\r\n', place)
    return end === -1 ? text : text.slice(0, place) + text.slice(end + 2)
  },
  (text, random) => replaceOne(text, random, /\r\n/g, () => pick(random, ENDS)),
  (text, random) =>
    replaceOne(text, random, /: ?/g, () => pick(random, [':', ' :', ':\t', ' : ', ': \r\n ', ':  ', '\t:', '::', ''])),
  (text, random) =>
    replaceOne(text, random, /[A-Za-z-]+/g, (word) => (random(2) === 0 ? word.toUpperCase() : word.toLowerCase())),
  (text, random) => replaceOne(text, random, /[0-9]+/g, () => pick(random, NUMBERS)),
  (text, random) => replaceOne(text, random, /(?<=: )[^\r\n]+/g, () => pick(random, VALUES)),
  (text, random) => replaceOne(text, random, / /g, () => pick(random, ['  ', '\t', '', '\r\n ', '\xa0', '\v'])),
  (text, random) =>
    replaceOne(text, random, /\r\n\r\n/g, () =>
      pick(random, ['\r\n', '\n\n', '\r\n\n', '\n\r\n', '\r\n\r', '\r\n \r\n', '\r\n\r\n\r\n']),
    ),
]

/** A damaged request, or some. @param id goes into the targets. */
export function mutated(random: Random, id: string): string {
  let text = pick(random, SEEDS)
  // Spliced or pipelined with another one.
  if (random(6) === 0) text = text.slice(0, at(text, random)) + pick(random, SEEDS).slice(random(30))
  if (random(4) === 0) text += pick(random, SEEDS)
  for (let times = random(4); times > 0; times--) text = pick(random, DAMAGES)(text, random)
  return text.replaceAll('@', id)
}
