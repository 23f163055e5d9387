/**
 * Forms of the target and of `Host`: which is asked, and what the service is asked for.
 *
 * Source: RFC 9112 section 3.2, RFC 9110 sections 4.2 and 7.2, RFC 3986.
 *
 * @module
 */
import { arrives, type Case, denied, forwarded, HOST, malformed, mayArrive, mixed, tooLarge } from './case.ts'

const get = (target: string, method = 'GET'): string => `${method} ${target} HTTP/1.1\r\n${HOST}\r\n`
const hosted = (...lines: readonly string[]): string =>
  `GET /x HTTP/1.1\r\n${lines.map((each) => `${each}\r\n`).join('')}\r\n`

const refusedTargets: readonly (readonly [title: string, target: string, method?: string])[] = [
  ['the absolute form', 'http://api.example.com/'],
  ['the absolute form of another host', 'http://other.example.com/'],
  ['the absolute form with https', 'https://api.example.com/'],
  ['the absolute form without a path', 'http://api.example.com'],
  ['the absolute form with a query only', 'http://api.example.com?x=y'],
  ['the absolute form with user information', 'http://a:b@api.example.com/'],
  ['the absolute form of a file', 'file:///etc/passwd'],
  ['the absolute form with a strange scheme', 'xyz:/x'],
  ['the authority form', 'api.example.com:443'],
  ['the authority form with CONNECT', 'api.example.com:443', 'CONNECT'],
  ['the asterisk form', '*', 'OPTIONS'],
  ['the asterisk form with GET', '*'],
  ['an asterisk with a slash in front', '/*/../x', 'OPTIONS'],
  ['a path without a slash', 'x'],
  ['a query without a path', '?x=y'],
  ['a fragment', '/x#y'],
  ['a fragment in the query', '/x?y#z'],
  ['a fragment alone', '#'],
  ['two slashes in front', '//api.example.com/x'],
  ['two slashes inside', '/x//y'],
  ['a slash and an at sign', '@evil.example.com/'],
  ['a back-slash in front', '\\x'],
  ['a back-slash inside', '/x\\y'],
  ['a back-slash in the query', '/x?y=\\'],
  ['a semicolon', '/x;y=z'],
  ['a dot segment', '/x/./y'],
  ['a dot-dot segment', '/x/../y'],
  ['an encoded dot segment', '/x/%2e%2e/y'],
  ['an encoded slash', '/x%2fy'],
  ['an encoded back-slash', '/x%5cy'],
  ['an encoded NUL', '/x%00'],
  ['an encoded CR and LF', '/x%0d%0aX:%20y'],
  ['an encoded semicolon', '/x%3by'],
  ['an encoding without digits', '/x%'],
  ['an encoding with one digit', '/x%4'],
  ['an encoding with no digits', '/x%zz'],
  ['an encoding in the style of IIS', '/x%u002f'],
  ['an encoding without digits in the query', '/x?y=%'],
  ['an encoding with no digits in the query', '/x?y=%gg'],
  ['an encoding of an encoding', '/x%252e'],
  ['an overlong slash', '/x%c0%af'],
  ['an encoded byte that is no UTF-8', '/x%ff'],
  ['an encoded surrogate', '/x%ed%a0%80'],
  ['half an encoded character', '/x%c3'],
  ['a brace', '/x{y}'],
  ['a less-than sign', '/x<y'],
  ['a quote', '/x"y'],
  ['a caret', '/x^y'],
  ['a back-tick', '/x`y'],
]

/** What arrives, where it is written differently. */
const servedTargets: readonly (readonly [title: string, target: string, arrived?: string])[] = [
  ['a path', '/x'],
  ['the root', '/'],
  ['an empty query', '/?'],
  ['a query with everything', '/x?a=1&b=%2F..%2f&c[]=2&d={"e":|f|}&g=`^&&=h?i/j;k'],
  ['two question marks', '/x?y?z'],
  ['an encoded letter', '/%61', '/a'],
  ['an encoded tilde', '/%7Ex', '/~x'],
  ['an encoded space', '/a%20b'],
  ['encoded UTF-8', '/%c3%a9', '/%C3%A9'],
  ['an encoded percent sign', '/100%25'],
  ['brackets, which browsers send', '/x[1]', '/x%5B1%5D'],
  ['a bar, which browsers send', '/x|y', '/x%7Cy'],
  ['dots inside a segment', '/a..b/..c/d...'],
  ['three dots', '/.../x'],
  ['a hidden file', '/.well-known/x'],
  ['a slash at the end', '/x/'],
  ['sub-delimiters', "/!$&'()*+,=:@-._~"],
  ['a colon in the first segment', '/a:b'],
  ['a path of 8,000 bytes', `/${'x'.repeat(7_999)}`],
  ['a query of 8,000 bytes', `/x?${'y'.repeat(8_000)}`],
]

const refusedHosts: readonly (readonly [title: string, ...lines: string[]])[] = [
  ['no Host'],
  ['two Hosts', 'Host: api.example.com', 'Host: other.example.com'],
  ['two equal Hosts', 'Host: api.example.com', 'Host: api.example.com'],
  ['two Hosts in another case', 'Host: api.example.com', 'hOST: other.example.com'],
  ['an empty Host', 'Host:'],
  ['an empty Host and a good one', 'Host:', 'Host: api.example.com'],
  ['a Host of spaces', 'Host:   '],
  ['a list of Hosts', 'Host: api.example.com, other.example.com'],
  ['two Hosts with a space between', 'Host: api.example.com other.example.com'],
  ['two Hosts with a tab between', 'Host: api.example.com\tother.example.com'],
  ['a Host with a path', 'Host: api.example.com/x'],
  ['a Host with a query', 'Host: api.example.com?x'],
  ['a Host with a fragment', 'Host: api.example.com#x'],
  ['a Host with user information', 'Host: x@api.example.com'],
  ['a Host with a scheme', 'Host: http://api.example.com'],
  ['a Host with a back-slash', 'Host: api.example.com\\x'],
  ['a Host in quotes', 'Host: "api.example.com"'],
  ['a Host with an encoding', 'Host: %61pi.example.com'],
  ['a Host with a letter beyond ASCII', 'Host: \xe4pi.example.com'],
  ['a Host with an empty label', 'Host: api..example.com'],
  ['a Host that begins with a dot', 'Host: .api.example.com'],
  ['a Host that is a dot', 'Host: .'],
  ['a Host with two dots at its end', 'Host: api.example.com..'],
  ['a Host with a label of 64 letters', `Host: ${'a'.repeat(64)}.example.com`],
  ['a Host of 300 letters', `Host: ${'abc.'.repeat(75)}example.com`],
  ['a Host with an empty port', 'Host: api.example.com:'],
  ['a Host with a port that is no number', 'Host: api.example.com:http'],
  ['a Host with a port beyond all', 'Host: api.example.com:65536'],
  ['a Host with a negative port', 'Host: api.example.com:-1'],
  ['a Host with two ports', 'Host: api.example.com:1:2'],
  ['a Host with a port and a letter', 'Host: api.example.com:80a'],
  ['a Host with a port and a user', 'Host: api.example.com:80@other.example.com'],
  ['an IPv6 Host without an end', 'Host: [::1'],
  ['an IPv6 Host without brackets', 'Host: ::1'],
  ['an IPv6 Host with a zone', 'Host: [fe80::1%25eth0]'],
  ['an IPv6 Host with text behind', 'Host: [::1]x'],
  ['an asterisk', 'Host: *'],
]

export const targets: readonly Case[] = [
  ...refusedTargets.map(([title, target, method]) =>
    denied(`${title}: ${target}`, get(target, method), [400, 405, 501]),
  ),
  ...servedTargets.map(([title, target, arrived = target]) =>
    forwarded(`${title}: ${target.slice(0, 60)}`, get(target), arrives(`GET ${arrived}`)),
  ),
  denied('a path of 9,000 bytes', get(`/${'x'.repeat(8_999)}`), [400, 414]),
  tooLarge('a target of 17,000 bytes', get(`/${'x'.repeat(17_000)}`), [414, 431]),
]

export const hosts: readonly Case[] = [
  ...refusedHosts.map(([title, ...lines]) => denied(title, hosted(...lines))),
  malformed('a space in front of the colon of Host', hosted('Host : api.example.com')),
  malformed('a folded Host', hosted('Host:', ' api.example.com')),
  malformed('a second Host behind a lone LF', hosted('Host: api.example.com\nHost: other.example.com')),
  malformed('a second Host behind a lone CR', hosted('Host: api.example.com\rHost: other.example.com')),
  malformed('a Host with a NUL', hosted('Host: api.example.com\0.other')),
  malformed('a Host that is the first line and begins with a space', hosted(' Host: api.example.com')),
  denied('HTTP/1.0 without a Host', 'GET /x HTTP/1.0\r\n\r\n'),
  denied(
    'the absolute form does not stand in for Host',
    'GET http://api.example.com/x HTTP/1.1\r\nAccept: */*\r\n\r\n',
  ),
  denied(
    'the absolute form beside another Host',
    'GET http://api.example.com/x HTTP/1.1\r\nHost: other.example.com\r\n\r\n',
  ),
  ...(
    [
      ['in capitals', 'API.Example.COM'],
      ['with a port', 'api.example.com:8443'],
      ['with a dot at its end', 'api.example.com.'],
      ['with an underscore', 'my_api.example.com'],
      ['of one label', 'localhost'],
      ['of an IPv4 address', '127.0.0.1'],
      ['of an IPv6 address', '[::1]'],
      ['of an IPv6 address and a port', '[::1]:8080'],
    ] as const
  ).map(([title, value]) =>
    forwarded(`a Host ${title}`, hosted(`Host: ${value}`), arrives('GET /x', { has: [['x-forwarded-host', value]] })),
  ),
  forwarded('a Host without a space', hosted('Host:api.example.com'), arrives('GET /x')),
  forwarded('a Host in another case', hosted('hOsT: api.example.com'), arrives('GET /x')),
  forwarded('a Host with spaces around', hosted('Host:  \t api.example.com \t'), arrives('GET /x')),
  forwarded('a Host behind other fields', hosted('A: b', 'C: d', 'Host: api.example.com'), arrives('GET /x')),
  forwarded(
    'a field that is called nearly Host',
    hosted('Host: api.example.com', 'Hosts: other.example.com', 'X-Host: other.example.com'),
    arrives('GET /x', { has: [['x-forwarded-host', 'api.example.com']] }),
  ),
  mixed(
    'a lookalike of Host',
    hosted('Host: api.example.com', 'Host.: other.example.com'),
    mayArrive('GET /x', { has: [['x-forwarded-host', 'api.example.com']] }),
  ),
]
