/**
 * Signatures over requests that prove something else, or too little.
 *
 * Sources: RFC 9421 section 2, 3.2 and 7 (security considerations), RFC 9651 section 3.
 *
 * @module
 */
import { generateKeyPairSync } from 'node:crypto'
import { type Attack, type AttackRequest, admitted, keyed, plain, refused } from '#agent/auth/attacks/attack.ts'
import { nowS } from '#agent/auth/attacks/testing/forge.ts'
import { keys, signingKeys } from '#agent/auth/attacks/testing/people.ts'
import {
  ALL,
  signatureFields,
  signedRequest,
  type Signing,
  withEd25519,
  withHmac,
} from '#agent/auth/attacks/testing/sign.ts'

const INVALID = 'signature_invalid'
const nobody = generateKeyPairSync('ed25519')

const signings: readonly (readonly [name: string, expected: Parameters<typeof refused>[1], signing: () => Signing])[] =
  [
    ['over the method only', 'signature_insufficient', () => ({ covered: ['"@method"'] })],
    ['that leaves out the method', 'signature_insufficient', () => ({ covered: ALL.slice(1) })],
    ['that leaves out the host', 'signature_insufficient', () => ({ covered: ['"@method"', '"@path"', '"@query"'] })],
    ['that leaves out the query', 'signature_insufficient', () => ({ covered: ALL.slice(0, 3) })],
    [
      'over a field instead of the parts',
      'signature_insufficient',
      () => ({ covered: ['"x-a"'], fields: [['x-a', '1']] }),
    ],
    ['over nothing', INVALID, () => ({ covered: [] })],
    ['over a part twice', INVALID, () => ({ covered: [...ALL, '"@path"'] })],
    ['over a field that is not there', INVALID, () => ({ covered: [...ALL, '"x-missing"'] })],
    ['over a field in capitals', INVALID, () => ({ covered: [...ALL, '"X-A"'], fields: [['x-a', '1']] })],
    ['over the status of an answer', INVALID, () => ({ covered: [...ALL, '"@status"'] })],
    ['over a part that nobody knows', INVALID, () => ({ covered: [...ALL, '"@everything"'] })],
    ['over one parameter of the query', INVALID, () => ({ covered: [...ALL, '"@query-param";name="a"'] })],
    ['over a field in another form', INVALID, () => ({ covered: [...ALL, '"x-a";bs'], fields: [['x-a', '1']] })],
    ['over a field of another message', INVALID, () => ({ covered: [...ALL, '"x-a";req'], fields: [['x-a', '1']] })],
    ['over a trailer', INVALID, () => ({ covered: [...ALL, '"x-a";tr'], fields: [['x-a', '1']] })],
    ['over its own parameters', INVALID, () => ({ covered: [...ALL, '"@signature-params"'] })],
    ['of an hour ago', 'signature_expired', () => ({ created: nowS() - 3_600 })],
    ['from in a minute', 'signature_expired', () => ({ created: nowS() + 60 })],
    ['from before 1970', 'signature_expired', () => ({ created: -1 })],
    ['that has ended', 'signature_expired', () => ({ more: `;expires=${nowS() - 1}` })],
    ['that ends before it begins', 'signature_expired', () => ({ more: ';expires=1' })],
    ['whose end is a text', INVALID, () => ({ more: ';expires="9999999999"' })],
    ['without a time', INVALID, () => ({ parameters: ';keyid="ed"' })],
    ['with a time in a text', INVALID, () => ({ parameters: `;created="${nowS()}";keyid="ed"` })],
    ['with a time that is true', INVALID, () => ({ parameters: ';created;keyid="ed"' })],
    ['without a key', INVALID, () => ({ parameters: `;created=${nowS()}` })],
    ['with a key that is a word', INVALID, () => ({ parameters: `;created=${nowS()};keyid=ed` })],
    ['with an empty key', INVALID, () => ({ keyId: '' })],
    ['with a key of nobody', 'credential_unknown', () => ({ keyId: 'mallory' })],
    ['with a key in other letters', 'credential_unknown', () => ({ keyId: 'ED' })],
    ['with a prototype for a key', 'credential_unknown', () => ({ keyId: '__proto__' })],
    ['with a path for a key', 'credential_unknown', () => ({ keyId: '../../dev/null' })],
    ['with the id of a credential for a key', 'credential_unknown', () => ({ keyId: 'crd_ed' })],
    ['under the name of somebody else’s key', INVALID, () => ({ keyId: 'globex' })],
    ['under the name of a key of another kind', INVALID, () => ({ keyId: 'hmac' })],
    ['by a key of nobody under a name of ours', INVALID, () => ({ signer: withEd25519(nobody.privateKey) })],
    [
      'by the shared secret of somebody else',
      INVALID,
      () => ({ keyId: 'hmac', signer: withHmac(signingKeys.globexSecret) }),
    ],
    ['by an empty secret', INVALID, () => ({ keyId: 'hmac', signer: withHmac('') })],
    [
      'by the public key for a secret',
      INVALID,
      () => ({ signer: withHmac(signingKeys.ed25519.publicKey.export({ type: 'spki', format: 'pem' })) }),
    ],
    [
      'by a key whose secret the agent does not have',
      'credential_unavailable',
      () => ({ keyId: 'lost', signer: withHmac('') }),
    ],
    ['by a key whose secret is empty', 'credential_unavailable', () => ({ keyId: 'empty', signer: withHmac('') })],
    [
      'by a key that was revoked',
      'credential_revoked',
      () => ({ keyId: 'gone', signer: withEd25519(signingKeys.revoked.privateKey) }),
    ],
    ['that says that it is HMAC', INVALID, () => ({ more: ';alg="hmac-sha256"' })],
    ['that says that it is RSA', INVALID, () => ({ more: ';alg="rsa-v1_5-sha256"' })],
    ['that says that it is nothing', INVALID, () => ({ more: ';alg=""' })],
    ['that says that it is none', INVALID, () => ({ more: ';alg="none"' })],
    ['of zeros', INVALID, () => ({ signer: () => Buffer.alloc(64) })],
    ['of no bytes', INVALID, () => ({ signer: () => Buffer.alloc(0) })],
    [
      'of half the bytes of HMAC',
      INVALID,
      () => ({ keyId: 'hmac', signer: (base) => withHmac()(base).subarray(0, 16) }),
    ],
    ['of a byte more', INVALID, () => ({ signer: (base) => Buffer.concat([withEd25519()(base), Buffer.alloc(1)]) })],
    ['that was made for another method', INVALID, () => ({ send: { method: 'DELETE' } })],
    ['that was made for another path', INVALID, () => ({ send: { target: '/signed-or-key' } })],
    ['that was made for another query', INVALID, () => ({ send: { target: '/signed?admin=1' } })],
  ]

/** Two signatures of which both would count. */
function twoLabels(): AttackRequest {
  const [first, second] = [signatureFields({}, 'a'), signatureFields({}, 'b')]
  const joined = (name: string): string =>
    [...first, ...second]
      .filter(([each]) => each === name)
      .map(([, value]) => value)
      .join(', ')
  return plain('/signed', [
    ['signature-input', joined('signature-input')],
    ['signature', joined('signature')],
  ])
}

const exact = (fields: () => readonly (readonly [string, string])[]): (() => AttackRequest) => {
  return () => plain('/signed', fields())
}

const valueOf = (fields: readonly (readonly [string, string])[], name: string): string =>
  fields.find(([each]) => each === name)?.[1] ?? ''

export const signedRequests: readonly Attack[] = [
  admitted('a request that is signed by Ed25519', () => signedRequest()),
  admitted('a request that is signed with a shared secret', () => signedRequest({ keyId: 'hmac', signer: withHmac() })),
  admitted('a request that is signed with its query and a field', () =>
    signedRequest({ target: '/signed?a=b', covered: [...ALL, '"x-a"'], fields: [['x-a', 'one']] }),
  ),
  admitted('a signature that says how and until when', () =>
    signedRequest({ more: `;alg="ed25519";expires=${nowS() + 60};nonce="n"` }),
  ),
  ...signings.map(([name, expected, signing]) =>
    refused(`a signature ${name}`, expected, () => signedRequest(signing())),
  ),
  refused('a field that was changed behind its signature', INVALID, () => {
    const fields = [['x-a', 'one']] as const
    const signature = signatureFields({ covered: [...ALL, '"x-a"'], fields })
    return plain('/signed', [['x-a', 'two'], ...signature])
  }),
  refused('a field that was added beside the one that was signed', INVALID, () => {
    const fields = [['x-a', 'one']] as const
    const signature = signatureFields({ covered: [...ALL, '"x-a"'], fields })
    return plain('/signed', [...fields, ['x-a', 'two'], ...signature])
  }),
  refused('a signature that is used twice', 'signature_replayed', () => {
    const request = signedRequest({ more: ';nonce="twice"' })
    return { ...request, before: request }
  }),
  // What counts once is what was signed, so another label is no other signature.
  refused('a signature that is used twice under another label', 'signature_replayed', () => {
    const signing = { created: nowS(), more: ';nonce="label"' }
    const before = signedRequest(signing)
    return { ...before, fields: signatureFields(signing, 'other'), before }
  }),
  refused('two signatures under two labels', INVALID, twoLabels),
  // RFC 9651 keeps the last of two members with one name; whoever reads on behind us may keep the first.
  ...[0, 1].map((which) =>
    refused(`what is described twice under one label, rightly the ${['first', 'second'][which]} time,`, INVALID, () => {
      const [weak, right] = [signatureFields({ covered: ['"@method"'] }), signatureFields({})]
      const described = [valueOf(weak, 'signature-input'), valueOf(right, 'signature-input')]
      const written = which === 0 ? described.toReversed() : described
      return plain('/signed', [
        ['signature-input', written.join(', ')],
        ['signature', valueOf(right, 'signature')],
      ])
    }),
  ),
  refused('one text signed twice under one label', INVALID, () => {
    const fields = signatureFields({})
    const signature = valueOf(fields, 'signature')
    return plain('/signed', [...fields.slice(0, 1), ['signature', `${signature}, ${signature}`]])
  }),
  refused('a time of signing with parts of a second', INVALID, () =>
    signedRequest({ parameters: `;created=${nowS()}.5;keyid="ed"` }),
  ),
  refused(
    'two fields of signatures',
    INVALID,
    exact(() => {
      const fields = signatureFields({})
      return [...fields, ['signature', valueOf(fields, 'signature')]]
    }),
  ),
  refused(
    'two fields that say what was signed',
    INVALID,
    exact(() => {
      const fields = signatureFields({})
      return [...fields, ['signature-input', valueOf(fields, 'signature-input')]]
    }),
  ),
  refused(
    'a signature under another label than it is described',
    INVALID,
    exact(() => {
      const fields = signatureFields({})
      return [fields[0] ?? ['', ''], ['signature', valueOf(fields, 'signature').replace('sig=', 'gis=')]]
    }),
  ),
  refused(
    'a description without a signature',
    INVALID,
    exact(() => signatureFields({}).slice(0, 1)),
  ),
  refused(
    'a signature without a description',
    'credential_missing',
    exact(() => signatureFields({}).slice(1)),
  ),
  refused(
    'a signature that is a text',
    INVALID,
    exact(() => [...signatureFields({}).slice(0, 1), ['signature', 'sig="AAAA"']]),
  ),
  refused(
    'a description that is rubbish',
    INVALID,
    exact(() => [
      ['signature-input', '((('],
      ['signature', 'sig=:AAAA:'],
    ]),
  ),
  refused('a description of five thousand letters', INVALID, () =>
    signedRequest({ more: `;nonce="${'n'.repeat(5_000)}"` }),
  ),
  refused('a signature beside a key', 'credential_repeated', () => {
    const { fields } = signedRequest({ target: '/signed-or-key' })
    return { ...keyed(keys.good, '/signed-or-key'), fields: [...fields, ['x-api-key', keys.good]] }
  }),
  refused('a key of somebody else beside a signature', 'credential_repeated', () => {
    const { fields } = signedRequest({ target: '/signed-or-key' })
    return { ...keyed(keys.other, '/signed-or-key'), fields: [...fields, ['authorization', `Bearer ${keys.other}`]] }
  }),
]
