/**
 * The effects of a decision about the requests of one case file: its keys, tokens and signatures are proven as they
 * must be, its counters are shared by its requests.
 *
 * @module
 */
import { createHash, createHmac, createPublicKey, hash, verify, type webcrypto } from 'node:crypto'
import { indexBans } from '#core/access/bans.ts'
import { caseBans, caseCredentialRecords, caseKeyRecords, type CaseFile, type CaseRequest } from '#core/cases.ts'
import { judgeApiKey } from '#core/credentials/api-key.ts'
import { judgeCredential } from '#core/credentials/credential.ts'
import { type ConsumerRecord, judgeToken } from '#core/credentials/token.ts'
import type { Credential, DecisionPorts, Facts, Principal, TlsPeer, VerifiedPeer, Verified } from '#core/decision.ts'
import { memoryStore } from '#core/limits/memory-store.ts'
import { takeAll } from '#core/limits/take-all.ts'
import { type Reason, reasons } from '#core/reasons.ts'
import { certificateFor, type CompiledIssuer, type CompiledRelease } from '#core/release.ts'
import { judgeSignature, readSignature, type SignatureProblem } from '#core/signatures/message-signature.ts'
import { judgeClaims } from '#core/tokens/claims.ts'
import { type Jws, readProof } from '#core/tokens/jws.ts'
import { neededProof, tokenOrigin, tokenReasons } from '#core/tokens/judge.ts'
import type { JsonObject } from '#core/tokens/strict-json.ts'
import { type CaseMaterial, fakeCertificateSha256 } from './case-material.ts'

interface JsonWebKey extends webcrypto.JsonWebKey {
  readonly kid?: string
}

const denied = (reason: Reason, principal: Principal | null = null): Verified => ({ kind: 'denied', reason, principal })

const signatureReasons = {
  missing: 'signature_invalid',
  malformed: 'signature_invalid',
  repeated: 'signature_invalid',
  signature: 'signature_invalid',
  uncovered: 'signature_insufficient',
  time: 'signature_expired',
} as const satisfies Record<SignatureProblem, Reason>

/** @param nowMs the time at which all of them come. */
export function casePorts(
  file: CaseFile,
  release: CompiledRelease,
  material: CaseMaterial,
  nowMs: number,
): DecisionPorts {
  const keys = caseKeyRecords(file, nowMs)
  const credentials = caseCredentialRecords(file, nowMs)
  const bans = indexBans(caseBans(file, nowMs))
  const counters = memoryStore(() => nowMs)
  const seen = new Set<string>()
  const strikes = new Map<string, number>()

  /** What may count once. */
  const once = (name: string): boolean => !seen.has(name) && seen.add(name) !== undefined

  const findConsumer = (name: string): ConsumerRecord | null => {
    const consumer = file.consumers.find((each) => each.name === name)
    return consumer === undefined ? null : { id: `cns_${name}`, ...consumer }
  }

  function prove(credential: Credential, facts: Facts): Verified {
    switch (credential.kind) {
      case 'api_key': {
        const record = keys.get(credential.text)
        return record === undefined ? denied('credential_unknown') : judgeApiKey(record, facts, nowMs)
      }
      case 'token':
        return proveToken(credential, facts)
      case 'mtls':
        return proveCertificate(credential.peer, credential.identities, facts)
      default:
        return proveSignature(credential, facts)
    }
  }

  function proveToken({ text, scheme, sources }: Extract<Credential, { kind: 'token' }>, facts: Facts): Verified {
    const origin = tokenOrigin(text, sources, release.issuers)
    if (origin.kind === 'refused') return denied(origin.reason)
    const { issuer, source } = origin
    const claims = origin.kind === 'signed' ? signedClaims(text, origin.jws, issuer) : askedClaims(text, issuer)
    if (typeof claims === 'string') return denied(claims)
    const proof = neededProof(claims, source.mustBeBound, scheme, facts.peer)
    if (proof.kind === 'unbound') return denied('credential_unbound')
    const problem = proof.kind === 'key' ? proofProblem(proof.thumbprint, text, facts) : null
    if (problem !== null) return denied(problem)
    const expiresAtMs = Number(claims['exp']) * 1_000
    return judgeToken(issuer, { kind: source.kind, claims, expiresAtMs }, findConsumer)
  }

  function signedClaims(text: string, jws: Jws, { rules, keys: from }: CompiledIssuer): JsonObject | Reason {
    if (!rules.algorithms.includes(jws.algorithm)) return tokenReasons.algorithm
    const judged = judgeClaims(jws.claims, jws.type, rules, nowMs)
    if (judged.kind === 'bad') return tokenReasons[judged.problem]
    // Nobody asks over a network here.
    if (from?.from !== 'release') return tokenReasons.unavailable
    const { keys: all } = JSON.parse(from.jwks) as { keys: readonly JsonWebKey[] }
    const candidates = all.filter(({ kid, alg }) => alg === jws.algorithm && (jws.keyId === null || jws.keyId === kid))
    if (candidates.length === 0) return tokenReasons.key_unknown
    return candidates.some((jwk) => isSigned(text, jws, jwk)) ? jws.claims : tokenReasons.signature
  }

  function askedClaims(text: string, { rules }: CompiledIssuer): JsonObject | Reason {
    const answer = material.introspect(text)
    if (answer['active'] !== true) return tokenReasons.inactive
    const judged = judgeClaims(answer, '', { ...rules, types: [] }, nowMs)
    return judged.kind === 'bad' ? tokenReasons[judged.problem] : answer
  }

  function proofProblem(thumbprint: string, token: string, facts: Facts): Reason | null {
    const [text, ...others] = facts.header('dpop')
    if (text === undefined) return 'credential_unbound'
    const read = readProof(text)
    if (others.length > 0 || read.kind !== 'jws' || read.jws.type !== 'dpop+jwt') return 'proof_invalid'
    const { header, claims } = read.jws
    const jwk = header['jwk'] as JsonWebKey
    const { jti } = claims
    const isForThis =
      typeof jti === 'string' &&
      jti !== '' &&
      claims['htm'] === facts.method &&
      claims['htu'] === `${facts.scheme}://${facts.host}${facts.path}` &&
      claims['ath'] === hash('sha256', token, 'base64url') &&
      Math.abs(nowMs - Number(claims['iat']) * 1_000) <= 60_000
    if (!isForThis || thumbprintOf(jwk) !== thumbprint || !isSigned(text, read.jws, jwk)) return 'proof_invalid'
    return once(`proof ${jti}`) ? null : 'proof_replayed'
  }

  function proveCertificate(peer: VerifiedPeer, identities: readonly string[], facts: Facts): Verified {
    const prefixes: Readonly<Record<string, string>> = { uri: 'URI:', dns: 'DNS:', email: 'email:' }
    for (const identity of identities) {
      for (const name of peer.names) {
        const prefix = prefixes[identity]
        if (prefix === undefined || !name.startsWith(prefix)) continue
        const record = credentials.get(`certificate ${identity}:${name.slice(prefix.length)}`)
        if (record !== undefined) return judgeCredential(record, facts, nowMs)
      }
    }
    return denied('certificate_unknown')
  }

  function proveSignature(rules: Extract<Credential, { kind: 'signature' }>, facts: Facts): Verified {
    const read = readSignature(facts)
    if (read.kind === 'refused') return denied(signatureReasons[read.problem])
    const { signature } = read
    const record = credentials.get(`signing_key ${signature.keyId}`)
    const credential = file.credentials.find(({ alias }) => alias === signature.keyId)
    if (record === undefined || credential === undefined) return denied('credential_unknown')
    const algorithm = credential.signing_key ?? ''
    const problem = judgeSignature(signature, algorithm, rules, nowMs)
    if (problem !== null) return denied(signatureReasons[problem])
    const base = Buffer.from(signature.base, 'latin1')
    const isMade =
      algorithm === 'ed25519'
        ? verify(null, base, createPublicKey(material.publicKey(credential)), signature.signature)
        : createHmac('sha256', material.secret(credential)).update(base).digest().equals(signature.signature)
    if (!isMade) return denied('signature_invalid')
    if (!once(`signature ${Buffer.from(signature.signature).toString('hex')}`)) return denied('signature_replayed')
    return judgeCredential(record, facts, nowMs)
  }

  return {
    now: () => nowMs,
    bans: () => bans,
    verify: (credential, facts) => {
      const max = file.bad_credentials_max
      if (max === undefined) return prove(credential, facts)
      const before = strikes.get(facts.address) ?? 0
      if (before > max)
        return { ...denied('source_locked_out'), kind: 'denied', reason: 'source_locked_out', retryAfterMs: 1_000 }
      const verified = prove(credential, facts)
      if (verified.kind === 'denied' && reasons[verified.reason].status === 401) strikes.set(facts.address, before + 1)
      return verified
    },
    take: (demands) => takeAll(demands, counters),
  }
}

/** The certificate of a client, as it would have been verified at the host that it came to. */
export function casePeer(
  file: CaseFile,
  { client_certificate: alias, host }: CaseRequest,
  release: CompiledRelease,
  nowMs: number,
): TlsPeer | null {
  const certificate = certificateFor(release, host ?? '')
  const of = file.client_certificates.find((each) => each.alias === alias)
  if (of === undefined || certificate === null || certificate.clientCertificates === null) return null
  const sha256 = fakeCertificateSha256(of.alias)
  if (!of.trusted)
    return { kind: 'unverified', certificate: certificate.name, sha256, why: 'UNABLE_TO_GET_ISSUER_CERT' }
  return {
    kind: 'verified',
    certificate: certificate.name,
    authorities: certificate.clientCertificates.ca,
    sha256,
    subject: '',
    names: [`URI:${of.uri}`],
    notAfterMs: nowMs + 1,
  }
}

function isSigned(text: string, { algorithm, signature, signedLength }: Jws, jwk: JsonWebKey): boolean {
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const signed = Buffer.from(text.slice(0, signedLength), 'latin1')
  const digest = algorithm.startsWith('Ed') ? null : `sha${algorithm.slice(2)}`
  const options = algorithm.startsWith('PS') ? { padding: 6, saltLength: -1 } : {}
  return verify(digest, signed, { key, dsaEncoding: 'ieee-p1363', ...options }, signature)
}

function thumbprintOf({ crv, kty, x, y }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}
