/**
 * What surrounds a case file between real processes: the issuer that is asked about tokens, certificates of hosts and
 * clients, and the secrets that agents read.
 *
 * @module
 */
import type { CaseFile } from '@headgate/core'
import { type CaseMaterial, caseMaterial } from '@headgate/core/testing/case-material.ts'
import {
  createAuthority,
  createCertificateRequest,
  createPrivateKeyDer,
  issueClientCertificate,
  issueServerCertificate,
  type KeyedCertificate,
  pem,
  readCertificateRequest,
} from '@headgate/kit/pki.ts'
import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'

/** One file in this world. */
export interface CaseStage {
  readonly material: CaseMaterial
  readonly objects: CaseFile['objects']
  /** How a client connects to a host over TLS. @param alias of its certificate; undefined: none. */
  tls(host: string, alias: string | undefined): ConnectionOptions
}

export interface CaseWorld extends AsyncDisposable {
  stage(file: CaseFile): Promise<CaseStage>
}

const life = { nowMs: Date.now(), lifeMs: 3_600_000 }

/** Where an agent reads the secret of a key that signs with HMAC. */
export const secretName = (alias: string): string => `CASE_SECRET_${alias.toUpperCase()}`

/** What agents have to be started with: every secret of every file, and nobody is locked out. */
export function caseAgentEnv(files: readonly CaseFile[]): Readonly<Record<string, string>> {
  const env: Record<string, string> = { HEADGATE_LOCKOUT_FAILURES: '0', CASE_ISSUER_SECRET: 'a secret' }
  for (const file of files) {
    const { secret } = caseMaterial(file, life)
    for (const credential of file.credentials) env[secretName(credential.alias)] = secret(credential).toString()
  }
  return env
}

/** @param directory where keys of certificates are put. @param upstreamUrl to which all services lead. */
export async function startCaseWorld(directory: string, upstreamUrl: string): Promise<CaseWorld> {
  const authority = await createAuthority({ name: 'authority of the cases', ...life })
  const others = await createAuthority({ name: 'somebody else', ...life })
  const ca = pem('CERTIFICATE', authority.certificate)
  let current: CaseMaterial | null = null
  const issuer = createServer((request, response) => {
    let body = ''
    request.on('data', (piece: Buffer) => (body += piece.toString()))
    request.on('end', () => {
      const token = new URLSearchParams(body).get('token') ?? ''
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(current?.introspect(token) ?? { active: false }))
    })
  })
  await new Promise<void>((resolve) => {
    issuer.listen(0, '127.0.0.1', () => resolve())
  })

  /** With the certificate of the host in place of what only looks like one. */
  async function certificate(spec: CaseFile['objects'][number]['spec']): Promise<CaseFile['objects'][number]['spec']> {
    const [host = ''] = spec['hosts'] as readonly string[]
    const keyed = await issueServerCertificate(authority, { hosts: [host], ...life })
    const keyFile = join(directory, `${crypto.randomUUID()}.key`)
    await writeFile(keyFile, pem('PRIVATE KEY', keyed.privateKey), { mode: 0o600 })
    const asked = spec['client_certificates'] as object | undefined
    const chain = pem('CERTIFICATE', keyed.certificate)
    return {
      ...spec,
      chain,
      key: `file://${keyFile}`,
      ...(asked !== undefined && { client_certificates: { ...asked, ca } }),
    }
  }

  return {
    stage: async (file) => {
      const clients = new Map<string, ClientCertificate>()
      for (const { alias, uri, trusted } of file.client_certificates) {
        clients.set(alias, await clientCertificate(trusted ? authority : others, uri))
      }
      const material = caseMaterial(file, {
        nowMs: Date.now(),
        introspectionUrl: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/`,
        certificateSha256: (alias) =>
          new X509Certificate(clients.get(alias)?.cert ?? '').fingerprint256.replaceAll(':', '').toLowerCase(),
      })
      current = material
      const objects: CaseFile['objects'] = []
      for (const { kind, name, spec } of material.objects) {
        const isPresented = kind === 'certificate' && file.client_certificates.length > 0
        const made = kind === 'service' ? { ...spec, targets: [{ url: upstreamUrl }] } : spec
        objects.push({ kind, name, spec: isPresented ? await certificate(spec) : made })
      }
      return { material, objects, tls: (servername, alias) => ({ ca, servername, ...clients.get(alias ?? '') }) }
    },
    [Symbol.asyncDispose]: async () => {
      issuer.closeAllConnections()
      await new Promise<void>((resolve) => {
        issuer.close(() => resolve())
      })
    },
  }
}

interface ClientCertificate {
  readonly cert: string
  readonly key: string
}

async function clientCertificate(authority: KeyedCertificate, uri: string): Promise<ClientCertificate> {
  const key = await createPrivateKeyDer()
  const request = await readCertificateRequest(await createCertificateRequest(key))
  if (request.kind === 'invalid') throw new Error(request.problem)
  const { publicKey } = request
  const issued = await issueClientCertificate(authority, { publicKey, uri, ...life })
  return { cert: pem('CERTIFICATE', issued), key: pem('PRIVATE KEY', key) }
}
