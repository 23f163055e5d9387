/**
 * Certificates with names that no authority of ours would sign, and lists of revoked ones, for tests.
 *
 * @module
 */
import 'reflect-metadata'
// reflect-metadata has to come first: without it the next import throws.
import * as x509 from '@peculiar/x509'
import { type KeyedCertificate, pem } from './pki.ts'

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

async function signingKey({ privateKey }: KeyedCertificate): Promise<CryptoKey> {
  return await crypto.subtle.importKey('pkcs8', privateKey, ECDSA, false, ['sign'])
}

/** An authority that may have others below it. */
export async function createRoot(name: string): Promise<KeyedCertificate> {
  const keys = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: ECDSA,
    notBefore: new Date(Date.now() - 300_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  const privateKey = new Uint8Array(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  return { certificate: new Uint8Array(certificate.rawData), privateKey }
}

export interface UnusualNames {
  /** Subject alternative names. */
  readonly names?: x509.JsonGeneralNames
  /** Attributes of the subject, one list for each relative name. */
  readonly subject?: x509.JsonName
  /** Whether it may sign other certificates. */
  readonly isAuthority?: boolean
  /** Hexadecimal. */
  readonly serialNumber?: string
}

/** A certificate of an hour, with its key. */
export async function issueUnusual(authority: KeyedCertificate, unusual: UnusualNames): Promise<KeyedCertificate> {
  const {
    names = [],
    subject = [],
    isAuthority = false,
    serialNumber = crypto.randomUUID().replaceAll('-', ''),
  } = unusual
  const issuer = new x509.X509Certificate(authority.certificate)
  const keys = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify'])
  const usage = isAuthority
    ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
    : x509.KeyUsageFlags.digitalSignature
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `4${serialNumber.slice(1)}`,
    issuer: issuer.subjectName,
    subject: new x509.Name(subject),
    publicKey: keys.publicKey,
    signingKey: await signingKey(authority),
    signingAlgorithm: ECDSA,
    notBefore: new Date(Date.now() - 300_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, undefined, true),
      new x509.KeyUsagesExtension(usage, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  })
  const privateKey = new Uint8Array(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  return { certificate: new Uint8Array(certificate.rawData), privateKey }
}

/** A list of revoked certificates, in PEM. @param revoked certificates in DER. */
export async function issueRevocationList(
  authority: KeyedCertificate,
  revoked: readonly Uint8Array<ArrayBuffer>[] = [],
  { fromMs = Date.now() - 300_000, toMs = Date.now() + 3_600_000 }: { fromMs?: number; toMs?: number } = {},
): Promise<string> {
  const list = await x509.X509CrlGenerator.create({
    issuer: new x509.X509Certificate(authority.certificate).subjectName,
    thisUpdate: new Date(fromMs),
    nextUpdate: new Date(toMs),
    signingKey: await signingKey(authority),
    signingAlgorithm: ECDSA,
    entries: revoked.map((certificate) => ({
      serialNumber: new x509.X509Certificate(certificate).serialNumber,
      revocationDate: new Date(fromMs),
    })),
  })
  return pem('X509 CRL', new Uint8Array(list.rawData))
}
