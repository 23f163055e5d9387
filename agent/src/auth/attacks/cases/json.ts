/**
 * Headers and claims that two readers of JSON could read differently. All of them are signed by the issuer: what is
 * refused is the reading, not the signer.
 *
 * Sources: RFC 8259 section 4 and 9, RFC 7519 section 4 (names that are there twice), RFC 8725 section 2.4, 3.7.
 *
 * @module
 */
import { type Attack, admitted, bearer, refused } from '#agent/auth/attacks/attack.ts'
import { goodClaims, goodHeader, token } from '#agent/auth/attacks/testing/forge.ts'

const MALFORMED = 'credential_malformed'

/** A token whose claims are a text: those of a good one, with something in front or behind. */
const written = (change: (inner: string) => string | Uint8Array): string =>
  token(goodHeader, change(JSON.stringify(goodClaims()).slice(1, -1)))

const claims: readonly (readonly [name: string, change: (inner: string) => string | Uint8Array])[] = [
  ['two callers, the false one last', (inner) => `{${inner},"client_id":"globex"}`],
  ['two callers, the false one first', (inner) => `{"client_id":"globex",${inner}}`],
  ['two callers, one of them spelled out', (inner) => `{${inner},"client\\u005fid":"globex"}`],
  ['two callers, the first letter spelled out', (inner) => `{"\\u0063lient_id":"globex",${inner}}`],
  ['two ends', (inner) => `{${inner},"exp":9999999999}`],
  ['two scopes', (inner) => `{"scope":"admin",${inner}}`],
  ['two names further in', (inner) => `{${inner},"act":{"sub":"a","sub":"b"}}`],
  ['two names in a list', (inner) => `{${inner},"list":[{"a":1,"a":2}]}`],
  ['a prototype', (inner) => `{${inner},"__proto__":{"scope":"admin"}}`],
  ['a prototype that is spelled out', (inner) => `{${inner},"\\u005f_proto__":{"scope":"admin"}}`],
  ['a prototype further in', (inner) => `{${inner},"act":{"__proto__":{}}}`],
  ['a constructor', (inner) => `{${inner},"constructor":{"prototype":{"scope":"admin"}}}`],
  ['a comment', (inner) => `{${inner}/* exp */}`],
  ['a comment of one line', (inner) => `{${inner}//\n}`],
  ['a comma at the end', (inner) => `{${inner},}`],
  ['a number that is none', (inner) => `{${inner},"n":NaN}`],
  ['a number without end', (inner) => `{${inner},"n":Infinity}`],
  ['a number with a zero in front', (inner) => `{${inner},"n":01}`],
  ['a number of base sixteen', (inner) => `{${inner},"n":0x10}`],
  ['single quotes', (inner) => `{${inner},'a':1}`],
  ['a name without quotes', (inner) => `{${inner},a:1}`],
  ['a byte order mark', (inner) => `\ufeff{${inner}}`],
  ['a zero byte behind', (inner) => `{${inner}}\u0000`],
  ['another object behind', (inner) => `{${inner}}{"client_id":"globex"}`],
  ['text behind', (inner) => `{${inner}} x`],
  ['a line feed in a text', (inner) => `{${inner},"a":"\n"}`],
  ['a blank that JSON does not know', (inner) => `{${inner}\u00a0}`],
  ['a list around', (inner) => `[{${inner}}]`],
  ['bytes that are no UTF-8', (inner) => Buffer.from(`{${inner},"a":"\u00ff"}`, 'latin1')],
  [
    'a letter that is longer than it needs to be',
    (inner) => Buffer.concat([Buffer.from(`{${inner},"a":"`), Buffer.from([0xc1, 0xa1]), Buffer.from('"}')]),
  ],
  [
    'half a pair in bytes',
    (inner) => Buffer.concat([Buffer.from(`{${inner},"a":"`), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
  ],
  ['two bytes for each letter', (inner) => Buffer.from(`{${inner}}`, 'utf16le')],
  ['lists in lists in lists', (inner) => `{${inner},"a":${'['.repeat(20)}${']'.repeat(20)}}`],
  ['a thousand lists', (inner) => `{${inner},"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}`],
  ['objects in objects', (inner) => `{${inner},"a":${'{"a":'.repeat(20)}1${'}'.repeat(20)}}`],
]

const others: readonly (readonly [name: string, text: string])[] = [
  ['a text', '"claims"'],
  ['null', 'null'],
  ['true', 'true'],
  ['a number', '1'],
  ['an empty text', ''],
  ['half an object', '{"iss":'],
]

const headers: readonly (readonly [name: string, text: string])[] = [
  ['two algorithms, none first', '{"alg":"none","alg":"ES256","kid":"es","typ":"at+jwt"}'],
  ['two algorithms, none last', '{"alg":"ES256","kid":"es","typ":"at+jwt","alg":"none"}'],
  ['two algorithms, one of them spelled out', '{"\\u0061lg":"none","alg":"ES256","kid":"es","typ":"at+jwt"}'],
  ['two names of keys', '{"alg":"ES256","kid":"es","kid":"other","typ":"at+jwt"}'],
  ['a prototype', '{"__proto__":{"kid":"es"},"alg":"ES256","typ":"at+jwt"}'],
  ['an algorithm that is a list', '{"alg":["ES256"],"kid":"es","typ":"at+jwt"}'],
  ['an algorithm that is an object', '{"alg":{"toString":"ES256"},"kid":"es","typ":"at+jwt"}'],
  ['an algorithm that is null', '{"alg":null,"kid":"es","typ":"at+jwt"}'],
  ['an algorithm in capitals beside none', '{"ALG":"none","kid":"es","typ":"at+jwt"}'],
  ['nothing', '{}'],
]

export const json: readonly Attack[] = [
  admitted('JSON with white space', () => bearer(written((inner) => `\n{ ${inner} }\t`))),
  admitted('JSON with a name that is spelled out once', () => bearer(written((inner) => `{${inner},"\\u0061ct":1}`))),
  ...claims.map(([name, change]) => refused(`claims with ${name}`, MALFORMED, () => bearer(written(change)))),
  ...others.map(([name, text]) => refused(`claims that are ${name}`, MALFORMED, () => bearer(token(goodHeader, text)))),
  ...headers.map(([name, text]) =>
    refused(`a header with ${name}`, MALFORMED, () => bearer(token(text, goodClaims()))),
  ),
]
