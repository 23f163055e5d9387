/**
 * Callers of every kind for tests: releases that accept them, a directory that knows them, and what they present.
 *
 * @module
 */
import { createHmac, generateKeyPairSync, hash, type KeyObject, randomUUID, sign } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { caseKey, type ObjectInput } from '@headgate/core'
import {
  ApiKeySchema,
  ConsumerSchema,
  type Credential,
  CredentialSchema,
  CredentialState,
  type Directory,
  DirectorySchema,
} from '@headgate/proto'
import { ENVIRONMENT_ID } from './agent.ts'
import { type RawResponse, sendRaw } from './raw-client.ts'

type Objects = Omit<ObjectInput, 'origin'>[]

/** Host that all requests of these callers are for. */
export const HOST = 'api.test'

/** One route for everything, with these credentials. @param issuers by name, their specs. */
export function callersRelease(
  serviceUrl: string,
  credentials: readonly object[],
  issuers: Readonly<Record<string, object>> = {},
): Objects {
  return [
    { kind: 'service', name: 'shop', spec: { owner: 'team', targets: [{ url: serviceUrl }] } },
    { kind: 'route', name: 'all', spec: { service: 'shop', path: '/', match: 'prefix' } },
    { kind: 'policy', name: 'callers', spec: { type: 'access', on: { route: 'all' }, credentials } },
    ...Object.entries(issuers).map(([name, spec]) => ({ kind: 'issuer', name, spec })),
  ]
}

export interface DirectoryParts {
  /** Names; `off` is switched off. */
  readonly consumers: readonly string[]
  /** Of the first consumer, by alias (`caseKey`). */
  readonly apiKeys?: readonly string[]
  readonly credentials?: readonly Credential[]
}

export function callersDirectory(
  { consumers, apiKeys = [], credentials = [] }: DirectoryParts,
  sequence = 1n,
): Directory {
  return create(DirectorySchema, {
    environmentId: ENVIRONMENT_ID,
    sequence,
    consumers: consumers.map((name) => create(ConsumerSchema, { id: `cns_${name}`, name, disabled: name === 'off' })),
    apiKeys: apiKeys.map((alias) =>
      create(ApiKeySchema, {
        id: `key_${alias}`,
        consumerId: `cns_${consumers[0]}`,
        sha256: hash('sha256', caseKey('production', alias), 'buffer'),
        state: CredentialState.ACTIVE,
        last4: alias.slice(-4).padStart(4, '0'),
      }),
    ),
    credentials: [...credentials],
  })
}

/** A credential of a consumer. */
export function credentialOf(
  consumer: string,
  proof: Credential['proof'],
  state: CredentialState = CredentialState.ACTIVE,
): Credential {
  return create(CredentialSchema, { id: `crd_${randomUUID()}`, consumerId: `cns_${consumer}`, state, proof })
}

export const certificateOf = (consumer: string, identity: string, state?: CredentialState): Credential =>
  credentialOf(consumer, { case: 'certificate', value: { identity } as never }, state)

/** A pair of keys of an issuer or a caller. */
export interface TestKey {
  readonly privateKey: KeyObject
  /** Public. */
  readonly jwk: Readonly<Record<string, unknown>>
}

export function testKey(kid?: string): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), ...(kid !== undefined && { kid }) } }
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signs by ES256, whatever the header says. */
export function signToken({ privateKey }: TestKey, header: object, claims: object): string {
  const text = `${encode({ alg: 'ES256', typ: 'at+jwt', ...header })}.${encode(claims)}`
  return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

/** A proof of a key for one request (RFC 9449). @param claims that differ. */
export function proofOf(key: TestKey, url: string, token: string | null, claims: object = {}): string {
  const ath = token === null ? {} : { ath: hash('sha256', token, 'base64url') }
  const base = {
    jti: randomUUID(),
    htm: token === null ? 'POST' : 'GET',
    htu: url,
    iat: Math.floor(Date.now() / 1_000),
  }
  return signToken(key, { typ: 'dpop+jwt', jwk: key.jwk }, { ...base, ...ath, ...claims })
}

/** The two fields of a signed GET of `/` (RFC 9421). @param parameters of the signature that differ. */
export function signatureOf(
  key: { readonly id: string; readonly secret: string } | { readonly id: string; readonly privateKey: KeyObject },
  parameters: { readonly created?: number; readonly covered?: readonly string[] } = {},
): readonly string[] {
  const values: Readonly<Record<string, string>> = { '@method': 'GET', '@authority': HOST, '@path': '/', '@query': '?' }
  const { created = Math.floor(Date.now() / 1_000), covered = Object.keys(values) } = parameters
  const list = `(${covered.map((name) => `"${name}"`).join(' ')});created=${created};keyid="${key.id}"`
  const base = [...covered.map((name) => `"${name}": ${values[name]}`), `"@signature-params": ${list}`].join('\n')
  const signature =
    'secret' in key
      ? createHmac('sha256', key.secret).update(base).digest('base64')
      : sign(null, Buffer.from(base), key.privateKey).toString('base64')
  return [`Signature-Input: sig=${list}`, `Signature: sig=:${signature}:`]
}

/** A GET of `/` with these lines of a head. @returns `200`, or the reason of a refusal, with the response. */
export async function call(
  url: string,
  lines: readonly string[] = [],
  localAddress?: string,
): Promise<{ readonly outcome: string; readonly response: RawResponse }> {
  const head = [`GET / HTTP/1.1`, `Host: ${HOST}`, ...lines]
  const response = await sendRaw(url, `${head.join('\r\n')}\r\n\r\n`, 'GET', localAddress)
  return { outcome: outcomeOf(response), response }
}

function outcomeOf({ status, body }: RawResponse): string {
  return status === 200 ? '200' : String((JSON.parse(body) as { code: string }).code)
}

export const bearer = (token: string): string => `Authorization: Bearer ${token}`
