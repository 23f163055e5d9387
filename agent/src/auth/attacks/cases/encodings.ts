/**
 * Tokens written in another way than the one that they have, and tokens that are no tokens.
 *
 * Sources: RFC 7515 section 2, 7.1 and appendix C, RFC 4648 section 3.5, RFC 6750 section 2.1.
 *
 * @module
 */
import { type Attack, admitted, bearer, plain, refused } from '#agent/auth/attacks/attack.ts'
import { encode, goodClaims, goodHeader, token, tokenUnder, tokenWith } from '#agent/auth/attacks/testing/forge.ts'

const MALFORMED = 'credential_malformed'
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The same bytes with bits behind them that nobody reads. */
function withSpareBits(part: string): string {
  const last = ALPHABET.indexOf(part.at(-1) ?? '')
  return part.slice(0, -1) + ALPHABET.charAt(last + 1)
}

/** Spaces in JSON, so that a part has bits to spare. */
function spare(value: object): string {
  let text = JSON.stringify(value)
  while (Buffer.byteLength(text) % 3 === 0) text += ' '
  return text
}

/** Changes one part of a token that is in order. */
function changed(index: number, change: (part: string) => string): string {
  const parts = token(spare(goodHeader), spare(goodClaims())).split('.')
  parts[index] = change(parts[index] ?? '')
  return parts.join('.')
}

const parts = ['header', 'claims', 'signature'] as const

const perPart: readonly Attack[] = parts.flatMap((name, index) => [
  refused(`padding behind the ${name}`, MALFORMED, () => bearer(changed(index, (part) => `${part}=`))),
  refused(`bits that nobody reads behind the ${name}`, MALFORMED, () => bearer(changed(index, withSpareBits))),
  refused(`a blank in the ${name}`, MALFORMED, () =>
    bearer(changed(index, (part) => `${part.slice(0, 8)} ${part.slice(8)}`)),
  ),
  refused(`a character of the other alphabet in the ${name}`, MALFORMED, () =>
    bearer(changed(index, (part) => `${part.slice(0, 8)}/${part.slice(9)}`)),
  ),
  refused(`a letter that is no ASCII in the ${name}`, MALFORMED, () =>
    bearer(changed(index, (part) => `${part.slice(0, 8)}\u00e9${part.slice(9)}`)),
  ),
  refused(`a ${name} of a length that no bytes have`, MALFORMED, () =>
    bearer(changed(index, (part) => part.slice(0, part.length - (part.length % 4)) + 'A')),
  ),
])

const shapes: readonly (readonly [name: string, text: () => string])[] = [
  ['one part', () => encode(goodHeader)],
  ['two parts', () => tokenWith({}).split('.').slice(0, 2).join('.')],
  ['four parts', () => `${tokenWith({})}.AAAA`],
  ['a point behind it', () => `${tokenWith({})}.`],
  ['a point in front of it', () => `.${tokenWith({})}`],
  ['points only', () => '..'],
  ['no header', () => `.${encode(goodClaims())}.AAAA`],
  ['no claims', () => `${encode(goodHeader)}..AAAA`],
  ['no signature', () => `${tokenWith({}).split('.').slice(0, 2).join('.')}.`],
  ['quotes around it', () => `"${tokenWith({})}"`],
  ['a point as in a URL', () => tokenWith({}).replaceAll('.', '%2E')],
  ['a comma and another one', () => `${tokenWith({})}, ${tokenWith({})}`],
  ['a comma behind it', () => `${tokenWith({})},`],
  ['a word in front of it', () => `token ${tokenWith({})}`],
  ['a parameter', () => `token="${tokenWith({})}"`],
  [
    'the form in JSON',
    () => JSON.stringify({ payload: encode(goodClaims()), protected: encode(goodHeader), signature: 'AAAA' }),
  ],
  ['nothing', () => ''],
  ['blanks', () => '    '],
]

export const encodings: readonly Attack[] = [
  admitted('a token in its one form', () => bearer(changed(0, (part) => part))),
  ...perPart,
  ...shapes.map(([name, text]) =>
    refused(`a token that has ${name}`, MALFORMED, () => {
      const written = text()
      return plain('/jwt', [['authorization', `Bearer ${written}`]], written.trim().length < 16 ? [] : [written])
    }),
  ),
  admitted('a token of nearly eight thousand characters', () => bearer(tokenWith({ more: 'x'.repeat(5_600) }))),
  refused('a token of more than eight thousand characters', MALFORMED, () =>
    bearer(tokenWith({ more: 'x'.repeat(6_200) })),
  ),
  refused('a header of more than two thousand characters', MALFORMED, () =>
    bearer(tokenUnder({ more: 'x'.repeat(2_000) })),
  ),
  refused('a signature of six thousand characters', MALFORMED, () => {
    const [header, claims] = tokenWith({}).split('.')
    return bearer(`${header}.${claims}.${'A'.repeat(8_000)}`)
  }),
]
