/**
 * Who this agent is: the key that was made here, and what the control plane said about it.
 *
 * Two files in the state folder. `identity.json` names the key file that belongs to it and is written last, so a crash
 * between the two leaves the old pair in force. Both are readable by the owner alone.
 *
 * @module
 */
import { errorText } from '@headgate/kit/errors.ts'
import { certificatePin, pem } from '@headgate/kit/pem.ts'
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { join } from 'node:path'
import { readIfThere, remove, writeWhole } from './files.ts'

const FILE = 'identity.json'
const VERSION = 1

/** The key of another agent must never be read through a name in the file. */
const KEY_FILE = /^identity-[0-9a-f]{16}\.key$/

export interface TrustedKey {
  readonly keyId: string
  /** Ed25519; 32 bytes. */
  readonly publicKey: Uint8Array
}

export interface Identity {
  readonly agentId: string
  readonly agentName: string
  readonly agentGroup: string
  /** `host:port` of the control plane. */
  readonly address: string
  /** DER. */
  readonly certificate: Uint8Array<ArrayBuffer>
  /** When it was received, in milliseconds since 1970-01-01 UTC. It reaches back further itself. */
  readonly certifiedAtMs: number
  /** The agent authority, in DER. */
  readonly caCertificate: Uint8Array<ArrayBuffer>
  /** PKCS #8 in DER. Secret. */
  readonly privateKey: Uint8Array<ArrayBuffer>
  /** Keys whose signature on a snapshot is accepted. */
  readonly signingKeys: readonly TrustedKey[]
  /** SHA-256 of the join token that it came from, in hex: a token that was used is not tried again. */
  readonly joinTokenHash: string
}

export type IdentityRead =
  | { readonly kind: 'ok'; readonly identity: Identity }
  | { readonly kind: 'absent' }
  | { readonly kind: 'damaged'; readonly problem: string }

/** End of the certificate, in milliseconds since 1970-01-01 UTC. */
export function certificateEndsAtMs({ certificate }: Pick<Identity, 'certificate'>): number {
  return new X509Certificate(certificate).validToDate.getTime()
}

export async function loadIdentity(folder: string): Promise<IdentityRead> {
  try {
    const content = await readIfThere(join(folder, FILE))
    if (content === null) return { kind: 'absent' }
    const stored = JSON.parse(content.toString()) as Record<string, unknown>
    if (stored['version'] !== VERSION) return damaged('it is of another version')
    const keyFile = readText(stored, 'keyFile')
    if (!KEY_FILE.test(keyFile)) return damaged('it names no key file')
    const written = await readIfThere(join(folder, keyFile))
    if (written === null) return damaged(`its key file ${keyFile} is missing`)
    const key = createPrivateKey(written)
    const certificate = readBytes(stored, 'certificate')
    if (!new X509Certificate(certificate).checkPrivateKey(key))
      return damaged('certificate and key do not belong together')
    const identity: Identity = {
      agentId: readText(stored, 'agentId'),
      agentName: readText(stored, 'agentName'),
      agentGroup: readText(stored, 'agentGroup'),
      address: readText(stored, 'address'),
      certificate,
      certifiedAtMs: readNumber(stored, 'certifiedAtMs'),
      caCertificate: readBytes(stored, 'caCertificate'),
      privateKey: new Uint8Array(key.export({ format: 'der', type: 'pkcs8' })),
      signingKeys: readSigningKeys(stored['signingKeys']),
      joinTokenHash: readText(stored, 'joinTokenHash'),
    }
    return { kind: 'ok', identity }
  } catch (error) {
    return damaged(errorText(error))
  }
}

/** @param previous what it takes the place of; its key file goes when it is another. */
export async function saveIdentity(folder: string, identity: Identity, previous: Identity | null): Promise<void> {
  const keyFile = keyFileName(identity)
  await writeWhole(join(folder, keyFile), pem('PRIVATE KEY', identity.privateKey))
  const { privateKey: _, certificate, caCertificate, signingKeys, ...texts } = identity
  const stored = {
    version: VERSION,
    ...texts,
    keyFile,
    certificate: toBase64(certificate),
    caCertificate: toBase64(caCertificate),
    signingKeys: signingKeys.map(({ keyId, publicKey }) => ({ keyId, publicKey: toBase64(publicKey) })),
  }
  await writeWhole(join(folder, FILE), `${JSON.stringify(stored, null, 2)}\n`)
  if (previous !== null && keyFileName(previous) !== keyFile) await remove(join(folder, keyFileName(previous)))
}

/** Follows from the key, so that two keys never share a file. Says nothing about it: it is named by a hash. */
function keyFileName({ privateKey }: Identity): string {
  return `identity-${Buffer.from(certificatePin(privateKey)).toString('hex').slice(0, 16)}.key`
}

function readText(stored: Record<string, unknown>, name: string): string {
  const value = stored[name]
  if (typeof value !== 'string' || value === '') throw new TypeError(`${name} is missing`)
  return value
}

function readNumber(stored: Record<string, unknown>, name: string): number {
  const value = stored[name]
  if (!Number.isSafeInteger(value)) throw new TypeError(`${name} is missing`)
  return value as number
}

function readBytes(stored: Record<string, unknown>, name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(readText(stored, name), 'base64'))
}

function readSigningKeys(value: unknown): readonly TrustedKey[] {
  if (!Array.isArray(value) || value.length === 0) throw new TypeError('signingKeys is missing')
  return value.map((entry: Record<string, unknown>) => ({
    keyId: readText(entry, 'keyId'),
    publicKey: readBytes(entry, 'publicKey'),
  }))
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function damaged(problem: string): IdentityRead {
  return { kind: 'damaged', problem }
}
