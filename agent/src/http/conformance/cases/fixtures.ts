/**
 * The situations of the request fixtures of nodejs/llhttp, in a form of our own.
 *
 * For each of its sections and situations there is one case that says what an agent makes of it. Where llhttp hands over
 * what nobody serves behind an agent (CONNECT, strange methods, no Host), the case says that it is refused; where
 * llhttp has a lenient mode, the case says what the strict one does. `llhttp` says what llhttp does, strictly:
 * wherever it stops, the agent has to refuse too.
 *
 * Source: https://github.com/nodejs/llhttp/tree/v9.4.2/test/request (the situations, not the text).
 *
 * @module
 */
import {
  arrives,
  type Case,
  denied,
  forwarded,
  forwardedThenEnds,
  malformed,
  malformedBody,
  mayArrive,
  mixed,
  refused400,
  unfinished,
} from './case.ts'

export interface Fixture {
  /** File and what happens there. */
  readonly about: string
  /** What llhttp does with it in its strict mode. */
  readonly llhttp: 'takes' | 'refuses'
  readonly one: Case
}

const H = 'Host: api.example.com\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const LAST = '0\r\n\r\n'

const takes = (one: Case): Fixture => ({ about: one.title, llhttp: 'takes', one })
const refuses = (one: Case): Fixture => ({ about: one.title, llhttp: 'refuses', one })

const put = (fields: string, rest = ''): string => `PUT /thing HTTP/1.1\r\n${H}${fields}\r\n${rest}`
const UPGRADE = 'Connection: upgrade\r\nUpgrade: ws\r\n'
const PUT = arrives('PUT /thing')

const connection: readonly Fixture[] = [
  takes(forwarded('connection: keep-alive is set', put('Connection: keep-alive\r\n'), PUT)),
  takes(
    forwarded('connection: a second request behind keep-alive', put('Connection: keep-alive\r\n').repeat(2), PUT, PUT),
  ),
  refuses(
    forwardedThenEnds('connection: a second request behind HTTP/1.0', `PUT /thing HTTP/1.0\r\n${H}\r\n${put('')}`, PUT),
  ),
  refuses(
    forwardedThenEnds(
      'connection (lenient): a body of nothing on HTTP/1.0 and chunks behind',
      `PUT /thing HTTP/1.0\r\n${H}Content-Length: 0\r\n\r\n${put(CHUNKED)}`,
      PUT,
    ),
  ),
  takes(
    mixed(
      'connection: an extra end of line behind a form',
      `POST / HTTP/1.1\r\n${H}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=1\r\nGET /y HTTP/1.1\r\n${H}\r\n`,
      arrives('POST /', { body: 'a=1' }),
      mayArrive('GET /y'),
    ),
  ),
  refuses(malformed('connection: a CR where the hyphen of keep-alive is', put('Connection: keep\ralive\r\n'))),
  takes(forwardedThenEnds('connection: close is set', put('Connection: close\r\n'), PUT)),
  takes(forwardedThenEnds('connection: close with a tab behind', put('Connection: close\t\r\n'), PUT)),
  refuses(
    forwardedThenEnds(
      'connection: a request behind a form and close',
      `POST / HTTP/1.1\r\n${H}Content-Length: 3\r\nConnection: close\r\n\r\na=1\r\nGET /y HTTP/1.1\r\n${H}\r\n`,
      arrives('POST /', { body: 'a=1' }),
    ),
  ),
  refuses(
    forwardedThenEnds(
      'connection: a request behind a form and close with a tab',
      `POST / HTTP/1.1\r\n${H}Content-Length: 3\r\nConnection: close\t\r\n\r\na=1\r\nGET /y HTTP/1.1\r\n${H}\r\n`,
      arrives('POST /', { body: 'a=1' }),
    ),
  ),
  takes(
    forwardedThenEnds(
      'connection: many tokens with close among them',
      put('Connection: close, thing, upgrade, thing, keep-alive\r\n'),
      PUT,
    ),
  ),
  refuses(
    malformed(
      'connection (lenient): a list that is folded',
      put('Connection: Some,\r\n Upgrade, ,Keep-Alive\r\nUpgrade: WebSocket\r\n'),
    ),
  ),
  takes(
    mixed(
      'connection: keep-alive and upgrade, bytes behind',
      `GET /d HTTP/1.1\r\n${H}Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n\r\nhot dogs\r\n\r\n`,
      arrives('GET /d', { lacks: ['upgrade'] }),
      refused400,
    ),
  ),
  refuses(
    malformed(
      'connection (lenient): an end of line and a space inside a list',
      put('Connection: keep-alive, \r\n upgrade\r\nUpgrade: WebSocket\r\n'),
    ),
  ),
  refuses(
    malformed(
      'connection: a space in front of the colon',
      put('Connection : upgrade\r\nContent-Length: 4\r\nUpgrade: ws\r\n', 'abcdefgh'),
    ),
  ),
  takes(mixed('connection: an upgrade', put(UPGRADE), arrives('PUT /thing', { lacks: ['upgrade'] }))),
  takes(
    mixed(
      'connection: an upgrade with a body and more behind',
      put(`Content-Length: 4\r\n${UPGRADE}`, 'abcdefgh\r\n\r\n'),
      arrives('PUT /thing', { body: 'abcd', lacks: ['upgrade'] }),
      refused400,
    ),
  ),
  takes(
    mixed(
      'connection: an upgrade of the first WebSocket draft',
      `GET /d HTTP/1.1\r\n${H}Connection: Upgrade\r\nSec-WebSocket-Key2: 12 9  .P0\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key1: 4 @1%0l 5\r\nOrigin: http://example.com\r\n\r\n`,
      arrives('GET /d', { lacks: ['upgrade'] }),
    ),
  ),
  takes(
    mixed(
      'connection: an upgrade to HTTP/2 on POST',
      `POST /d HTTP/1.1\r\n${H}Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\nContent-Length: 10\r\n\r\nsweet body`,
      arrives('POST /d', { body: 'sweet body', lacks: ['upgrade'] }),
    ),
  ),
]

const length: readonly Fixture[] = [
  takes(
    mixed(
      'content-length: zeros in front',
      put('Content-Length: 003\r\n', 'abc'),
      mayArrive('PUT /thing', { body: 'abc' }),
    ),
  ),
  takes(
    mixed(
      'content-length: zeros in front and a field behind',
      put('Content-Length: 003\r\nOhai: you\r\n', 'abc'),
      mayArrive('PUT /thing', { body: 'abc' }),
    ),
  ),
  refuses(malformed('content-length: beyond 64 bits', put('Content-Length: 1000000000000000000000\r\n'))),
  refuses(malformed('content-length: twice', put('Content-Length: 1\r\nContent-Length: 2\r\n'))),
  refuses(malformed('content-length: beside identity', put('Content-Length: 1\r\nTransfer-Encoding: identity\r\n'))),
  refuses(
    malformed(
      'content-length: a space in front of the colon',
      put('Connection: upgrade\r\nContent-Length : 4\r\nUpgrade: ws\r\n', 'abcdefgh'),
    ),
  ),
  takes(
    forwardedThenEnds(
      'content-length: funny case on HTTP/1.0 and GET',
      `GET /f HTTP/1.0\r\n${H}conTENT-Length: 5\r\n\r\nHELLO`,
      arrives('GET /f', { body: 'HELLO' }),
    ),
  ),
  takes(
    forwarded(
      'content-length: spaces around',
      put('Content-Length:  3 \r\n', 'abc'),
      arrives('PUT /thing', { body: 'abc' }),
    ),
  ),
  takes(
    mixed(
      'content-length: tabs around',
      put('Content-Length:\t3\t  \r\n', 'abc'),
      mayArrive('PUT /thing', { body: 'abc' }),
    ),
  ),
  refuses(malformed('content-length: a space between two digits', put('Content-Length: 4 2\r\n'))),
  refuses(malformed('content-length: a space between two numbers', put('Content-Length: 13 37\r\n'))),
  refuses(malformed('content-length: empty', put('Content-Length:\r\n'))),
  refuses(malformed('content-length: a CR where its hyphen is', put('Content\rLength: 003\r\n', 'abc'))),
  takes(
    unfinished(
      'content-length: no body, and another request where it should be',
      put('Content-Length: 300\r\n') + put('Content-Length: 4\r\n'),
    ),
  ),
  refuses(
    malformed(
      'content-length: no empty line in front of the body',
      `PUT /thing HTTP/1.1\r\n${H}Content-Length: 3\r\n\rabc`,
    ),
  ),
]

const finish: readonly Fixture[] = [
  takes(forwarded('finish: behind a whole request', `GET / HTTP/1.1\r\n${H}\r\n`, arrives('GET /'))),
  refuses(unfinished('finish: in the middle of a body', put('Content-Length: 100\r\n'))),
  refuses(unfinished('finish: in the middle of a head', `PUT / HTTP/1.1\r\n${H}Content-Leng`)),
]

const line = (text: string): string => `${text}\r\n${H}\r\n`

const invalid: readonly Fixture[] = [
  refuses(malformed('invalid: GET with ICE', line('GET /tune ICE/1.0'))),
  refuses(malformed('invalid: a protocol that ends like HTTP', line('GET /tune IHTTP/1.0'))),
  refuses(malformed('invalid: PUT with RTSP', line('PUT /tune RTSP/1.0'))),
  refuses(denied('invalid: ANNOUNCE with HTTP', line('ANNOUNCE /tune HTTP/1.0'), [400, 405, 501])),
  refuses(malformed('invalid: fields with a CR between', `GET / HTTP/1.1\r\n${H}Foo: 1\rBar: 2\r\n\r\n`)),
  refuses(
    malformed('invalid: fields with a LF between', `POST / HTTP/1.1\r\n${H}x:x\n${CHUNKED}\r\n1\r\nA\r\n${LAST}`),
  ),
  refuses(
    malformed(
      'invalid: a request behind a CR where the head ends',
      `GET / HTTP/1.1\r\nConnection: close\r\n${H}\rZGET /evil: HTTP/1.1\r\n${H}\r\n`,
    ),
  ),
  refuses(
    malformed(
      'invalid: an empty field with a CR behind',
      `POST / HTTP/1.1\r\nConnection: Close\r\n${H}x:\r${CHUNKED}\r\n1\r\nA\r\n${LAST}`,
    ),
  ),
  refuses(
    malformed('invalid: an empty field with a LF behind', `POST / HTTP/1.1\r\n${H}x:\n${CHUNKED}\r\n1\r\nA\r\n${LAST}`),
  ),
  refuses(malformed('invalid: an at sign in a name', put('Fo@: Failure\r\n'))),
  refuses(malformed('invalid: controls in a name', put('Foo\x01\test: Bar\r\n'))),
  refuses(malformed('invalid: no name', put(': Bar\r\n'))),
  refuses(denied('invalid: a method that begins like one', line('MKCOLA / HTTP/1.1'), [400, 405, 501])),
  refuses(malformed('invalid: a name that is folded', put('name\r\n : value\r\n'))),
  refuses(
    malformed(
      'invalid: Connection that is broken by a CR and an escape',
      put('Connection\r\x1b\x35\xd5eep-Alive\r\nA: b\r\n'),
    ),
  ),
  refuses(
    malformed(
      'invalid: a name that is broken by a CR and an escape',
      put('X-Some-Header\r\x1b\x35\xd5eep-Alive\r\nA: b\r\n'),
    ),
  ),
  refuses(
    malformed(
      'invalid: a LF that hides a length, and a request in the value of another',
      `GET / HTTP/1.1\r\n${H}Dummy: x\nContent-Length: 23\r\n\r\nGET / HTTP/1.1\r\nDummy: GET /admin HTTP/1.1\r\n${H}\r\n`,
    ),
  ),
  refuses(malformed('invalid: the version 5.6', line('GET / HTTP/5.6'))),
  refuses(malformed('invalid: a space behind the request line', `GET / HTTP/1.1\r\n ${H}\r\n`)),
  refuses(
    malformed(
      'invalid: only LFs',
      'POST / HTTP/1.1\nHost: api.example.com\nTransfer-Encoding: chunked\nTrailer: Baz\n\n1\nA\n1;abc\nB\n0\n\nBaz: ghi\n\n',
    ),
  ),
  refuses(
    malformed(
      'invalid: a space in front of Content-Length',
      `POST /hi HTTP/1.1\r\n${H}Foo: bar\r\n Content-Length: 38\r\n\r\nGET /bye HTTP/1.1\r\n${H}\r\n`,
    ),
  ),
  refuses(malformed('lenient values: a form feed in a value', put('Header1: hello\fworld\r\n'))),
  refuses(malformed('lenient headers: a form feed as a value', put('Header1: \f\r\n'))),
  refuses(
    forwardedThenEnds(
      'lenient headers: a form feed in a second request',
      put('Header1: Okay\r\n') + put('Header1: \f\r\n'),
      PUT,
      refused400,
    ),
  ),
]

const CONNECT = 'User-agent: Mozilla/1.1N\r\nProxy-authorization: basic eA==\r\n'
const unserved = [400, 405, 501]

const method: readonly Fixture[] = [
  takes(denied('method: REPORT', line('REPORT /test HTTP/1.1'), unserved)),
  takes(
    denied(
      'method: CONNECT with data',
      `CONNECT home.example.com:443 HTTP/1.0\r\n${CONNECT}\r\nsome data\r\nand more`,
      unserved,
    ),
  ),
  takes(denied('method: CONNECT in capitals', `CONNECT HOME.EXAMPLE.COM:443 HTTP/1.0\r\n${CONNECT}\r\n`, unserved)),
  takes(
    denied(
      'method: CONNECT with a length',
      `CONNECT foo.example.com:443 HTTP/1.0\r\n${CONNECT}Content-Length: 10\r\n\r\nblarfcicle"`,
      unserved,
    ),
  ),
  takes(
    denied(
      'method: M-SEARCH',
      `M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\n\r\n`,
      unserved,
    ),
  ),
  takes(
    forwarded(
      'method: PATCH',
      `PATCH /f HTTP/1.1\r\n${H}If-Match: "e00"\r\nContent-Length: 10\r\n\r\ncccccccccc`,
      arrives('PATCH /f', { body: 'cccccccccc', has: [['if-match', '"e00"']] }),
    ),
  ),
  ...['PURGE', 'SEARCH', 'LINK', 'UNLINK', 'SOURCE'].map((name) =>
    takes(denied(`method: ${name}`, line(`${name} /f HTTP/1.1`), unserved)),
  ),
  takes(denied('method: SOURCE with ICE', line('SOURCE /tune ICE/1.0'), unserved)),
  takes(denied('method: OPTIONS with RTSP', line('OPTIONS /tune RTSP/1.0'), unserved)),
  takes(denied('method: ANNOUNCE with RTSP', line('ANNOUNCE /tune RTSP/1.0'), unserved)),
  takes(denied('method: PRI', 'PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n', unserved)),
  takes(denied('method: QUERY', `QUERY /c HTTP/1.1\r\n${H}Content-Length: 6\r\n\r\nselect`, unserved)),
]

/** llhttp can be paused at each of its events; here every event may be the last byte of a read. */
const pausing: readonly Fixture[] = [
  ...Array.from({ length: 9 }, (_, cut) => {
    const bytes = `POST / HTTP/1.1\r\n${H}Content-Length: 3\r\n\r\nabc`
    const at = [1, 4, 6, 14, 17, 40, 55, bytes.length - 3, bytes.length - 1][cut] ?? 1
    return takes(
      forwarded(
        `pausing: a body, read in two parts at ${at}`,
        [bytes.slice(0, at), bytes.slice(at)],
        arrives('POST /', { body: 'abc' }),
      ),
    )
  }),
  ...[1, 3, 9, 16].map((back) => {
    const bytes = put(CHUNKED, `a;foo=bar\r\n0123456789\r\n${LAST}`)
    const at = bytes.length - back
    return takes(
      forwarded(
        `pausing: chunks, read in two parts ${back} bytes before the end`,
        [bytes.slice(0, at), bytes.slice(at)],
        arrives('PUT /thing', { body: '0123456789' }),
      ),
    )
  }),
]

const BROWSER =
  'Accept: text/html,*/*;q=0.8\r\nAccept-Language: en-us,en;q=0.5\r\nAccept-Encoding: gzip,deflate\r\nKeep-Alive: 300\r\nConnection: keep-alive\r\n'
const get = (target: string, fields = ''): string => `GET ${target} HTTP/1.1\r\n${H}${fields}\r\n`

const sample: readonly Fixture[] = [
  takes(
    forwarded(
      'pipelining: three bodies',
      `POST /a HTTP/1.1\r\n${H}Content-Length: 2\r\n\r\nAAPUT /b HTTP/1.1\r\n${H}Content-Length: 3\r\n\r\nBBBPATCH /c HTTP/1.1\r\n${H}Content-Length: 4\r\n\r\nCCCC`,
      arrives('POST /a', { body: 'AA' }),
      arrives('PUT /b', { body: 'BBB' }),
      arrives('PATCH /c', { body: 'CCCC' }),
    ),
  ),
  takes(
    forwarded(
      'sample: OPTIONS with a tab in front of a value',
      `OPTIONS /u HTTP/1.1\r\n${H}A: V1\r\nB:\t V2\r\n\r\n`,
      arrives('OPTIONS /u', {
        has: [
          ['a', 'V1'],
          ['b', 'V2'],
        ],
      }),
    ),
  ),
  takes(forwarded('sample: a method that begins with H', `HEAD /u HTTP/1.1\r\n${H}\r\n`, arrives('HEAD /u'))),
  takes(
    forwarded(
      'sample: curl',
      get('/test', 'User-Agent: curl/7.18.0 (i486) libcurl/7.18.0 OpenSSL/0.9.8g zlib/1.2.3.3\r\nAccept: */*\r\n'),
      arrives('GET /test'),
    ),
  ),
  takes(
    forwarded(
      'sample: a browser',
      get('/favicon.ico', BROWSER),
      arrives('GET /favicon.ico', { lacks: ['keep-alive'] }),
    ),
  ),
  takes(
    denied(
      'sample: a Host with an equals sign, as these samples have it',
      'GET /favicon.ico HTTP/1.1\r\nHost: 0.0.0.0=5000\r\n\r\n',
    ),
  ),
  takes(
    forwarded(
      'sample: a value of plus signs',
      get('/dumbpack', 'aaaaaaaaaaaaa:++++++++++\r\n'),
      arrives('GET /dumbpack', { has: [['aaaaaaaaaaaaa', '++++++++++']] }),
    ),
  ),
  takes(denied('sample: no fields at all', 'GET /none HTTP/1.1\r\n\r\n')),
  takes(denied('sample: one field that is not Host', 'GET /one HTTP/1.1\r\nAccept: */*\r\n\r\n')),
  takes(
    forwardedThenEnds(
      'sample: a load tool on HTTP/1.0',
      'GET /test HTTP/1.0\r\nHost: 0.0.0.0:5000\r\nUser-Agent: ApacheBench/2.3\r\nAccept: */*\r\n\r\n',
      arrives('GET /test'),
    ),
  ),
  takes(forwarded('sample: an end of line in front', `\r\n${get('/test')}`, arrives('GET /test'))),
  takes(malformed('sample: no version', 'GET /\r\n\r\n')),
  refuses(
    malformed(
      'sample (lenient): values that are folded',
      get('/', 'Line1:   abc\r\n\tdef\r\n ghi\r\n\t\tjkl\r\nLine3:\r\n line3\r\n'),
    ),
  ),
  refuses(
    malformed(
      'sample: values that are folded with LFs',
      'GET / HTTP/1.1\r\nHost: api.example.com\r\nLine1:   abc\n\tdef\n ghi\n\n',
    ),
  ),
  refuses(malformed('sample: a CR behind the request line', `GET / HTTP/1.1\rLine: 1\r\n${H}\r\n`)),
  takes(
    forwarded(
      'sample: an end of line in front of a request with a field',
      `\r\n${get('/url', 'A: Value1\r\n')}`,
      arrives('GET /url', { has: [['a', 'Value1']] }),
    ),
  ),
  takes(
    forwarded(
      'sample: UTF-8 in a value',
      get('/', 'Test: D\xc3\xbcsseldorf\r\n'),
      arrives('GET /', { has: [['test', 'D\xc3\xbcsseldorf']] }),
    ),
  ),
  takes(
    forwarded(
      'sample: 0xff in a value',
      `OPTIONS /u HTTP/1.1\r\n${H}B: \xffValue2\r\n\r\n`,
      arrives('OPTIONS /u', { has: [['b', '\xffValue2']] }),
    ),
  ),
  refuses(
    malformed(
      'sample (lenient): a certificate that is folded',
      get(
        '/',
        `X-Certificate:   -----BEGIN CERTIFICATE-----\r\n\t${'MIIF'.repeat(16)}\r\n\t-----END CERTIFICATE-----\r\n`,
      ),
    ),
  ),
]

const chunkedPut = (rest: string): string => put(CHUNKED, rest)
const helloWorld = arrives('PUT /thing', { body: 'hello world' })
const mayHelloWorld = mayArrive('PUT /thing', { body: 'hello world' })
const coding = (value: string, rest = 'World'): string => `POST /w?q=search HTTP/1.1\r\n${H}${value}\r\n${rest}`

const transfer: readonly Fixture[] = [
  takes(unfinished('transfer-encoding: chunked, and no chunk yet', chunkedPut(''))),
  takes(
    forwarded(
      'transfer-encoding: a size in lower case',
      chunkedPut(`a\r\n0123456789\r\n${LAST}`),
      arrives('PUT /thing', { body: '0123456789' }),
    ),
  ),
  takes(
    forwarded(
      'transfer-encoding: a size in upper case',
      chunkedPut(`A\r\n0123456789\r\n${LAST}`),
      arrives('PUT /thing', { body: '0123456789' }),
    ),
  ),
  takes(
    forwarded(
      'transfer-encoding: a size of two digits',
      chunkedPut(`1e\r\n${'b'.repeat(30)}\r\n${LAST}`),
      arrives('PUT /thing', { body: 'b'.repeat(30) }),
    ),
  ),
  takes(
    forwarded(
      'transfer-encoding: two chunks and an end of three zeros',
      chunkedPut('5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n'),
      helloWorld,
    ),
  ),
  takes(
    mixed(
      'transfer-encoding: trailers',
      chunkedPut('5\r\nhello\r\n6\r\n world\r\n0\r\nVary: *\r\nContent-Type: text/plain\r\n\r\n'),
      mayHelloWorld,
    ),
  ),
  takes(
    forwarded(
      'transfer-encoding: extensions',
      chunkedPut(`5;one;two=three;four=five\r\nhello\r\n6;a;b\r\n world\r\n${LAST}`),
      helloWorld,
    ),
  ),
  refuses(
    malformedBody('transfer-encoding: extensions without a semicolon', chunkedPut('2 abc\r\naa\r\n0 def\r\n\r\n')),
  ),
  refuses(
    mixed(
      'transfer-encoding: a semicolon without an extension',
      chunkedPut(`2;\r\naa\r\n${LAST}`),
      mayArrive('PUT /thing', { body: 'aa' }),
    ),
  ),
  takes(
    mixed(
      'transfer-encoding: extensions with quotes and escapes',
      chunkedPut(`5;a="I \\"like\\"; \\\\it\\\\";b="c";d;e=f\r\nhello\r\n6;g;h\r\n world\r\n${LAST}`),
      mayHelloWorld,
    ),
  ),
  refuses(
    mixed(
      'transfer-encoding: extensions with a quote that is not closed',
      chunkedPut(`5;a="b";c="d; e\r\nhello\r\n6;f;g\r\n world\r\n${LAST}`),
      mayHelloWorld,
    ),
  ),
  refuses(malformed('transfer-encoding: an unknown coding', coding('Transfer-Encoding: pigeons\r\n', ''))),
  refuses(
    malformed(
      'transfer-encoding: identity in front of a length',
      coding('Transfer-Encoding: identity\r\nContent-Length: 5\r\n'),
    ),
  ),
  refuses(
    malformed(
      'transfer-encoding: three empty ones behind a length',
      coding(
        'Content-Length: 10\r\nTransfer-Encoding:\r\nTransfer-Encoding:\r\nTransfer-Encoding:\r\n',
        '2\r\nAA\r\n0\r\n',
      ),
    ),
  ),
  refuses(
    malformed('transfer-encoding: chunked in front of deflate', coding('Transfer-Encoding: chunked, deflate\r\n')),
  ),
  refuses(
    malformed(
      'transfer-encoding: chunked in front of deflate in another field',
      coding(`${CHUNKED}Transfer-Encoding: deflate\r\n`),
    ),
  ),
  takes(
    malformed(
      'transfer-encoding: deflate in front of chunked',
      coding('Transfer-Encoding: deflate, chunked\r\n', `5\r\nWorld\r\n${LAST}`),
    ),
  ),
  takes(
    malformed(
      'transfer-encoding: deflate in a field in front of chunked',
      coding(`Transfer-Encoding: deflate\r\n${CHUNKED}`, `5\r\nWorld\r\n${LAST}`),
    ),
  ),
  refuses(
    malformed(
      'transfer-encoding: chunked twice in one word',
      coding('Transfer-Encoding: chunkedchunked\r\n', `5\r\nWorld\r\n${LAST}`),
    ),
  ),
  refuses(malformedBody('transfer-encoding: an empty line instead of the last chunk', chunkedPut('3\r\nfoo\r\n\r\n'))),
  refuses(malformedBody('transfer-encoding: a space and a LF behind a size', chunkedPut('3 \n  \r\nfoo\r\n\r\n'))),
  refuses(
    malformed(
      'transfer-encoding (lenient): chunked with a fold behind',
      `PUT /u HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n  abc\r\n\r\n5\r\nWorld\r\n${LAST}`,
    ),
  ),
  refuses(
    malformedBody(
      'transfer-encoding: a size with two CRs behind',
      `GET / HTTP/1.1\r\n${H}Connection: close\r\n${CHUNKED}\r\n5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\nGET / HTTP/1.1 \r\n${H}Content-Length: 5\r\n\r\n0\r\n\r\n`,
    ),
  ),
  refuses(
    malformedBody(
      'transfer-encoding: data without an end',
      `GET / HTTP/1.1\r\n${H}Connection: close\r\n${CHUNKED}\r\n5\r\nABCDE0\r\n\r\n`,
    ),
  ),
  refuses(
    mixed(
      'transfer-encoding: a space behind a size',
      chunkedPut(`a \r\n0123456789\r\n${LAST}`),
      mayArrive('PUT /thing', { body: '0123456789' }),
    ),
  ),
]

const uri: readonly Fixture[] = [
  takes(denied('uri: quotes in the path', get('/with_"lovely"_quotes?foo="bar"'))),
  takes(forwarded('uri: quotes in the query', get('/q?foo="bar"'), arrives('GET /q?foo="bar"'))),
  takes(
    forwarded('uri: a question mark in the query', get('/test.cgi?foo=bar?baz'), arrives('GET /test.cgi?foo=bar?baz')),
  ),
  takes(denied('uri: a host that ends with a query', get('http://example.com?hail=all'))),
  takes(denied('uri: a port that ends with a query', get('http://example.com:1234?hail=all'))),
  takes(forwarded('uri: a bar in the query', get('/test.cgi?query=|'), arrives('GET /test.cgi?query=|'))),
  takes(denied('uri: a port that ends with a space', get('http://example.com:1234'))),
  refuses(denied('uri: UTF-8 in the path', get('/\xce\xb4\xc2\xb6/t?q=1'))),
  takes(denied('uri: a fragment', get('/forums/1?page=1#posts-17'))),
  takes(
    denied(
      'uri: CONNECT to a host with an underscore',
      `CONNECT home_0.example.com:443 HTTP/1.0\r\n${CONNECT}\r\n`,
      unserved,
    ),
  ),
  takes(denied('uri: a user and a password', get('http://a%12:b!&*$@example.com:1234/toto'))),
  refuses(malformed('uri: a space', get('/foo bar/'))),
]

export const fixtures: readonly Fixture[] = [
  ...connection,
  ...length,
  ...finish,
  ...invalid,
  ...method,
  ...pausing,
  ...sample,
  ...transfer,
  ...uri,
]
