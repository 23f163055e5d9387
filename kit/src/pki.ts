/**
 * A small certificate authority: authorities, certificate requests, client and server certificates.
 *
 * Decides what a certificate may be used for and for how long; who gets one is the caller's business. Everything
 * is ECDSA P-256 with SHA-256: one algorithm that every TLS stack has, so that nothing is negotiated. Certificates
 * and requests cross as DER, private keys as PKCS #8 in DER.
 *
 * Sources: RFC 5280 (profile), RFC 2986 (request), SPIFFE X.509-SVID (one URI name, digital signature only).
 * Not checked here: revocation. Certificates are short-lived, and the caller knows who is revoked.
 *
 * @module
 */
import 'reflect-metadata'
// reflect-metadata has to come first: without it the next import throws.
import * as x509 from '@peculiar/x509'
import { createPrivateKey, randomBytes, type webcrypto } from 'node:crypto'
import { isIP } from 'node:net'

export { certificatePin, pem } from './pem.ts'

/** Longest certificate request that is looked at, in bytes. One for P-256 has about 200. */
export const REQUEST_BYTES_MAX = 8192

/** Longest life of a client certificate, in milliseconds. */
export const CLIENT_LIFE_MS_MAX = 24 * 3_600_000

/** How far a certificate reaches back, in milliseconds: the reader's clock may be behind the issuer's. */
const BACKDATE_MS = 5 * 60_000

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** A certificate with its private key. */
export interface KeyedCertificate {
  /** DER. */
  readonly certificate: Uint8Array<ArrayBuffer>
  /** PKCS #8 in DER. Secret. */
  readonly privateKey: Uint8Array<ArrayBuffer>
}

/** Who a server is. */
export interface ServerNames {
  /** Host names and addresses, as clients write them. */
  readonly hosts: readonly string[]
  readonly uris?: readonly string[]
}

/** Outcome of checking a certificate request. `publicKey` is a SubjectPublicKeyInfo in DER. */
export type RequestRead =
  | { readonly kind: 'ok'; readonly publicKey: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'invalid'; readonly problem: string }

interface Validity {
  /** The present, in milliseconds since 1970-01-01 UTC. */
  readonly nowMs: number
  readonly lifeMs: number
}

/** A new private key: PKCS #8 in DER. */
export async function createPrivateKeyDer(): Promise<Uint8Array<ArrayBuffer>> {
  const { privateKey } = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify'])
  return exportPrivateKey(privateKey)
}

/** A self-signed authority that can sign leaves and nothing else. */
export async function createAuthority({ name, ...validity }: Validity & { name: string }): Promise<KeyedCertificate> {
  const keys = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: ECDSA,
    ...period(validity),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: new Uint8Array(certificate.rawData), privateKey: await exportPrivateKey(keys.privateKey) }
}

/**
 * A certificate request (PKCS #10) for a key. Its subject says nothing: the authority decides on names.
 *
 * @param privateKey PKCS #8 in DER.
 */
export async function createCertificateRequest(privateKey: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys: await importKeyPair(privateKey),
    signingAlgorithm: ECDSA,
  })
  return new Uint8Array(request.rawData)
}

/** Checks a request: well-formed, for a P-256 key, and signed by that key (proof of possession). */
export async function readCertificateRequest(der: Uint8Array): Promise<RequestRead> {
  if (der.length === 0) return { kind: 'invalid', problem: 'the certificate request is empty' }
  if (der.length > REQUEST_BYTES_MAX) {
    return { kind: 'invalid', problem: `the certificate request is longer than ${REQUEST_BYTES_MAX} bytes` }
  }
  try {
    const request = new x509.Pkcs10CertificateRequest(new Uint8Array(der))
    // The library types this with the DOM's types, which are not loaded here.
    const algorithm = request.publicKey.algorithm as { readonly name: string; readonly namedCurve?: string }
    if (algorithm.name !== ECDSA.name || algorithm.namedCurve !== ECDSA.namedCurve) {
      return { kind: 'invalid', problem: 'the key of the certificate request is not ECDSA P-256' }
    }
    if (!(await request.verify())) {
      return { kind: 'invalid', problem: 'the certificate request is not signed by its own key' }
    }
    return { kind: 'ok', publicKey: new Uint8Array(request.publicKey.rawData) }
  } catch {
    // The parser throws many kinds of errors for bytes from outside; none of them means more than this.
    return { kind: 'invalid', problem: 'the certificate request cannot be read' }
  }
}

/**
 * Signs a client certificate whose only name is a URI.
 *
 * @param subject.publicKey SubjectPublicKeyInfo in DER, from `readCertificateRequest`.
 * @throws RangeError when the life is over `CLIENT_LIFE_MS_MAX`.
 */
export async function issueClientCertificate(
  authority: KeyedCertificate,
  { publicKey, uri, ...validity }: Validity & { publicKey: Uint8Array<ArrayBuffer>; uri: string },
): Promise<Uint8Array<ArrayBuffer>> {
  if (validity.lifeMs > CLIENT_LIFE_MS_MAX)
    throw new RangeError(`a client certificate lives at most ${CLIENT_LIFE_MS_MAX} ms`)
  const certificate = await issue(authority, publicKey, validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    // Critical, because the subject is empty (RFC 5280 section 4.2.1.6).
    new x509.SubjectAlternativeNameExtension([{ type: 'url', value: uri }], true),
  ])
  return new Uint8Array(certificate.rawData)
}

/** Makes a key and signs a server certificate for it. */
export async function issueServerCertificate(
  authority: KeyedCertificate,
  { hosts, uris, ...validity }: Validity & ServerNames,
): Promise<KeyedCertificate> {
  const keys = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify'])
  const certificate = await issue(authority, keys.publicKey, validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(serverNames({ hosts, ...(uris && { uris }) }), true),
  ])
  return { certificate: new Uint8Array(certificate.rawData), privateKey: await exportPrivateKey(keys.privateKey) }
}

/** A server certificate that vouches for itself, for listeners that nobody has given a certificate yet. */
export async function createSelfSigned({
  hosts,
  uris,
  ...validity
}: Validity & ServerNames): Promise<KeyedCertificate> {
  const keys = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [hosts[0] ?? 'localhost'] }],
    keys,
    signingAlgorithm: ECDSA,
    ...period(validity),
    extensions: [
      // Not an authority: somebody who trusts it by hand trusts this one server and nothing that it might sign.
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(serverNames({ hosts, ...(uris && { uris }) })),
    ],
  })
  return { certificate: new Uint8Array(certificate.rawData), privateKey: await exportPrivateKey(keys.privateKey) }
}

async function issue(
  authority: KeyedCertificate,
  publicKey: CryptoKey | Uint8Array<ArrayBuffer>,
  validity: Validity,
  extensions: x509.Extension[],
): Promise<x509.X509Certificate> {
  const issuer = new x509.X509Certificate(authority.certificate)
  const { privateKey } = await importKeyPair(authority.privateKey)
  return x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: issuer.subjectName,
    publicKey,
    signingKey: privateKey,
    signingAlgorithm: ECDSA,
    ...period(validity),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      ...extensions,
    ],
  })
}

function period({ nowMs, lifeMs }: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - BACKDATE_MS), notAfter: new Date(nowMs + lifeMs) }
}

/** 127 random bits, positive and non-zero (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

function serverNames({ hosts, uris = [] }: ServerNames): x509.JsonGeneralNames {
  return [
    ...hosts.map((host) => ({ type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const), value: host })),
    ...uris.map((uri) => ({ type: 'url' as const, value: uri })),
  ]
}

async function exportPrivateKey(privateKey: CryptoKey): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.exportKey('pkcs8', privateKey))
}

async function importKeyPair(der: Uint8Array<ArrayBuffer>): Promise<webcrypto.CryptoKeyPair> {
  const privateKey = await crypto.subtle.importKey('pkcs8', der, ECDSA, true, ['sign'])
  const { kty, crv, x, y } = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' }).export({
    format: 'jwk',
  })
  const jwk = { kty, crv, x, y } as webcrypto.JsonWebKey
  return { privateKey, publicKey: await crypto.subtle.importKey('jwk', jwk, ECDSA, true, ['verify']) }
}
