/**
 * What the listener for operators proves itself with: given files, else a certificate of its own that is made once and
 * kept, so that whoever pinned it finds the same one after a restart.
 *
 * @module
 */
import { createSelfSigned, pem } from '@headgate/kit/pki.ts'
import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Life of an own certificate, in milliseconds: the longest that browsers take from somebody they trust by hand. */
const LIFE_MS = 825 * 86_400_000

/** With less life than this it is made anew at the next start, in milliseconds. */
const LIFE_MS_MIN = 30 * 86_400_000

/** Names of the files in the state folder. The certificate is public: clients pin it. */
export const CERTIFICATE_FILE = 'rest-cert.pem'
const KEY_FILE = 'rest-key.pem'

export interface TlsFiles {
  /** PEM. */
  readonly cert: string
  /** PEM. Secret. */
  readonly key: string
}

interface OwnOptions {
  readonly directory: string
  /** Names and addresses that it must hold. */
  readonly hosts: readonly string[]
  readonly nowMs: number
}

/** @throws when a file cannot be read. */
export async function readTlsFiles({ certFile, keyFile }: { certFile: string; keyFile: string }): Promise<TlsFiles> {
  return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') }
}

export async function ownCertificate({ directory, hosts, nowMs }: OwnOptions): Promise<TlsFiles> {
  const certFile = join(directory, CERTIFICATE_FILE)
  const keyFile = join(directory, KEY_FILE)
  const kept = await readTlsFiles({ certFile, keyFile }).catch(() => null)
  if (kept !== null && isUsable(kept.cert, hosts, nowMs)) return kept
  const made = await createSelfSigned({ hosts, nowMs, lifeMs: LIFE_MS })
  const files = { cert: pem('CERTIFICATE', made.certificate), key: pem('PRIVATE KEY', made.privateKey) }
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await write(keyFile, files.key, 0o600)
  await write(certFile, files.cert, 0o644)
  return files
}

function isUsable(cert: string, hosts: readonly string[], nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(cert)
    const fits = hosts.every(
      (host) => certificate.checkHost(host) !== undefined || certificate.checkIP(host) !== undefined,
    )
    return fits && certificate.validToDate.getTime() - nowMs > LIFE_MS_MIN
  } catch {
    return false
  }
}

/** Renamed into place, so that nobody reads half of it. */
async function write(path: string, text: string, mode: number): Promise<void> {
  await writeFile(`${path}.new`, text, { mode, flush: true })
  // `mode` counts only for a file that did not exist.
  await chmod(`${path}.new`, mode)
  await rename(`${path}.new`, path)
}
