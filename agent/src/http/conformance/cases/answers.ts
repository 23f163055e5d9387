/**
 * What a service may do to a request, and what the client may get of it.
 *
 * Source: RFC 9112 sections 4, 6.3 and 9, RFC 9110 section 15; RELIABILITY of the product: a client gets a whole answer
 * of its own, a refusal that says whose fault it is, or a connection that visibly breaks off.
 *
 * @module
 */

/** Text is written, a number is a pause in milliseconds; 0: until the next turn. */
export type Step = string | number | typeof END | typeof RESET

/** The service closes in order. */
export const END = Symbol('end')
/** The service closes with a reset. */
export const RESET = Symbol('reset')

export interface Passes {
  readonly status: number
  readonly body: string
  readonly has?: readonly (readonly [name: string, value: string])[]
  readonly lacks?: readonly string[]
}

export interface AnswerCase {
  readonly title: string
  /** Request line without version. */
  readonly line: string
  readonly version: '1.1' | '1.0'
  readonly steps: readonly Step[]
  /** When the service begins: behind the whole request, at its first bytes, or before any. */
  readonly when: 'request' | 'part' | 'connection'
  /** Statuses of our own that the client may get instead. */
  readonly gateway: readonly number[]
  /** What the client may get of the service. */
  readonly passes: Passes | null
  /** Whether the connection may break off. */
  readonly cut: boolean
}

const BASE = { line: 'GET /hostile', version: '1.1', when: 'request', gateway: [], passes: null, cut: false } as const

/** 502: nonsense is never passed on. */
function nonsense(title: string, ...steps: readonly Step[]): AnswerCase {
  return { ...BASE, title, steps, gateway: [502] }
}

/** Passed on as this, or 502. */
function cleaned(title: string, steps: readonly Step[], passes: Passes): AnswerCase {
  return { ...BASE, title, steps, gateway: [502], passes }
}

/** Passed on as this. */
function passed(title: string, steps: readonly Step[], passes: Passes, more: Partial<AnswerCase> = {}): AnswerCase {
  return { ...BASE, title, steps, passes, ...more }
}

/** What has begun breaks off; where nothing was sent yet, 502 or 504 say why. */
function brokenOff(title: string, ...steps: readonly Step[]): AnswerCase {
  return { ...BASE, title, steps, gateway: [502, 504], cut: true }
}

const late = (title: string, ...steps: readonly Step[]): AnswerCase => ({ ...BASE, title, steps, gateway: [504] })

const answer = (fields: string, body = '', status = '200 OK'): string => `HTTP/1.1 ${status}\r\n${fields}\r\n${body}`
const LENGTH = 'Content-Length: 5\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const LAST = '0\r\n\r\n'
const OK = answer(LENGTH, 'hello')
const HELLO: Passes = { status: 200, body: 'hello' }
/** What must never reach anybody. */
const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'

const statusLines: readonly AnswerCase[] = [
  nonsense('text', 'hello\r\n\r\n'),
  nonsense('text without an end', 'hello', END),
  nonsense('HTTP/0.9', '<html>hello</html>\r\n', END),
  nonsense('zeros', '\0'.repeat(100), END),
  nonsense('every byte', String.fromCharCode(...Array.from({ length: 256 }, (_, index) => index)), END),
  nonsense('a TLS alert', '\x15\x03\x01\0\x02\x02\x0a', END),
  nonsense('an SSH banner', 'SSH-2.0-OpenSSH_9.9\r\n', END),
  nonsense('a request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
  nonsense('HTTP/2 in words', `HTTP/2 200 OK\r\n${LENGTH}\r\nhello`),
  nonsense('HTTP/2.0', `HTTP/2.0 200 OK\r\n${LENGTH}\r\nhello`),
  nonsense('HTTP/3.0', `HTTP/3.0 200 OK\r\n${LENGTH}\r\nhello`),
  nonsense('frames of HTTP/2', '\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0d\0\x04\0\x10\0\0\0\x06\0\0@\0', END),
  nonsense('HTTP in lower case', `http/1.1 200 OK\r\n${LENGTH}\r\nhello`),
  nonsense('a version without a dot', `HTTP/11 200 OK\r\n${LENGTH}\r\nhello`),
  nonsense('a space in front', ` HTTP/1.1 200 OK\r\n${LENGTH}\r\nhello`),
  nonsense('no space behind the version', `HTTP/1.1200 OK\r\n${LENGTH}\r\nhello`),
  nonsense('a status in words', answer(LENGTH, 'hello', 'OK')),
  nonsense('no status', answer(LENGTH, 'hello', '')),
  nonsense('a status of two digits', answer(LENGTH, 'hello', '20 OK')),
  nonsense('a status of four digits', answer(LENGTH, 'hello', '2000 OK')),
  nonsense('a negative status', answer(LENGTH, 'hello', '-200 OK')),
  nonsense('the status 000', answer(LENGTH, 'hello', '000 OK')),
  nonsense('the status 099', answer(LENGTH, 'hello', '099 OK')),
  nonsense('ICY', `ICY 200 OK\r\n${LENGTH}\r\nhello`),
  nonsense('RTSP', `RTSP/1.0 200 OK\r\n${LENGTH}\r\nhello`),
  nonsense('a NUL in the reason', answer(LENGTH, 'hello', '200 O\0K')),
  nonsense('a lone CR in the reason', answer(LENGTH, 'hello', '200 O\rK')),
  cleaned('a lone LF behind the status', [`HTTP/1.1 200 OK\n${LENGTH}\r\nhello`], HELLO),
  cleaned('the status 999', [answer(LENGTH, 'hello', '999 OK')], { status: 999, body: 'hello' }),
  cleaned('two spaces in front of the status', [answer(LENGTH, 'hello', ' 200 OK')], HELLO),
  cleaned('no reason and no space', [answer(LENGTH, 'hello', '200')], HELLO),
  passed('no reason', [answer(LENGTH, 'hello', '200 ')], HELLO),
  cleaned('a reason beyond ASCII', [answer(LENGTH, 'hello', '200 \xc3\xa9\xff')], HELLO),
  cleaned('a blank line in front', [`\r\n${OK}`], HELLO),
  passed('a status that few know', [answer(LENGTH, 'hello', '418 Teapot')], { status: 418, body: 'hello' }),
  passed(
    'an answer byte by byte',
    OK.split('').flatMap((byte) => [byte, 0]),
    HELLO,
  ),
]

const fields: readonly AnswerCase[] = [
  nonsense('a NUL in a value', answer(`X: a\0b\r\n${LENGTH}`, 'hello')),
  nonsense('a control in a value', answer(`X: a\x01b\r\n${LENGTH}`, 'hello')),
  nonsense('a lone CR in a value', answer(`X: a\rY: b\r\n${LENGTH}`, 'hello')),
  nonsense('a lone LF that hides a length', answer('X: a\nContent-Length: 5\r\n', 'hello')),
  nonsense('a space in front of a colon', answer(`X : a\r\n${LENGTH}`, 'hello')),
  nonsense('a space in front of the colon of the length', answer('Content-Length : 5\r\n', 'hello')),
  nonsense('a line without a colon', answer(`X\r\n${LENGTH}`, 'hello')),
  nonsense('a line without a name', answer(`: a\r\n${LENGTH}`, 'hello')),
  nonsense('a name with a space', answer(`X Y: a\r\n${LENGTH}`, 'hello')),
  nonsense('a name with a byte beyond ASCII', answer(`X\xff: a\r\n${LENGTH}`, 'hello')),
  nonsense('a space in front of the first field', answer(` X: a\r\n${LENGTH}`, 'hello')),
  nonsense('a folded field', answer(`X: a\r\n b\r\n${LENGTH}`, 'hello')),
  nonsense('a folded length', answer('Content-Length:\r\n 5\r\n', 'hello')),
  nonsense('a head of 200 KiB', answer(`X: ${'y'.repeat(204_800)}\r\n${LENGTH}`, 'hello')),
  nonsense('a head of 20,000 fields', answer(`${'X: y\r\n'.repeat(20_000)}${LENGTH}`, 'hello')),
  nonsense(
    'a head without an end',
    'HTTP/1.1 200 OK\r\n',
    ...Array.from({ length: 40 }, () => 'X: y\r\n'.repeat(2_000)),
  ),
  cleaned('a head of 10 KiB', [answer(`X: ${'y'.repeat(10_240)}\r\n${LENGTH}`, 'hello')], HELLO),
  passed('150 fields', [answer(`${'X: y\r\n'.repeat(150)}${LENGTH}`, 'hello')], HELLO),
  passed('an empty value and bytes beyond ASCII', [answer(`X:\r\nY: \xc3\xa9\xff\r\n${LENGTH}`, 'hello')], {
    ...HELLO,
    has: [
      ['x', ''],
      ['y', '\xc3\xa9\xff'],
    ],
  }),
  passed(
    'fields of the connection',
    [
      answer(
        `Connection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: a\r\nTrailer: b\r\nUpgrade: h2c\r\n${LENGTH}`,
        'hello',
      ),
    ],
    { ...HELLO, lacks: ['x-hop', 'proxy-authenticate', 'trailer', 'upgrade'] },
  ),
  passed('Connection that names the length', [answer(`Connection: content-length\r\n${LENGTH}`, 'hello')], HELLO),
  passed(
    'Connection that names the coding',
    [answer(`Connection: transfer-encoding\r\n${CHUNKED}`, `5\r\nhello\r\n${LAST}`)],
    HELLO,
  ),
  passed('two cookies', [answer(`Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n${LENGTH}`, 'hello')], {
    ...HELLO,
    has: [
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ],
  }),
]

const framing: readonly AnswerCase[] = [
  nonsense('two lengths', answer('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!')),
  cleaned('two equal lengths', [answer(`${LENGTH}${LENGTH}`, 'hello')], HELLO),
  cleaned('a list of equal lengths', [answer('Content-Length: 5, 5\r\n', 'hello')], HELLO),
  nonsense('a list of lengths', answer('Content-Length: 5, 6\r\n', 'hello!')),
  nonsense('a length with a plus', answer('Content-Length: +5\r\n', 'hello')),
  nonsense('a negative length', answer('Content-Length: -5\r\n', 'hello')),
  nonsense('a hexadecimal length', answer('Content-Length: 0x5\r\n', 'hello')),
  nonsense('a length with a space inside', answer('Content-Length: 5 5\r\n', 'hello')),
  nonsense('an empty length', answer('Content-Length:\r\n', 'hello')),
  nonsense('a length beyond every number', answer(`Content-Length: ${'9'.repeat(30)}\r\n`, 'hello')),
  nonsense('a length in words', answer('Content-Length: five\r\n', 'hello')),
  cleaned('a length with zeros in front', [answer('Content-Length: 005\r\n', 'hello')], HELLO),
  nonsense('a length beside chunks', answer(`${LENGTH}${CHUNKED}`, `5\r\nhello\r\n${LAST}`)),
  nonsense('chunks beside a length', answer(`${CHUNKED}${LENGTH}`, `5\r\nhello\r\n${LAST}`)),
  { ...nonsense('two codings', answer(`${CHUNKED}${CHUNKED}`, `5\r\nhello\r\n${LAST}`)), passes: HELLO },
  nonsense('chunked twice', answer('Transfer-Encoding: chunked, chunked\r\n', `5\r\nhello\r\n${LAST}`)),
  nonsense('gzip in front of chunked', answer('Transfer-Encoding: gzip, chunked\r\n', `5\r\nhello\r\n${LAST}`)),
  nonsense('identity', answer('Transfer-Encoding: identity\r\n', 'hello'), END),
  nonsense('a stranger as coding', answer('Transfer-Encoding: cow\r\n', 'hello'), END),
  nonsense('chunked with a vertical tab', answer('Transfer-Encoding: \vchunked\r\n', `5\r\nhello\r\n${LAST}`)),
  nonsense(
    'a space in front of the colon of the coding',
    answer('Transfer-Encoding : chunked\r\n', `5\r\nhello\r\n${LAST}`),
  ),
  { ...cleaned('chunked on HTTP/1.0', [`HTTP/1.0 200 OK\r\n${CHUNKED}\r\n5\r\nhello\r\n${LAST}`, END], HELLO) },
  passed('a length', [OK], HELLO),
  passed('a length of nothing', [answer('Content-Length: 0\r\n')], { status: 200, body: '' }),
  passed('a length of 300 KiB', [answer('Content-Length: 307200\r\n', 'b'.repeat(307_200))], {
    status: 200,
    body: 'b'.repeat(307_200),
  }),
  passed('an end with the connection', [answer('', 'hello'), END], HELLO),
  passed('an end with the connection, in pieces', [answer('', 'he'), 5, 'll', 5, 'o', END], HELLO),
  passed('an end with the connection, and nothing', [answer(''), END], { status: 200, body: '' }),
  passed('HTTP/1.0 with a length', [`HTTP/1.0 200 OK\r\n${LENGTH}\r\nhello`, END], HELLO),
  passed('HTTP/1.0 that stays', [`HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n${LENGTH}\r\nhello`], HELLO),
  passed('HTTP/1.0 with an end of the connection', ['HTTP/1.0 200 OK\r\n\r\nhello', END], HELLO),
  passed('close that is said, and not done', [answer(`Connection: close\r\n${LENGTH}`, 'hello')], HELLO),
  passed('close that is not said, and done', [OK, END], HELLO),
  passed('chunks for a client of HTTP/1.0', [answer(CHUNKED, `5\r\nhello\r\n${LAST}`)], HELLO, { version: '1.0' }),
  passed('an end with the connection for a client of HTTP/1.0', [answer('', 'hello'), END], HELLO, {
    version: '1.0',
  }),
]

const chunks = (text: string): string => answer(CHUNKED, text)

const chunked: readonly AnswerCase[] = [
  passed('chunks', [chunks(`2\r\nhe\r\n3\r\nllo\r\n${LAST}`)], HELLO),
  passed('chunks with extensions', [chunks(`5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n`)], HELLO),
  passed('no chunk but the last', [chunks(LAST)], { status: 200, body: '' }),
  passed('chunks with trailers', [chunks('5\r\nhello\r\n0\r\nX-Trailer: a\r\nSet-Cookie: b=c\r\n\r\n')], {
    ...HELLO,
    lacks: ['x-trailer', 'set-cookie'],
  }),
  passed(
    'chunks byte by byte',
    chunks(`5\r\nhello\r\n${LAST}`)
      .split('')
      .flatMap((byte) => [byte, 0]),
    HELLO,
  ),
  passed('1,000 chunks', [chunks('1\r\nx\r\n'.repeat(1_000) + LAST)], { status: 200, body: 'x'.repeat(1_000) }),
  brokenOff('a size that is no number', chunks(`zz\r\nhello\r\n${LAST}`)),
  brokenOff('a size with 0x', chunks(`0x5\r\nhello\r\n${LAST}`)),
  brokenOff('a negative size', chunks(`-5\r\nhello\r\n${LAST}`)),
  brokenOff('a size beyond every number', chunks(`${'f'.repeat(20)}\r\nhello\r\n${LAST}`)),
  brokenOff('a size that ends with a lone LF', chunks(`5\nhello\r\n${LAST}`)),
  brokenOff('data that is longer than its size', chunks(`4\r\nhello\r\n${LAST}`)),
  brokenOff('data that is shorter than its size', chunks(`6\r\nhello\r\n${LAST}`), END),
  brokenOff('data that ends with nothing', chunks(`5\r\nhello${LAST}`)),
  brokenOff('data that ends with a lone LF', chunks(`5\r\nhello\n${LAST}`)),
  brokenOff('an extension with a lone LF', chunks(`5;a\nb\r\nhello\r\n${LAST}`)),
  brokenOff('a trailer without a colon', chunks('5\r\nhello\r\n0\r\nX\r\n\r\n')),
  brokenOff('a trailer with a lone LF', chunks('5\r\nhello\r\n0\r\nX: a\n\r\n')),
  brokenOff('no size', chunks(`\r\nhello\r\n${LAST}`)),
  brokenOff('an end inside a size', chunks('5'), END),
  brokenOff('an end inside a chunk', chunks('5\r\nhel'), END),
  brokenOff('an end behind a chunk', chunks('5\r\nhello\r\n'), END),
  brokenOff('an end inside the last chunk', chunks('5\r\nhello\r\n0\r\n'), END),
  brokenOff('a reset inside a chunk', chunks('5\r\nhel'), 20, RESET),
  brokenOff('a good chunk, then a bad one', chunks('5\r\nhello\r\n'), 20, `zz\r\n${LAST}`),
]

const lies: readonly AnswerCase[] = [
  brokenOff('a body that is shorter than its length', answer('Content-Length: 10\r\n', 'hello'), END),
  brokenOff('a body that is reset', answer('Content-Length: 10\r\n', 'hello'), 20, RESET),
  brokenOff('a body without a length that is reset', answer('', 'hello'), 20, RESET),
  passed('bytes behind the length', [answer(LENGTH, 'hello, and more')], HELLO),
  passed('another answer behind the length', [OK + POISON], HELLO),
  passed('another answer behind the length, a little later', [OK, 5, POISON], HELLO),
  passed('another answer behind chunks', [chunks(`5\r\nhello\r\n${LAST}${POISON}`)], HELLO),
  passed('another answer behind a length of nothing', [answer('Content-Length: 0\r\n') + POISON], {
    status: 200,
    body: '',
  }),
  passed('another answer behind 204', [answer('', POISON, '204 No Content')], { status: 204, body: '' }),
  passed('another answer behind 304', [answer('', POISON, '304 Not Modified')], { status: 304, body: '' }),
  passed('a body behind 204 with its length', [answer(LENGTH, 'hello', '204 No Content')], {
    status: 204,
    body: '',
    lacks: ['content-length'],
  }),
  passed('chunks behind 204', [answer(CHUNKED, `5\r\nhello\r\n${LAST}`, '204 No Content')], {
    status: 204,
    body: '',
    lacks: ['transfer-encoding'],
  }),
  passed('a body behind 304 with its length', [answer(LENGTH, 'hello', '304 Not Modified')], { status: 304, body: '' }),
  passed('chunks behind 304', [answer(CHUNKED, `5\r\nhello\r\n${LAST}`, '304 Not Modified')], {
    status: 304,
    body: '',
  }),
  passed('304 with the length of what it stands for', [answer('Content-Length: 1000\r\n', '', '304 Not Modified')], {
    status: 304,
    body: '',
  }),
  passed('204 with a length of nothing', [answer('Content-Length: 0\r\n', '', '204 No Content')], {
    status: 204,
    body: '',
    lacks: ['content-length'],
  }),
  passed('a body to HEAD', [OK], { status: 200, body: '' }, { line: 'HEAD /hostile' }),
  passed('chunks to HEAD', [chunks(`5\r\nhello\r\n${LAST}`)], { status: 200, body: '' }, { line: 'HEAD /hostile' }),
  passed('another answer behind HEAD', [answer(LENGTH, POISON)], { status: 200, body: '' }, { line: 'HEAD /hostile' }),
  passed('HEAD without a length', [answer('')], { status: 200, body: '' }, { line: 'HEAD /hostile' }),
  passed('half an answer behind the length', [`${OK}HTTP/1.1 200 O`], HELLO),
  passed('a blank line behind the length', [`${OK}\r\n`], HELLO),
  passed('an interim answer behind the length', [`${OK}HTTP/1.1 100 Continue\r\n\r\n`], HELLO),
  // A service that speaks before it is asked. What it says first cannot be told from an answer; what it says then can.
  {
    ...passed('an answer before the request', [POISON], { status: 200, body: 'poison' }, { when: 'connection' }),
    gateway: [502],
  },
  {
    ...passed(
      '408 before the request',
      [answer('Content-Length: 0\r\n', '', '408 Request Timeout'), END],
      { status: 408, body: '' },
      { when: 'connection' },
    ),
    gateway: [502],
  },
]

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'

const interim: readonly AnswerCase[] = [
  passed('100 that nobody waits for', [CONTINUE + OK], HELLO),
  passed('103', [HINTS + OK], HELLO),
  passed('102 and a pause', ['HTTP/1.1 102 Processing\r\n\r\n', 30, OK], HELLO),
  passed('199', [`HTTP/1.1 199 Odd\r\n\r\n${OK}`], HELLO),
  passed('five interim answers', [HINTS.repeat(5) + OK], HELLO),
  cleaned('5,000 interim answers', [HINTS.repeat(5_000) + OK], HELLO),
  cleaned('an interim answer with a length', [`HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n${OK}`], HELLO),
  cleaned('an interim answer with chunks', [`HTTP/1.1 103 Early Hints\r\n${CHUNKED}\r\n${OK}`], HELLO),
  nonsense(
    '101 that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello',
  ),
  nonsense('101 without anything', `HTTP/1.1 101 Switching Protocols\r\n\r\n${OK}`),
  {
    ...late('interim answers without an end', ...Array.from({ length: 100 }, () => [HINTS, 10] as const).flat()),
    gateway: [502, 504],
  },
  { ...late('an interim answer and nothing more', CONTINUE), gateway: [504] },
  nonsense('an interim answer and an end', CONTINUE, END),
  nonsense('an interim answer with a field that is no field', `HTTP/1.1 103 Early Hints\r\nX\0: y\r\n\r\n${OK}`),
]

const silence: readonly AnswerCase[] = [
  late('nothing'),
  late('half a status line', 'HTTP/1.1 2'),
  late('a status line alone', 'HTTP/1.1 200 OK\r\n'),
  late('half a head', 'HTTP/1.1 200 OK\r\nContent-Le'),
  late(
    'a head that drips',
    ...'HTTP/1.1 200 OK\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.split('').flatMap((byte) => [byte, 15]),
  ),
  brokenOff('a head and no body', answer(LENGTH)),
  brokenOff('half a body', answer(LENGTH, 'he')),
  brokenOff('half a chunk', chunks('5\r\nhe')),
  brokenOff('a chunk and no last one', chunks('5\r\nhello\r\n')),
  nonsense('an end before anything', END),
  nonsense('a reset before anything', RESET),
  nonsense('an end in the status line', 'HTTP/1.1 2', END),
  nonsense('an end in the head', 'HTTP/1.1 200 OK\r\nContent-Le', END),
  nonsense('an end in front of the empty line', `HTTP/1.1 200 OK\r\n${LENGTH}`, END),
  nonsense('a reset in the head', 'HTTP/1.1 200 OK\r\nContent-Le', 20, RESET),
  {
    ...passed(
      'an answer and an end before the upload is over',
      [answer(`Connection: close\r\n${LENGTH}`, 'hello', '413 Too Large'), END],
      { status: 413, body: 'hello' },
    ),
    line: 'POST /hostile',
    when: 'part',
    gateway: [502],
    cut: true,
  },
  {
    ...passed('an answer before the upload is over, and the connection stays', [OK], HELLO),
    line: 'POST /hostile',
    when: 'part',
    cut: true,
  },
  { ...nonsense('an end before the upload is over', END), line: 'POST /hostile', when: 'part', cut: true },
  { ...nonsense('a reset before the upload is over', RESET), line: 'POST /hostile', when: 'part', cut: true },
  {
    ...nonsense('nonsense before the upload is over', 'hello\r\n\r\n'),
    line: 'POST /hostile',
    when: 'part',
    cut: true,
  },
]

export const answers: readonly (readonly [title: string, cases: readonly AnswerCase[]])[] = [
  ['status lines', statusLines],
  ['fields', fields],
  ['framing', framing],
  ['chunks', chunked],
  ['lies', lies],
  ['interim answers', interim],
  ['silence and ends', silence],
]
