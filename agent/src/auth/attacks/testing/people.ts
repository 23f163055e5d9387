/**
 * Who there is: consumers, their keys, certificates and signing keys, and the objects that admit them.
 *
 * @module
 */
import { generateKeyPairSync, hash, type KeyObject, randomBytes } from 'node:crypto'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { caseKey, formatApiKey, type ObjectInput } from '@headgate/core'
import {
  createAuthority,
  createCertificateRequest,
  createPrivateKeyDer,
  issueClientCertificate,
  pem,
  readCertificateRequest,
} from '@headgate/kit/pki.ts'
import {
  type ApiKey,
  ApiKeySchema,
  ConsumerSchema,
  type Credential,
  CredentialSchema,
  CredentialState,
  type Directory,
  DirectorySchema,
} from '@headgate/proto'
import { ENVIRONMENT_ID } from '#agent/testing/agent.ts'
import { authority, ca, certificate, clientCertificate, issue } from '#agent/testing/tls.ts'
import { AUDIENCE, ISSUER, issuerKeys, jwkOf, OTHER_ISSUER, otherIssuerKey } from './forge.ts'

/** Host of all requests. */
export const HOST = 'api.test'
/** Who is asked about tokens, and how it knows the agent. */
export const ASKED_ISSUER = 'https://asked.test'
export const ASKED_SECRET = randomBytes(24).toString('base64url')

/** Texts of API keys by what is the matter with them. */
export const keys = {
  good: caseKey('production', 'good'),
  other: caseKey('production', 'other'),
  admin: caseKey('production', 'admin'),
  joined: caseKey('production', 'joined'),
  disabled: caseKey('production', 'disabled'),
  revoked: caseKey('production', 'revoked'),
  expired: caseKey('production', 'expired'),
  decoy: caseKey('production', 'decoy'),
  elsewhere: caseKey('production', 'elsewhere'),
  sleepy: caseKey('production', 'sleepy'),
  orphan: caseKey('production', 'orphan'),
  unset: caseKey('production', 'unset'),
  unknown: formatApiKey('production', 'Z'.repeat(30)),
  staging: caseKey('staging', 'good'),
} as const

/** Keys that sign requests. */
export const signingKeys = {
  ed25519: generateKeyPairSync('ed25519'),
  revoked: generateKeyPairSync('ed25519'),
  secret: randomBytes(32).toString('base64url'),
  globexSecret: randomBytes(32).toString('base64url'),
} as const

/** A certificate of the trusted authority with any name. */
export async function certificateNamed(uri: string): Promise<{ readonly cert: string; readonly key: string }> {
  const key = await createPrivateKeyDer()
  const request = await readCertificateRequest(await createCertificateRequest(key))
  if (request.kind === 'invalid') throw new Error(request.problem)
  const subject = { publicKey: request.publicKey, uri, nowMs: Date.now(), lifeMs: 3_600_000 }
  return {
    cert: pem('CERTIFICATE', await issueClientCertificate(authority, subject)),
    key: pem('PRIVATE KEY', key),
  }
}

const strangers = await createAuthority({ name: 'authority of nobody', nowMs: Date.now(), lifeMs: 3_600_000 })

/** Certificates of clients. All of one authority name `spiffe://acme/ci`; `none`: over TLS without one. */
export const clients = {
  acme: await clientCertificate(),
  globex: await clientCertificate(),
  stranger: await clientCertificate(strangers),
  expired: await clientCertificate(undefined, { nowMs: Date.now() - 7_200_000, lifeMs: 60_000 }),
  none: { cert: '', key: '' },
} as const

const key = (alias: keyof typeof keys, more: object = {}): ApiKey =>
  create(ApiKeySchema, {
    id: `key_of_${alias}`,
    consumerId: 'cns_acme',
    sha256: hash('sha256', keys[alias], 'buffer'),
    state: CredentialState.ACTIVE,
    scopes: ['orders:read'],
    last4: 'abcd',
    ...more,
  })

const pemOf = (pair: { publicKey: KeyObject }): string => pair.publicKey.export({ type: 'spki', format: 'pem' })

export function directory(): Directory {
  return create(DirectorySchema, {
    environmentId: ENVIRONMENT_ID,
    sequence: 1n,
    consumers: [
      create(ConsumerSchema, { id: 'cns_acme', name: 'acme' }),
      create(ConsumerSchema, { id: 'cns_globex', name: 'globex' }),
      create(ConsumerSchema, { id: 'cns_sleepy', name: 'sleepy', disabled: true }),
    ],
    apiKeys: [
      key('good'),
      key('other', { consumerId: 'cns_globex' }),
      key('admin', { scopes: ['admin'] }),
      key('joined', { scopes: ['orders:read admin'] }),
      key('disabled', { state: CredentialState.DISABLED }),
      key('revoked', { state: CredentialState.REVOKED }),
      key('expired', { expiresAtMs: BigInt(Date.now() - 1_000) }),
      key('decoy', { decoy: true }),
      key('elsewhere', { addresses: ['10.0.0.0/8'] }),
      key('sleepy', { consumerId: 'cns_sleepy' }),
      key('orphan', { consumerId: 'cns_nobody' }),
      key('unset', { state: CredentialState.UNSPECIFIED }),
    ],
    credentials: [
      credential('ci', { case: 'certificate', value: { identity: 'uri:spiffe://acme/ci' } }),
      credential('ed', { case: 'signingKey', value: ed25519('ed', signingKeys.ed25519) }),
      credential('gone', { case: 'signingKey', value: ed25519('gone', signingKeys.revoked) }, CredentialState.REVOKED),
      credential('hmac', { case: 'signingKey', value: hmac('hmac', 'env://ACME_SECRET') }),
      credential('globex', { case: 'signingKey', value: hmac('globex', 'env://GLOBEX_SECRET') }),
      credential('lost', { case: 'signingKey', value: hmac('lost', 'env://NOT_THERE') }),
      credential('empty', { case: 'signingKey', value: hmac('empty', 'env://EMPTY') }),
    ],
  })
}

const ed25519 = (keyId: string, pair: { publicKey: KeyObject }) =>
  ({ keyId, key: { case: 'ed25519PublicKey', value: pemOf(pair) } }) as const

const hmac = (keyId: string, reference: string) => ({ keyId, key: { case: 'hmacSecret', value: reference } }) as const

type Proof = NonNullable<MessageInitShape<typeof CredentialSchema>['proof']>

function credential(name: string, proof: Proof, state: CredentialState = CredentialState.ACTIVE): Credential {
  const consumerId = name === 'globex' ? 'cns_globex' : 'cns_acme'
  return create(CredentialSchema, { id: `crd_${name}`, consumerId, state, scopes: ['orders:read'], proof })
}

/** What `env://` finds on the agent. */
export const secretsOfAgent: Readonly<Record<string, string>> = {
  ACME_SECRET: signingKeys.secret,
  GLOBEX_SECRET: signingKeys.globexSecret,
  EMPTY: '',
  ASKED_SECRET,
}

/** What the service `told` is told, beside the name of the consumer. */
const IDENTITY = {
  headers: { consumer: 'x-headgate-consumer', scopes: 'x-scopes' },
  claims: [{ claim: 'email', header: 'x-email' }],
}

type Draft = Omit<ObjectInput, 'origin'>

/** @param asked where the issuer is that is asked about tokens. */
export async function objects(service: string, asked: string): Promise<Draft[]> {
  const jwks = { keys: Object.entries(issuerKeys).map(([kid, pair]) => ({ ...jwkOf(pair), kid })) }
  const otherJwks = { keys: [{ ...jwkOf(otherIssuerKey), kid: 'es' }] }
  const algorithms = ['ES256', 'RS256', 'PS256', 'EdDSA']
  const issuer = (name: string, spec: object): Draft => {
    return { kind: 'issuer', name, spec: { audiences: [AUDIENCE], algorithms, ...spec } }
  }
  const route = (name: string, credentials: readonly object[], more: object = {}, of = 'shop'): Draft[] => [
    { kind: 'route', name, spec: { service: of, path: `/${name}`, exposure: 'public' } },
    {
      kind: 'policy',
      name: `rule-of-${name}`,
      spec: { type: 'access', on: { route: name }, credentials, scopes: ['orders:read'], ...more },
    },
  ]
  const jwt = { kind: 'jwt', issuer: 'id' }
  const apiKey = { kind: 'api_key' }
  const signed = { kind: 'signature', covered: ['@method', '@authority', '@path', '@query'], age_ms_max: 60_000 }
  const question = {
    url: `${asked}/introspect`,
    client: { method: 'client_secret_basic', client_id: 'agent', secret: 'env://ASKED_SECRET' },
    cache_ms: 0,
  }
  return [
    { kind: 'service', name: 'shop', spec: { owner: 'team', targets: [{ url: service }] } },
    { kind: 'service', name: 'told', spec: { owner: 'team', targets: [{ url: service }], identity: IDENTITY } },
    { kind: 'role', name: 'boss', spec: { scopes: ['admin'] } },
    issuer('id', { issuer: ISSUER, keys: { jwks } }),
    issuer('brief', { issuer: ISSUER, keys: { jwks }, token_life_ms_max: 600_000 }),
    issuer('other', { issuer: OTHER_ISSUER, keys: { jwks: otherJwks } }),
    issuer('asked', { issuer: ASKED_ISSUER, introspection: question, private_addresses: true }),
    ...route('jwt', [jwt]),
    ...route('dpop', [jwt]),
    ...route('told', [jwt], {}, 'told'),
    ...route('brief', [{ kind: 'jwt', issuer: 'brief' }]),
    ...route('both', [jwt, { kind: 'jwt', issuer: 'other' }, apiKey]),
    ...route('bound', [{ ...jwt, dpop: 'require' }]),
    ...route('admin', [jwt], { scopes: ['admin'] }),
    ...route('bosses', [jwt], { scopes: [], roles: ['boss'] }),
    ...route('keys', [apiKey]),
    ...route('key-admin', [apiKey], { scopes: ['admin'] }),
    ...route('query', [{ ...apiKey, query: 'api_key' }]),
    ...route('signed', [signed]),
    ...route('signed-or-key', [signed, apiKey]),
    ...route('opaque', [{ kind: 'introspection', issuer: 'asked' }]),
    ...route('mtls', [{ kind: 'mtls', identities: ['uri'] }]),
    ...route('mtls-or-more', [{ kind: 'mtls', identities: ['uri'] }, jwt, apiKey, signed]),
    await certificate('shop', HOST, await issue(HOST), { client_certificates: { mode: 'optional', ca } }),
  ]
}
