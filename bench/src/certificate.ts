/**
 * The certificate that every proxy presents: ECDSA P-256 for `localhost`, made for the run.
 *
 * @module
 */
import { createSelfSigned, pem } from '@headgate/kit/pki.ts'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Certificate } from './peers/peer.ts'

/** Longer than any run. */
const LIFE_MS = 86_400_000

/** Makes it and writes its files. */
export async function createCertificate(directory: string): Promise<Certificate> {
  const made = await createSelfSigned({ hosts: ['localhost'], nowMs: Date.now(), lifeMs: LIFE_MS })
  const [chain, key] = [pem('CERTIFICATE', made.certificate), pem('PRIVATE KEY', made.privateKey)]
  const file = (name: string): string => join(directory, name)
  const [chainFile, keyFile, bothFile] = [file('tls.crt'), file('tls.key'), file('tls.pem')]
  await writeFile(chainFile, chain)
  await writeFile(keyFile, key, { mode: 0o600 })
  await writeFile(bothFile, chain + key, { mode: 0o600 })
  return { chain, chainFile, keyFile, bothFile }
}
