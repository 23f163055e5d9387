/**
 * Decision cases: a small release, what its directory holds, requests, and what must come of each.
 *
 * `core/cases/*.json` are run by core itself, by a real agent over HTTP and by the control plane's explain, and all
 * three must agree. This file has what the three runners share; none of it is used in production.
 *
 * Requests of a file share the limits of its release and run in order of the file; nothing else connects them.
 *
 * Tokens, proofs and signatures are described here, and made by `testing/case-material.ts` with keys of that run.
 *
 * @module
 */
import { z } from 'zod'
import type { Ban } from './access/bans.ts'
import { apiKeyLimit, apiKeyRecord, formatApiKey, parseApiKey, type ApiKeyRecord } from './credentials/api-key.ts'
import { parseAddressRanges } from './credentials/addresses.ts'
import { credentialRecord, type CredentialRecord } from './credentials/credential.ts'
import type { ReleaseInput } from './compile.ts'
import type { Decision } from './decision.ts'
import { objectName } from './kinds/common.ts'
import { kindNames } from './kinds/index.ts'
import { reasons, type Reason } from './reasons.ts'
import { signatureAlgorithms } from './tokens/jws.ts'

const alias = z.string().regex(/^[0-9A-Za-z]{1,30}$/)

/**
 * A header field: name and value. In the value `{key:alias}` stands for the key of that alias, known or not;
 * `{token:alias}` for a token, `{proof:alias}` for a proof, `{signature-input:alias}` and `{signature:alias}` for the two
 * fields of a signature.
 */
const headerField = z.tuple([z.string(), z.string()])

const expectation = z.strictObject({
  /** HTTP status as the caller sees it; 200 for what is allowed. */
  status: z.int(),
  reason: z.enum(['allowed', ...(Object.keys(reasons) as Reason[])]),
  route: z.string().optional(),
  consumer: z.string().optional(),
  /** `kind/name` of the object that decided. */
  rule: z.string().optional(),
  needed: z.array(z.string()).optional(),
  had: z.array(z.string()).optional(),
  allow: z.array(z.string()).optional(),
  /** Where a redirect leads. */
  location: z.string().optional(),
  /** Whole requests that the tightest limit has left. */
  limit_remaining: z.int().optional(),
})

const state = z.enum(['active', 'disabled', 'revoked']).default('active')
const expires = z.enum(['past', 'future']).optional()

/** A claim, or what of a header. A text such as `+300` in `exp`, `nbf` and `iat` is so many seconds from now. */
const members = z.record(z.string(), z.unknown()).default({})
const without = z.array(z.string()).default([])
const secondsFromNow = z.string().regex(/^[+-][0-9]{1,9}$/)
const algorithm = z.enum(signatureAlgorithms).default('ES256')

/** A token of an issuer. What is not said is as it should be. */
const token = z.strictObject({
  alias,
  /** Name of the issuer object, whose `iss` and audience it has. One that is asked about tokens has opaque ones. */
  issuer: objectName,
  /** Alias of the key that it names and is signed with. */
  key: alias.default('login'),
  /** Alias of another key that signs it. */
  signed_with: alias.optional(),
  algorithm,
  claims: members,
  without,
  header: members,
  header_without: without,
  /** What it is bound to (`cnf`): a key of a proof, or a client certificate. */
  bound_to: z.union([z.strictObject({ key: alias }), z.strictObject({ certificate: alias })]).optional(),
  /** `hmac`: signed with the public key as a secret. `unsigned`: `none`. */
  fault: z.enum(['signature', 'unsigned', 'hmac', 'truncated']).optional(),
  /** What its issuer says when it is asked. */
  active: z.boolean().default(true),
})

/** A proof of a key (RFC 9449) for the request that has it. */
const proof = z.strictObject({
  alias,
  key: alias,
  /** Alias of the token that it is for. */
  token: alias,
  claims: members,
  without,
  header: members,
  fault: z.literal('signature').optional(),
})

/** A signature (RFC 9421) over the request that has it. */
const signature = z.strictObject({
  alias,
  /** Alias of the credential whose key signs. */
  credential: alias,
  /** Alias of another credential that the signature names. */
  named: alias.optional(),
  covered: z.array(z.string()).default(['@method', '@authority', '@path', '@query']),
  created: secondsFromNow.default('-1'),
  fault: z.literal('signature').optional(),
})

const caseRequest = z.strictObject({
  /** A guarantee in present tense. */
  title: z.string().min(1),
  method: z.string(),
  /** Value of Host; null: there is none. */
  host: z.string().nullable(),
  target: z.string(),
  headers: z.array(headerField).default([]),
  /** Source address. Loopback, because the same request is sent by a client that binds it. */
  address: z
    .string()
    .regex(/^127\.[0-9.]+$/)
    .default('127.0.0.1'),
  scheme: z.enum(['http', 'https']).default('http'),
  /** Alias of the certificate that the client presents. */
  client_certificate: alias.optional(),
  /** Sent so many times, byte for byte the same; the last one is judged. */
  repeat: z.int().min(1).max(1000).default(1),
  /** What does not answer while it is decided. */
  unavailable: z.literal('limits').optional(),
  expect: expectation,
  /** What explain says in place of that where it cannot know: what issuers answer, what was used before. */
  explained: expectation.optional(),
})

/** Schema of a case file. */
export const caseFile = z.strictObject({
  about: z.string().min(1),
  environment: objectName,
  objects: z.array(
    z.strictObject({ kind: z.enum(kindNames as [string, ...string[]]), name: objectName, spec: z.looseObject({}) }),
  ),
  consumers: z
    .array(
      z.strictObject({
        name: objectName,
        disabled: z.boolean().default(false),
        roles: z.array(objectName).default([]),
      }),
    )
    .default([]),
  api_keys: z
    .array(
      z.strictObject({
        alias,
        consumer: objectName,
        scopes: z.array(z.string()).default([]),
        addresses: z.array(z.string()).default([]),
        state,
        expires,
        limits: z.array(z.strictObject({ requests: z.int(), window_ms: z.int() })).default([]),
        decoy: z.boolean().default(false),
      }),
    )
    .default([]),
  /** What proves consumers beside keys and tokens. */
  credentials: z
    .array(
      z.strictObject({
        alias,
        consumer: objectName,
        /** What a certificate is called by, or how a key signs; the name of the key is its alias. */
        certificate: z.string().optional(),
        signing_key: z.enum(['ed25519', 'hmac-sha256']).optional(),
        scopes: z.array(z.string()).default([]),
        addresses: z.array(z.string()).default([]),
        state,
        expires,
      }),
    )
    .default([]),
  /** Certificates of clients: their one name, and whether the authority of the release vouches for them. */
  client_certificates: z
    .array(z.strictObject({ alias, uri: z.string(), trusted: z.boolean().default(true) }))
    .default([]),
  /** Who is shut out. */
  bans: z
    .array(z.strictObject({ alias, source: z.string().optional(), consumer: objectName.optional(), expires }))
    .default([]),
  tokens: z.array(token).default([]),
  proofs: z.array(proof).default([]),
  signatures: z.array(signature).default([]),
  /** Bad credentials that an address may present before it is locked out; default: any number. */
  bad_credentials_max: z.int().optional(),
  requests: z.array(caseRequest).min(1),
})

/** A case file with its defaults filled in. */
export type CaseFile = z.output<typeof caseFile>
/** One request of a case file. */
export type CaseRequest = z.output<typeof caseRequest>
/** A token, proof, signature or credential of a case file. */
export type CaseToken = CaseFile['tokens'][number]
export type CaseProof = CaseFile['proofs'][number]
export type CaseSignature = CaseFile['signatures'][number]
export type CaseCredential = CaseFile['credentials'][number]
/** What must come of it. */
export type CaseExpectation = z.output<typeof expectation>

/** Far enough from now that no run comes near it. */
const DAY_MS = 86_400_000

/** The text of the key that an alias stands for. Deterministic, so that all runners use the same. */
export function caseKey(environment: string, alias: string): string {
  return formatApiKey(environment, alias.padStart(30, '0'))
}

/** The release of a case file. Objects come from `case:1` on, so that origins can be told apart. */
export function caseRelease(file: CaseFile): ReleaseInput {
  const objects = file.objects.map((object, index) => ({ ...object, origin: `case:${index + 1}` }))
  return { tenant: 'case', environment: file.environment, number: 1, objects }
}

/** When the key of a case ends, in milliseconds since 1970-01-01 UTC; 0: never. */
export function caseExpiryMs(expires: 'past' | 'future' | undefined, nowMs: number): number {
  return expires === undefined ? 0 : expires === 'past' ? nowMs - DAY_MS : nowMs + DAY_MS
}

/** Records of all keys of a file, by the text of the key. Ids are made from names. */
export function caseKeyRecords(file: CaseFile, nowMs: number): ReadonlyMap<string, ApiKeyRecord> {
  return new Map(
    file.api_keys.map((key): [string, ApiKeyRecord] => {
      const text = caseKey(file.environment, key.alias)
      const parsed = parseApiKey(text)
      const record = apiKeyRecord({
        id: `key_${key.alias}`,
        consumerId: `cns_${key.consumer}`,
        consumer: key.consumer,
        consumerDisabled: caseConsumer(file, key.consumer).disabled,
        state: key.state,
        expiresAtMs: caseExpiryMs(key.expires, nowMs),
        scopes: key.scopes,
        roles: caseConsumer(file, key.consumer).roles,
        addresses: parseAddressRanges(key.addresses),
        limits: key.limits.flatMap(({ requests, window_ms }, index) => {
          return apiKeyLimit(index, { requests: BigInt(requests), windowMs: BigInt(window_ms), burst: 0n }) ?? []
        }),
        last4: parsed.kind === 'api_key' ? parsed.last4 : '',
        decoy: key.decoy,
      })
      return [text, record]
    }),
  )
}

function caseConsumer(file: CaseFile, name: string): CaseFile['consumers'][number] {
  return file.consumers.find((consumer) => consumer.name === name) ?? { name, disabled: false, roles: [] }
}

/** Who is shut out in a file. */
export function caseBans(file: CaseFile, nowMs: number): readonly Ban[] {
  return file.bans.map(({ alias: id, source = null, consumer, expires: end }) => ({
    id: `ban_${id}`,
    source,
    consumerId: consumer === undefined ? null : `cns_${consumer}`,
    expiresAtMs: caseExpiryMs(end, nowMs),
  }))
}

/** Records of all other credentials, by kind and name as the directory has them. Their keys are with the material. */
export function caseCredentialRecords(file: CaseFile, nowMs: number): ReadonlyMap<string, CredentialRecord> {
  return new Map(
    file.credentials.map((credential): [string, CredentialRecord] => {
      const { alias: id, consumer, certificate, scopes, state: of, expires: end } = credential
      const kind = certificate === undefined ? 'signing_key' : 'certificate'
      const record = credentialRecord({
        kind,
        id: `crd_${id}`,
        consumerId: `cns_${consumer}`,
        consumer,
        consumerDisabled: caseConsumer(file, consumer).disabled,
        state: of,
        expiresAtMs: caseExpiryMs(end, nowMs),
        scopes,
        roles: caseConsumer(file, consumer).roles,
        addresses: parseAddressRanges(credential.addresses),
        hint: certificate ?? id,
        key: null,
      })
      return [`${kind} ${certificate ?? id}`, record]
    }),
  )
}

/** The fields of a request, without Host, with the texts of keys in them. */
export function caseHeaders(file: CaseFile, request: CaseRequest): readonly (readonly [name: string, value: string])[] {
  return request.headers.map(([name, value]) => [name, withKeys(file, value)])
}

/** The target of a request, with the texts of keys in it. */
export function caseTarget(file: CaseFile, request: CaseRequest): string {
  return withKeys(file, request.target)
}

function withKeys(file: CaseFile, text: string): string {
  return text.replaceAll(/\{key:([0-9A-Za-z]+)\}/g, (_, name: string) => caseKey(file.environment, name))
}

/** What a runner saw. A field that it cannot see is left out, and then not compared. */
export type CaseOutcome = Partial<CaseExpectation>

/** A decision as an outcome, with everything that can be expected. */
export function caseOutcome(decision: Decision): CaseOutcome {
  const { status, reason, route, principal, rule, needed, had, allow, location, limits, tightest } = decision
  const state = limits[tightest]
  return {
    status,
    reason,
    ...(route !== null && { route }),
    ...(principal !== null && { consumer: principal.consumer }),
    ...(rule !== null && { rule: `${rule.kind}/${rule.name}` }),
    needed: [...needed],
    had: [...had],
    allow: [...allow],
    ...(location !== null && { location }),
    ...(state !== undefined && { limit_remaining: state.remaining }),
  }
}

/**
 * What is not as expected, one line each; empty when all is.
 *
 * @param seen fields of the expectation that this runner can see; default: all.
 */
export function caseDifferences(
  expected: CaseExpectation,
  outcome: CaseOutcome,
  seen: readonly (keyof CaseExpectation)[] = Object.keys(expected) as (keyof CaseExpectation)[],
): readonly string[] {
  return seen.flatMap((field) => {
    const [want, got] = [JSON.stringify(expected[field]), JSON.stringify(outcome[field])]
    return want === undefined || want === got ? [] : [`${field}: expected ${want}, got ${got ?? 'nothing'}`]
  })
}
