/**
 * Syntax of field lines, and bounds of heads.
 *
 * Source: RFC 9112 sections 5 and 5.2, RFC 9110 section 5.
 *
 * @module
 */
import {
  arrives,
  type Case,
  denied,
  forwarded,
  head,
  HOST,
  malformed,
  mayArrive,
  mixed,
  named,
  SMUGGLED,
  tooLarge,
} from './case.ts'

const codes = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

/** Controls that no value may hold. */
const CONTROLS = [...codes(0x00, 0x08), ...codes(0x0b, 0x0c), ...codes(0x0e, 0x1f), 0x7f]
/** Bytes that no name may hold. */
const NO_TOKEN = '"(),/;<=>?@[\\]{} \t'
  .split('')
  .map((each) => each.charCodeAt(0))
  .concat([0x00, 0x01, 0x0b, 0x0c, 0x1f, 0x7f, 0x80, 0xa0, 0xe9, 0xff])

const line = (...lines: readonly string[]): string => head('GET /x', ...lines)

export const fields: readonly Case[] = [
  ...CONTROLS.map((code) => malformed(`${named(code)} in a value`, line(`X: a${String.fromCharCode(code)}b`))),
  ...[0x00, 0x0b, 0x0c, 0x1f, 0x7f].map((code) =>
    malformed(`${named(code)} at the end of a value`, line(`X: a${String.fromCharCode(code)}`)),
  ),
  ...[0x00, 0x0b, 0x0c, 0x1f, 0x7f].map((code) =>
    malformed(`${named(code)} in front of a value`, line(`X:${String.fromCharCode(code)}a`)),
  ),
  ...NO_TOKEN.map((code) => malformed(`${named(code)} in a name`, line(`X${String.fromCharCode(code)}Y: a`))),
  ...[0x00, 0x0b, 0x20, 0x09, 0x80, 0x22].map((code) =>
    malformed(`${named(code)} in front of a name`, line('A: b', `${String.fromCharCode(code)}X: a`)),
  ),
  ...[0x00, 0x0b, 0x20, 0x09, 0xa0, 0x0d].map((code) =>
    malformed(`${named(code)} in front of a colon`, line(`X${String.fromCharCode(code)}: a`)),
  ),
  forwarded(
    'every mark that a name may hold',
    line("!#$%&'*+-.^`|~09azAZ: a"),
    arrives('GET /x', { has: [["!#$%&'*+-.^`|~09azaz", 'a']] }),
  ),
  malformed('a line without a colon', line('X')),
  malformed('a line without a name', line(': a')),
  malformed('a colon alone', line(':')),
  malformed('a first line that begins with a space', `GET / HTTP/1.1\r\n ${HOST}\r\n`),
  malformed('a line that is folded with a space', line('X: a', ' b')),
  malformed('a line that is folded with a tab', line('X: a', '\tb')),
  malformed('a line that is folded to nothing', line('X: a', ' ')),
  malformed('an empty value that is folded', line('X:', ' b')),
  malformed('a name that is folded', line('X', ' : b')),
  malformed('a fold that hides a length', line('X: a', ' Content-Length: 5')),
  malformed('a lone LF behind a field', line('X: a\nY: b')),
  malformed('a lone LF that hides a length', line('X: a\nContent-Length: 5')),
  malformed('a lone CR behind a field', line('X: a\rY: b')),
  malformed('a CR and something else', line('X: a\rY')),
  malformed('two CRs behind a field', line('X: a\r')),
  malformed('a LF and a CR', line('X: a\n\rY: b')),
  malformed('an empty value with a lone LF', line('X:\nTransfer-Encoding: chunked')),
  malformed('an empty value with a lone CR', line('X:\rTransfer-Encoding: chunked')),
  malformed('a head that ends with a lone LF', `GET /x HTTP/1.1\r\n${HOST}\n`),
  malformed('a head that ends with two lone LFs', 'GET /x HTTP/1.1\r\nHost: api.example.com\n\n'),
  malformed('a head that ends with a CR and something', `GET /x HTTP/1.1\r\n${HOST}\rX`),
  malformed('a head that ends with two CRs', `GET /x HTTP/1.1\r\n${HOST}\r\r\n`),
  malformed('a request hidden behind a lone CR', `GET /x HTTP/1.1\r\n${HOST}\r${SMUGGLED}`),
  malformed('a request hidden behind a NUL', `GET /x HTTP/1.1\r\n${HOST}\0${SMUGGLED}`),
  malformed('a request line among the fields', `GET /x HTTP/1.1\r\n${HOST}${SMUGGLED}`),
  forwarded('an empty value', line('X:'), arrives('GET /x', { has: [['x', '']] })),
  forwarded('a value of spaces', line('X:  \t '), arrives('GET /x', { has: [['x', '']] })),
  forwarded('a value without a space in front', line('X:a'), arrives('GET /x', { has: [['x', 'a']] })),
  forwarded('spaces around a value', line('X: \t a \t '), arrives('GET /x', { has: [['x', 'a']] })),
  forwarded('spaces and tabs inside a value', line('X: a \t b'), arrives('GET /x', { has: [['x', 'a \t b']] })),
  forwarded('colons in a value', line('X: a:b::c'), arrives('GET /x', { has: [['x', 'a:b::c']] })),
  forwarded('a value that begins with a colon', line('X::a'), arrives('GET /x', { has: [['x', ':a']] })),
  forwarded('marks in a value', line('X: ",;()<>@/[]?={}\\'), arrives('GET /x', { has: [['x', '",;()<>@/[]?={}\\']] })),
  forwarded(
    'an unbalanced quote',
    line('X: "a', 'Y: b"'),
    arrives('GET /x', {
      has: [
        ['x', '"a'],
        ['y', 'b"'],
      ],
    }),
  ),
  forwarded(
    'bytes beyond ASCII in a value',
    line('X: \x80\xe9\xff'),
    arrives('GET /x', { has: [['x', '\x80\xe9\xff']] }),
  ),
  forwarded('UTF-8 in a value', line('X: D\xc3\xbcsseldorf'), arrives('GET /x', { has: [['x', 'D\xc3\xbcsseldorf']] })),
  forwarded(
    'a field that comes twice',
    line('X: a', 'x: b'),
    arrives('GET /x', {
      has: [
        ['x', 'a'],
        ['x', 'b'],
      ],
    }),
  ),
  forwarded('a name of one digit', line('1: a'), arrives('GET /x', { has: [['1', 'a']] })),
  forwarded(
    'a name of 1,000 letters',
    line(`${'n'.repeat(1_000)}: a`),
    arrives('GET /x', { has: [['n'.repeat(1_000), 'a']] }),
  ),
  forwarded(
    'a value of 10,000 bytes',
    line(`X: ${'v'.repeat(10_000)}`),
    arrives('GET /x', { has: [['x', 'v'.repeat(10_000)]] }),
  ),
  forwarded(
    '200 fields',
    head('GET /x', ...Array.from({ length: 199 }, (_, index) => `X-${index}: y`)),
    arrives('GET /x', { has: [['x-198', 'y']] }),
  ),
  tooLarge('201 fields', head('GET /x', ...Array.from({ length: 200 }, (_, index) => `X-${index}: y`))),
  tooLarge('3,000 fields', head('GET /x', ...Array.from({ length: 3_000 }, () => 'X: y'))),
  tooLarge('3,000 empty fields', head('GET /x', ...Array.from({ length: 3_000 }, () => 'X:'))),
  tooLarge('a name of 17,000 letters', line(`${'n'.repeat(17_000)}: a`)),
  tooLarge('a value of 17,000 bytes', line(`X: ${'v'.repeat(17_000)}`)),
  tooLarge('a value of 1 MiB', line(`X: ${'v'.repeat(1_048_576)}`), [431, 0]),
  tooLarge('17,000 spaces in front of a value', line(`X: ${' '.repeat(17_000)}a`)),
  forwarded(
    'a head of 15 KiB',
    line(...Array.from({ length: 15 }, (_, index) => `X-${index}: ${'v'.repeat(1_010)}`)),
    arrives('GET /x'),
  ),
  tooLarge('a head of 17 KiB', line(...Array.from({ length: 17 }, (_, index) => `X-${index}: ${'v'.repeat(1_010)}`))),
  denied('two Authorizations', line('Authorization: a', 'Authorization: b')),
  denied('two equal Authorizations', line('Authorization: Basic eA==', 'authorization: Basic eA==')),
  mixed('two Content-Types', line('Content-Type: a/b', 'Content-Type: c/d'), mayArrive('GET /x')),
  forwarded('two Cookies', line('Cookie: a=b', 'Cookie: c=d'), arrives('GET /x', { has: [['cookie', 'a=b']] })),
  forwarded('a Range', line('Range: bytes=0-1'), arrives('GET /x', { has: [['range', 'bytes=0-1']] })),
]

/** Names with which a client would speak for the agent or for another proxy. None reaches the service from outside. */
const STRIPPED: readonly string[] = [
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-Server',
  'X-Forwarded-User',
  'X-Forwarded-Client-Cert',
  'X-Forwarded-Anything',
  'x-FORWARDED-for',
  'Forwarded',
  'X-Real-IP',
  'X-Client-IP',
  'Client-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'Fastly-Client-IP',
  'X-Cluster-Client-IP',
  'X-Envoy-External-Address',
  'X-Original-URL',
  'X-Original-Method',
  'X-Original-Host',
  'X-Original-URI',
  'X-Rewrite-URL',
  'X-HTTP-Method',
  'X-HTTP-Method-Override',
  'X-Method-Override',
  'X-Headgate-Consumer',
  'X-Headgate-Anything',
  'X-Request-Id',
  'Remote-User',
  'X-Remote-User',
  'X-Authenticated-User',
  'X-Authenticated-Userid',
  'X-Auth-Request-User',
  'X-Auth-Request-Email',
  'X-Consumer-Username',
  'X-Consumer-ID',
  'X-Credential-Identifier',
  'X-SSL-Client-Cert',
  'X-SSL-Client-Verify',
  'SSL-Client-Cert',
  'X-Client-Cert',
  'X_Forwarded_For',
  'X_Real_IP',
  'Remote_User',
  'Content_Length',
  'Transfer_Encoding',
  'X-Forwarded_For',
  '_',
  'Keep-Alive',
  'TE',
  'Trailer',
  'Upgrade',
  'HTTP2-Settings',
  'Proxy-Connection',
  'Proxy-Authorization',
  'Proxy-Authenticate',
]

const MARK = 'from-the-client'

export const stripped: readonly Case[] = STRIPPED.map((name) =>
  forwarded(
    `${name} of a client ends at the agent`,
    line('A: b', `${name}: ${MARK}`, 'C: d'),
    // Values, because the agent sets some of these names itself.
    {
      ...arrives('GET /x', {
        has: [
          ['a', 'b'],
          ['c', 'd'],
        ],
      }),
      lacksValue: MARK,
    },
  ),
)
