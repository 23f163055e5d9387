/**
 * What the requests of a case file are made of: keys of this run, and the tokens, proofs and signatures that they make.
 *
 * No key is kept anywhere: a file names keys by aliases, and every run makes its own.
 *
 * Sources: RFC 7515 (JWS), RFC 7517 (JWK), RFC 9449 (proofs), RFC 9421 (signatures).
 *
 * @module
 */
import { createHmac, hash, randomUUID, sign } from 'node:crypto'
import {
  caseHeaders,
  caseTarget,
  type CaseCredential,
  type CaseFile,
  type CaseProof,
  type CaseRequest,
  type CaseSignature,
  type CaseToken,
} from '#core/cases.ts'
import { normalise } from '#core/normalise.ts'
import type { SignatureAlgorithm } from '#core/tokens/jws.ts'
import type { JsonObject } from '#core/tokens/strict-json.ts'
import { generate, type JsonWebKey, kindOf, type KeyPair, signature, spoilt, thumbprint } from './case-keys.ts'

/** A request as it is sent. */
export interface SentCase {
  readonly target: string
  /** Without Host. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

export interface CaseMaterial {
  /** Objects of the file, with public keys and addresses in them. */
  readonly objects: CaseFile['objects']
  /** Makes everything that a request carries, at this time. */
  sent(request: CaseRequest, nowMs: number): SentCase
  /** What the issuer says about a token when it is asked (RFC 7662 section 2.2). */
  introspect(text: string): JsonObject
  /** Public key of a credential that signs with Ed25519, in PEM. */
  publicKey(credential: CaseCredential): string
  /** Secret of one that signs with HMAC. */
  secret(credential: CaseCredential): Buffer
}

interface Surroundings {
  /** When it is made, in milliseconds since 1970-01-01 UTC. */
  readonly nowMs: number
  /** Where issuers are asked about tokens. */
  readonly introspectionUrl?: string
  /** SHA-256 of a client certificate, in hexadecimal. */
  readonly certificateSha256?: (alias: string) => string
}

/** Stands for the certificate of a client where there is none: of its alias. */
export function fakeCertificateSha256(alias: string): string {
  return hash('sha256', `certificate ${alias}`)
}

export function caseMaterial(file: CaseFile, around: Surroundings): CaseMaterial {
  const { introspectionUrl = 'http://127.0.0.1:1/introspect', certificateSha256 = fakeCertificateSha256 } = around
  const pairs = new Map<string, KeyPair>()
  const opaque = new Map<string, JsonObject>()

  const pair = (alias: string, algorithm: SignatureAlgorithm): KeyPair =>
    pairs.getOrInsertComputed(`${alias} ${kindOf(algorithm)}`, () => generate(algorithm))
  const publicJwk = (alias: string, algorithm: SignatureAlgorithm): JsonWebKey =>
    pair(alias, algorithm).publicKey.export({ format: 'jwk' })
  const objects = file.objects.map((object) => ({
    ...object,
    spec: filled(object.spec, (text) => {
      if (text === '{introspection}') return introspectionUrl
      const [, days] = /^\{day:([+-][0-9])\}$/.exec(text) ?? []
      if (days !== undefined) return dayOf(around.nowMs + Number(days) * DAY_MS)
      const [, alias, algorithm = 'ES256'] = /^\{jwk:([0-9A-Za-z]+)(?::([A-Z0-9a-z]+))?\}$/.exec(text) ?? []
      if (alias === undefined) return text
      return { ...publicJwk(alias, algorithm as SignatureAlgorithm), kid: alias, alg: algorithm, use: 'sig' }
    }) as CaseFile['objects'][number]['spec'],
  }))

  function issuerOf({ issuer }: CaseToken) {
    const object = objects.find(({ kind, name }) => kind === 'issuer' && name === issuer)
    if (object === undefined) throw new Error(`the file has no issuer ${issuer}`)
    return object.spec as { issuer: string; audiences: readonly string[]; introspection?: unknown }
  }

  function claimsOf(token: CaseToken, nowMs: number): JsonObject {
    const { issuer, audiences } = issuerOf(token)
    return members(
      { iss: issuer, aud: audiences[0], exp: '+300', iat: '-5', ...cnfOf(token), ...token.claims },
      token,
      nowMs,
    )
  }

  function cnfOf({ bound_to: to, algorithm }: CaseToken): JsonObject {
    if (to === undefined) return {}
    if ('key' in to) return { cnf: { jkt: thumbprint(publicJwk(to.key, algorithm)) } }
    return { cnf: { 'x5t#S256': Buffer.from(certificateSha256(to.certificate), 'hex').toString('base64url') } }
  }

  function tokenText(token: CaseToken, nowMs: number): string {
    const claims = claimsOf(token, nowMs)
    if (issuerOf(token).introspection !== undefined) {
      const text = `opaque-${token.alias}-${randomUUID()}`
      opaque.set(text, { active: token.active, ...(token.active && claims) })
      return text
    }
    const { algorithm, fault, key } = token
    const alg = fault === 'unsigned' ? 'none' : fault === 'hmac' ? 'HS256' : algorithm
    const header = without({ alg, typ: 'at+jwt', kid: key, ...token.header }, token.header_without)
    const signed = `${encoded(header)}.${encoded(claims)}`
    if (fault === 'unsigned') return `${signed}.`
    const secret = pair(key, algorithm).publicKey.export({ type: 'spki', format: 'pem' })
    if (fault === 'hmac') return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
    const bytes = signature(signed, pair(token.signed_with ?? key, algorithm).privateKey, algorithm)
    const text = `${signed}.${spoilt(bytes, fault === 'signature').toString('base64url')}`
    return fault === 'truncated' ? text.slice(0, text.lastIndexOf('.')) : text
  }

  function proofText(proof: CaseProof, request: CaseRequest, token: string, nowMs: number): string {
    const { host, target, method, scheme } = request
    const jwk = publicJwk(proof.key, 'ES256')
    const claims = {
      jti: randomUUID(),
      htm: method,
      htu: `${scheme}://${host ?? ''}${target.split('?')[0]}`,
      iat: '-1',
      ath: hash('sha256', token, 'base64url'),
      ...proof.claims,
    }
    const header = { alg: 'ES256', typ: 'dpop+jwt', jwk, ...proof.header }
    const signed = `${encoded(header)}.${encoded(members(claims, proof, nowMs))}`
    const bytes = signature(signed, pair(proof.key, 'ES256').privateKey, 'ES256')
    return `${signed}.${spoilt(bytes, proof.fault === 'signature').toString('base64url')}`
  }

  /** Both fields of a signature, over what the request is. */
  function signatureFields(of: CaseSignature, request: CaseRequest, sent: SentCase, nowMs: number) {
    const credential = one(file.credentials, of.credential)
    const created = Math.floor(nowMs / 1_000) + Number(of.created)
    const names = of.covered.map((name) => `"${name}"`).join(' ')
    const parameters = `(${names});created=${created};keyid="${of.named ?? of.credential}";nonce="${randomUUID()}"`
    const lines = of.covered.map((name) => `"${name}": ${componentOf(name, request, sent)}\n`)
    const base = Buffer.from(`${lines.join('')}"@signature-params": ${parameters}`, 'latin1')
    const bytes =
      credential.signing_key === 'hmac-sha256'
        ? createHmac('sha256', secret(credential)).update(base).digest()
        : sign(null, base, pair(credential.alias, 'EdDSA').privateKey)
    return {
      input: `sig=${parameters}`,
      signature: `sig=:${spoilt(bytes, of.fault === 'signature').toString('base64')}:`,
    }
  }

  const secret = ({ alias }: CaseCredential): Buffer => Buffer.from(`the secret of ${alias}, which is long enough`)

  return {
    objects,
    introspect: (text) => opaque.get(text) ?? { active: false },
    publicKey: ({ alias }) => pair(alias, 'EdDSA').publicKey.export({ type: 'spki', format: 'pem' }) as string,
    secret,
    sent: (request, nowMs) => {
      const made = new Map<string, string>()
      const make = (kind: string, alias: string): string =>
        made.getOrInsertComputed(`${kind} ${alias}`, () => {
          if (kind === 'token') return tokenText(one(file.tokens, alias), nowMs)
          const proof = one(file.proofs, alias)
          return proofText(proof, request, make('token', proof.token), nowMs)
        })
      const target = caseTarget(file, request)
      const first = caseHeaders(file, request).map(([name, value]): readonly [string, string] => [
        name,
        value.replaceAll(/\{(token|proof):([0-9A-Za-z]+)\}/g, (_, kind: string, alias: string) => make(kind, alias)),
      ])
      const signatures = new Map<string, ReturnType<typeof signatureFields>>()
      const headers = first.map(([name, value]): readonly [string, string] => [
        name,
        value.replaceAll(/\{(signature|signature-input):([0-9A-Za-z]+)\}/g, (_, field: string, alias: string) => {
          const fields = signatures.getOrInsertComputed(alias, () =>
            signatureFields(one(file.signatures, alias), request, { target, headers: first }, nowMs),
          )
          return field === 'signature' ? fields.signature : fields.input
        }),
      ])
      return { target, headers }
    },
  }
}

const DAY_MS = 86_400_000

/** As policies write the days of the week. */
function dayOf(ms: number): string {
  return new Date(ms).toUTCString().slice(0, 3).toLowerCase()
}

function one<T extends { readonly alias: string }>(all: readonly T[], alias: string): T {
  const found = all.find((each) => each.alias === alias)
  if (found === undefined) throw new Error(`the file has no ${alias}`)
  return found
}

/** Texts of a document, each as `fill` says. */
function filled(value: unknown, fill: (text: string) => unknown): unknown {
  if (typeof value === 'string') return fill(value)
  if (Array.isArray(value)) return value.map((each) => filled(each, fill))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, filled(each, fill)]))
}

const TIMES = ['exp', 'nbf', 'iat']

/** Claims with their times, without those that are to lack. */
function members(
  claims: JsonObject,
  { without: lacking }: { readonly without: readonly string[] },
  nowMs: number,
): JsonObject {
  const entries = Object.entries(claims).map(([name, value]): [string, unknown] => {
    const isTime = TIMES.includes(name) && typeof value === 'string' && /^[+-][0-9]+$/.test(value)
    return [name, isTime ? Math.floor(nowMs / 1_000) + Number(value) : value]
  })
  return without(Object.fromEntries(entries), lacking)
}

function without(of: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(of).filter(([name]) => !names.includes(name)))
}

const encoded = (value: JsonObject): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function componentOf(name: string, request: CaseRequest, { target, headers }: SentCase): string {
  const fields = new Map([
    ['host', request.host ?? ''],
    ...headers.map(([field, value]) => [field.toLowerCase(), value] as const),
  ])
  const head = { ...request, target, header: (field: string) => [fields.get(field) ?? []].flat() }
  const read = normalise(head)
  if (read.kind === 'refused') throw new Error(`a request that is ${read.reason} cannot be signed`)
  const { method, host, path, query, scheme } = read.facts
  const derived: Readonly<Record<string, string>> = {
    '@method': method,
    '@authority': host,
    '@scheme': scheme,
    '@path': path,
    '@query': query === '' ? '?' : query,
    '@request-target': path + query,
    '@target-uri': `${scheme}://${host}${path}${query}`,
  }
  return derived[name] ?? fields.get(name) ?? ''
}
