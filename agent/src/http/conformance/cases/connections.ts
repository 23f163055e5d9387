/**
 * What lies between requests: pipelining, `Connection`, `Expect`, `Upgrade`.
 *
 * Source: RFC 9112 section 9, RFC 9110 sections 7.6.1, 7.8 and 10.1.1.
 *
 * @module
 */
import {
  arrives,
  bytewise,
  type Case,
  chunks,
  denied,
  forwarded,
  forwardedThenEnds,
  head,
  HOST,
  malformed,
  mayArrive,
  mixed,
  NEXT,
  NEXT_ARRIVES,
  refused400,
  SMUGGLED,
  unfinished,
} from './case.ts'

const GET = head('GET /x')
const GET_ARRIVES = arrives('GET /x')
const connection = (...values: readonly string[]): string =>
  head('GET /x', ...values.map((value) => `Connection: ${value}`))
const many = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `GET /${index}`)

export const pipelines: readonly Case[] = [
  forwarded('two requests at once', GET + NEXT, GET_ARRIVES, NEXT_ARRIVES),
  forwarded(
    'a body and a request',
    `${head('POST /x', 'Content-Length: 5')}hello${NEXT}`,
    arrives('POST /x', { body: 'hello' }),
    NEXT_ARRIVES,
  ),
  forwarded(
    'an empty body and a request',
    head('POST /x', 'Content-Length: 0') + NEXT,
    arrives('POST /x'),
    NEXT_ARRIVES,
  ),
  forwarded('no body at all on POST and a request', head('POST /x') + NEXT, arrives('POST /x'), NEXT_ARRIVES),
  forwarded(
    'chunks and a request',
    chunks('5\r\nhello\r\n0\r\n\r\n') + NEXT,
    arrives('POST /x', { body: 'hello' }),
    NEXT_ARRIVES,
  ),
  forwarded('HEAD and a request', head('HEAD /x') + NEXT, arrives('HEAD /x'), NEXT_ARRIVES),
  forwarded('OPTIONS and a request', head('OPTIONS /x') + NEXT, arrives('OPTIONS /x'), NEXT_ARRIVES),
  forwarded(
    'three bodies',
    `${head('POST /a', 'Content-Length: 3')}AAA${head('PUT /b', 'Content-Length: 4')}BBBB${head('PATCH /c', 'Content-Length: 5')}CCCCC`,
    arrives('POST /a', { body: 'AAA' }),
    arrives('PUT /b', { body: 'BBBB' }),
    arrives('PATCH /c', { body: 'CCCCC' }),
  ),
  forwarded(
    '8 requests at once',
    many(8)
      .map((line) => head(line))
      .join(''),
    ...many(8).map((line) => arrives(line)),
  ),
  forwarded(
    '9 requests at once',
    many(9)
      .map((line) => head(line))
      .join(''),
    ...many(9).map((line) => arrives(line)),
  ),
  forwarded(
    '60 requests at once',
    many(60)
      .map((line) => head(line))
      .join(''),
    ...many(60).map((line) => arrives(line)),
  ),
  forwarded(
    '20 bodies at once',
    many(20)
      .map((line) => `${head(line, 'Content-Length: 2')}hi`)
      .join(''),
    ...many(20).map((line) => arrives(line, { body: 'hi' })),
  ),
  forwarded(
    '20 chunked bodies at once',
    many(20)
      .map((line) => chunks('2\r\nhi\r\n0\r\n\r\n', line))
      .join(''),
    ...many(20).map((line) => arrives(line, { body: 'hi' })),
  ),
  forwarded('two requests byte by byte', bytewise(head('GET /x') + NEXT), GET_ARRIVES, NEXT_ARRIVES),
  mixed('a blank line between', `${GET}\r\n${NEXT}`, GET_ARRIVES, mayArrive('GET /next')),
  mixed(
    'a blank line behind a body',
    `${head('POST /x', 'Content-Length: 4')}q=42\r\n${NEXT}`,
    arrives('POST /x', { body: 'q=42' }),
    mayArrive('GET /next'),
  ),
  mixed('a lone LF between', `${GET}\n${NEXT}`, GET_ARRIVES, mayArrive('GET /next')),
  forwardedThenEnds('a NUL between', `${GET}\0${NEXT}`, GET_ARRIVES, refused400),
  forwardedThenEnds('a space between', `${GET} ${NEXT}`, GET_ARRIVES, refused400),
  forwardedThenEnds('nonsense behind', `${GET}NONSENSE\r\n\r\n${SMUGGLED}`, GET_ARRIVES, refused400),
  forwardedThenEnds('a malformed one behind', `${GET}${head('GET /y', 'X : y')}${SMUGGLED}`, GET_ARRIVES, refused400),
  forwardedThenEnds(
    'a malformed body behind',
    `${GET}${head('POST /y', 'Content-Length: +5')}hello${SMUGGLED}`,
    GET_ARRIVES,
    refused400,
  ),
  forwardedThenEnds(
    'two that are both malformed behind',
    `${GET}${'GET / HTTP/9.9\r\n\r\n'.repeat(2)}`,
    GET_ARRIVES,
    refused400,
  ),
  mixed(
    'one that is refused between two good ones',
    `${GET}${head('GET /../y')}${NEXT}`,
    GET_ARRIVES,
    refused400,
    NEXT_ARRIVES,
  ),
  mixed(
    'one that is refused with its body between two good ones',
    `${GET}${head('POST /%2e', 'Content-Length: 5')}hello${NEXT}`,
    GET_ARRIVES,
    refused400,
    NEXT_ARRIVES,
  ),
  mixed(
    'one that is refused with its chunks between two good ones',
    `${GET}${chunks('5\r\nhello\r\n0\r\n\r\n', 'POST /%2e')}${NEXT}`,
    GET_ARRIVES,
    refused400,
    NEXT_ARRIVES,
  ),
  forwardedThenEnds('a request behind the last one', `${connection('close')}${NEXT}`, GET_ARRIVES),
  forwardedThenEnds(
    'a body and a request behind the last one',
    `${head('POST /x', 'Connection: close', 'Content-Length: 5')}hello${NEXT}`,
    arrives('POST /x', { body: 'hello' }),
  ),
  forwardedThenEnds(
    'chunks and a request behind the last one',
    `${head('POST /x', 'Connection: close', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n${NEXT}`,
    arrives('POST /x', { body: 'hello' }),
  ),
  forwardedThenEnds('a request behind HTTP/1.0', `GET /x HTTP/1.0\r\n${HOST}\r\n${NEXT}`, GET_ARRIVES),
  forwardedThenEnds(
    'HTTP/1.0 in the middle',
    `${GET}GET /y HTTP/1.0\r\n${HOST}\r\n${NEXT}`,
    GET_ARRIVES,
    arrives('GET /y'),
  ),
  unfinished('half a request behind nothing', 'GET /x HT'),
]

const refusedOptions: readonly (readonly [title: string, ...values: string[]])[] = [
  ['Host', 'Host'],
  ['Content-Length', 'Content-Length'],
  ['Transfer-Encoding', 'Transfer-Encoding'],
  ['Authorization', 'Authorization'],
  ['Cookie', 'Cookie'],
  ['Content-Type', 'Content-Type'],
  ['X-Forwarded-For', 'X-Forwarded-For'],
  ['X-Forwarded-Proto', 'X-Forwarded-Proto'],
  ['X-Request-Id', 'X-Request-Id'],
  ['X-Real-IP', 'X-Real-IP'],
  ['Forwarded', 'Forwarded'],
  ['X-Headgate-Consumer', 'X-Headgate-Consumer'],
  ['a name with _', 'X_Forwarded_For'],
  ['Host in a list', 'keep-alive, Host'],
  ['Host behind spaces', 'keep-alive ,  \t hOsT'],
  ['Host in a second field', 'keep-alive', 'Host'],
  ['two words without a comma', 'keep alive'],
  ['a semicolon', 'close; x=y'],
  ['quotes', '"close"'],
  ['an equals sign', 'close=1'],
  ['a byte beyond ASCII', 'close\xa0'],
]

export const options: readonly Case[] = [
  ...refusedOptions.map(([title, ...values]) => malformed(`Connection with ${title}`, connection(...values))),
  malformed('Connection with a NUL', connection('clo\0se')),
  malformed('Connection that is folded', head('GET /x', 'Connection:', ' close')),
  malformed('Connection with a CR for a hyphen', connection('keep\ralive')),
  malformed('a space in front of the colon of Connection', head('GET /x', 'Connection : close')),
  forwarded('keep-alive', connection('keep-alive'), GET_ARRIVES),
  forwarded('keep-alive in another case', connection('Keep-ALIVE'), GET_ARRIVES),
  forwarded('no option', connection(''), GET_ARRIVES),
  forwarded('commas', connection(', ,,'), GET_ARRIVES),
  forwarded(
    'an option that nobody knows',
    head('GET /x', 'Connection: x-hop', 'X-Hop: 1', 'X-Stay: 2'),
    arrives('GET /x', { has: [['x-stay', '2']], lacks: ['x-hop'] }),
  ),
  forwarded(
    'two options that nobody knows',
    head('GET /x', 'Connection: X-One,x-two', 'x-one: 1', 'X-TWO: 2'),
    arrives('GET /x', { lacks: ['x-one', 'x-two'] }),
  ),
  forwarded(
    'options in two fields',
    head('GET /x', 'Connection: x-one', 'X-One: 1', 'X-Two: 2', 'Connection: x-two'),
    arrives('GET /x', { lacks: ['x-one', 'x-two'] }),
  ),
  forwarded(
    'an option whose field comes twice',
    head('GET /x', 'X-Hop: 1', 'Connection: x-hop', 'X-Hop: 2'),
    arrives('GET /x', { lacks: ['x-hop'] }),
  ),
  forwarded(
    'an option whose name begins another name',
    head('GET /x', 'Connection: x-hop', 'X-Hop: 1', 'X-Hopper: 2'),
    arrives('GET /x', { has: [['x-hopper', '2']], lacks: ['x-hop'] }),
  ),
  forwarded('TE', head('GET /x', 'Connection: TE', 'TE: trailers'), GET_ARRIVES),
  forwardedThenEnds('close', connection('close'), GET_ARRIVES),
  forwardedThenEnds('close in another case', connection('CLOSE'), GET_ARRIVES),
  forwardedThenEnds('close and a tab', connection('close\t'), GET_ARRIVES),
  forwardedThenEnds('close in a list', connection('x-hop, close'), GET_ARRIVES),
  forwardedThenEnds('close and keep-alive', connection('close, keep-alive'), GET_ARRIVES),
  forwardedThenEnds('close in a second field', connection('keep-alive', 'close'), GET_ARRIVES),
  forwardedThenEnds('close among strangers', connection('close, token, upgrade, token, keep-alive'), GET_ARRIVES),
  mixed('Proxy-Connection', head('GET /x', 'Proxy-Connection: close'), GET_ARRIVES),
]

const expecting = (value: string, ...lines: readonly string[]): string =>
  head('POST /x', `Expect: ${value}`, 'Content-Length: 5', ...lines)
const HELLO = arrives('POST /x', { body: 'hello' })

export const expectations: readonly Case[] = [
  forwarded('an expectation, the body at once', `${expecting('100-continue')}hello`, HELLO),
  forwarded('an expectation, the body later', [expecting('100-continue'), 'he', 'llo'], HELLO),
  forwarded('an expectation in another case', `${expecting('100-Continue')}hello`, HELLO),
  forwarded(
    'an expectation, and a request behind the body',
    `${expecting('100-continue')}hello${NEXT}`,
    HELLO,
    NEXT_ARRIVES,
  ),
  forwarded(
    'an expectation with chunks',
    `${head('POST /x', 'Expect: 100-continue', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n${NEXT}`,
    HELLO,
    NEXT_ARRIVES,
  ),
  mixed(
    'an expectation without a body',
    head('GET /x', 'Expect: 100-continue') + NEXT,
    arrives('GET /x'),
    mayArrive('GET /next'),
  ),
  mixed(
    'an expectation with a body of nothing',
    head('POST /x', 'Expect: 100-continue', 'Content-Length: 0') + NEXT,
    arrives('POST /x'),
    mayArrive('GET /next'),
  ),
  forwarded(
    'an expectation on GET with a request as its body',
    `${head('GET /x', 'Expect: 100-continue', `Content-Length: ${SMUGGLED.length}`)}${SMUGGLED}${NEXT}`,
    arrives('GET /x', { body: SMUGGLED }),
    NEXT_ARRIVES,
  ),
  mixed(
    'an expectation on HTTP/1.0',
    `POST /x HTTP/1.0\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`,
    mayArrive('POST /x', { body: 'hello' }),
  ),
  mixed('an empty expectation', `${expecting('')}hello`, mayArrive('POST /x', { body: 'hello' })),
  ...(
    [
      ['that nobody knows', 'a-lot'],
      ['that is nearly known', '100-continuex'],
      ['with a number only', '100'],
      ['with another number', '200-ok'],
    ] as const
  ).map(([title, value]) => denied(`an expectation ${title}`, `${expecting(value)}hello`, [400, 417])),
  mixed(
    'an expectation with a word in front',
    `${expecting('x 100-continue')}hello`,
    mayArrive('POST /x', { body: 'hello' }),
  ),
  mixed(
    'two expectations',
    `${expecting('100-continue', 'Expect: 100-continue')}hello`,
    mayArrive('POST /x', { body: 'hello' }),
  ),
  mixed(
    'a list of expectations',
    `${expecting('100-continue, 100-continue')}hello`,
    mayArrive('POST /x', { body: 'hello' }),
  ),
  mixed(
    'an expectation with a parameter',
    `${expecting('100-continue;x=y')}hello`,
    mayArrive('POST /x', { body: 'hello' }),
  ),
  malformed('a folded expectation', `${head('POST /x', 'Expect:', ' 100-continue', 'Content-Length: 5')}hello`),
  mixed(
    'an expectation of a request that is refused',
    [head('POST /%2e', 'Expect: 100-continue', 'Content-Length: 5'), `hello${SMUGGLED}`],
    refused400,
  ),
  mixed(
    'a request as the body of an expectation that is refused',
    `${head('POST /%2e', 'Expect: 100-continue', `Content-Length: ${SMUGGLED.length}`)}${SMUGGLED}`,
    refused400,
  ),
  unfinished('an expectation whose body does not come', expecting('100-continue')),
]

const upgrade = (protocol: string, ...lines: readonly string[]): string =>
  head('GET /x', 'Connection: Upgrade', `Upgrade: ${protocol}`, ...lines)
const PLAIN = arrives('GET /x', { lacks: ['upgrade', 'http2-settings'] })

export const upgrades: readonly Case[] = [
  ...['websocket', 'WebSocket', 'h2c', 'HTTP/2.0', 'TLS/1.3', 'x', 'connect-udp', 'websocket, h2c', ''].map(
    (protocol) =>
      mixed(
        `an offer to speak ${protocol === '' ? 'nothing' : protocol}`,
        upgrade(protocol) + NEXT,
        PLAIN,
        NEXT_ARRIVES,
      ),
  ),
  mixed(
    'an offer of HTTP/2 with its settings',
    head('GET /x', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__') + NEXT,
    PLAIN,
    NEXT_ARRIVES,
  ),
  mixed(
    'an offer of HTTP/2 and its preface at once',
    `${upgrade('h2c')}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    PLAIN,
    refused400,
  ),
  mixed(
    'a whole WebSocket offer',
    upgrade('websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13') + NEXT,
    PLAIN,
    NEXT_ARRIVES,
  ),
  mixed(
    'a WebSocket frame behind an offer',
    `${upgrade('websocket')}\x81\x85abcd\x09\x07\x0f\x08\x0e`,
    PLAIN,
    refused400,
  ),
  mixed(
    'a WebSocket offer of a version that nobody speaks',
    upgrade('websocket', 'Sec-WebSocket-Version: 999') + SMUGGLED.replace('/smuggled', '/next'),
    PLAIN,
    NEXT_ARRIVES,
  ),
  mixed('an offer without Connection', head('GET /x', 'Upgrade: websocket') + NEXT, PLAIN, NEXT_ARRIVES),
  mixed('Connection without an offer', head('GET /x', 'Connection: Upgrade') + NEXT, PLAIN, NEXT_ARRIVES),
  mixed(
    'an offer with a body',
    `${head('POST /x', 'Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 5')}hello${NEXT}`,
    arrives('POST /x', { body: 'hello', lacks: ['upgrade'] }),
    NEXT_ARRIVES,
  ),
  mixed(
    'an offer with chunks',
    `${head('POST /x', 'Connection: Upgrade', 'Upgrade: websocket', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n${NEXT}`,
    arrives('POST /x', { body: 'hello', lacks: ['upgrade'] }),
    NEXT_ARRIVES,
  ),
  mixed('an offer on HTTP/1.0', `GET /x HTTP/1.0\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, PLAIN),
  denied(
    'CONNECT with bytes behind it',
    `CONNECT api.example.com:443 HTTP/1.1\r\n${HOST}\r\n${SMUGGLED}`,
    [400, 405, 501],
  ),
  denied(
    'CONNECT with a length',
    `CONNECT api.example.com:443 HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
    [400, 405, 501],
  ),
]
