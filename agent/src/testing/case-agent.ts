/**
 * An agent that serves one case file, with everything around it: service, issuer, directory, certificates.
 *
 * @module
 */
import { hash, X509Certificate } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { caseBans, type CaseFile, caseExpiryMs, caseKey } from '@headgate/core'
import { type CaseMaterial, caseMaterial } from '@headgate/core/testing/case-material.ts'
import { createAuthority } from '@headgate/kit/pki.ts'
import {
  ApiKeySchema,
  BanSchema,
  ConsumerSchema,
  type Credential,
  CredentialSchema,
  CredentialState,
  type Directory,
  DirectorySchema,
} from '@headgate/proto'
import { ENVIRONMENT_ID, setRelease, startAgent, type TestAgent } from './agent.ts'
import { serveNode } from './node-service.ts'
import { startService, type TestService } from './service.ts'
import { ca, certificate, clientCertificate, issue } from './tls.ts'

export interface CaseAgent extends AsyncDisposable {
  readonly agent: TestAgent
  readonly service: TestService
  readonly material: CaseMaterial
  /** What a client presents, by alias. */
  readonly clients: ReadonlyMap<string, ClientCertificate>
}

export type ClientCertificate = Awaited<ReturnType<typeof clientCertificate>>

const STATES = {
  active: CredentialState.ACTIVE,
  disabled: CredentialState.DISABLED,
  revoked: CredentialState.REVOKED,
} as const

const secretName = (alias: string): string => `CASE_SECRET_${alias.toUpperCase()}`

/** The directory that a case file describes. */
export function caseDirectory(file: CaseFile, material: CaseMaterial): Directory {
  return create(DirectorySchema, {
    environmentId: ENVIRONMENT_ID,
    sequence: 1n,
    consumers: file.consumers.map(({ name, disabled, roles }) =>
      create(ConsumerSchema, { id: `cns_${name}`, name, disabled, roles }),
    ),
    apiKeys: file.api_keys.map(({ alias, consumer, scopes, addresses, state, expires, limits, decoy }) => {
      const text = caseKey(file.environment, alias)
      return create(ApiKeySchema, {
        id: `key_${alias}`,
        consumerId: `cns_${consumer}`,
        sha256: hash('sha256', text, 'buffer'),
        scopes,
        addresses,
        state: STATES[state],
        expiresAtMs: BigInt(caseExpiryMs(expires, Date.now())),
        last4: text.slice(-11, -7),
        decoy,
        limits: limits.map(({ requests, window_ms }) => ({ requests: BigInt(requests), windowMs: BigInt(window_ms) })),
      })
    }),
    credentials: file.credentials.map((credential) => {
      const { alias, consumer, scopes, addresses, state, expires } = credential
      return create(CredentialSchema, {
        id: `crd_${alias}`,
        consumerId: `cns_${consumer}`,
        scopes,
        addresses,
        state: STATES[state],
        expiresAtMs: BigInt(caseExpiryMs(expires, Date.now())),
        proof: proofOf(credential, material),
      })
    }),
    bans: caseBans(file, Date.now()).map(({ id, source, consumerId, expiresAtMs }) => {
      const value = source ?? consumerId ?? ''
      const who = { case: source === null ? 'consumerId' : 'source', value } as const
      return create(BanSchema, { id, who, expiresAtMs: BigInt(expiresAtMs) })
    }),
  })
}

function proofOf(credential: CaseFile['credentials'][number], material: CaseMaterial): Credential['proof'] {
  const { alias, certificate: identity, signing_key: algorithm } = credential
  if (identity !== undefined) return { case: 'certificate', value: { identity } as never }
  const key =
    algorithm === 'ed25519'
      ? { case: 'ed25519PublicKey', value: material.publicKey(credential) }
      : { case: 'hmacSecret', value: `env://${secretName(alias)}` }
  return { case: 'signingKey', value: { keyId: alias, key } as never }
}

/** Certificates of clients: of the authority of these tests, or of somebody else. */
async function clientsOf(file: CaseFile): Promise<ReadonlyMap<string, ClientCertificate>> {
  const clients = new Map<string, ClientCertificate>()
  for (const { alias, uri, trusted } of file.client_certificates) {
    const other = { name: 'somebody else', nowMs: Date.now(), lifeMs: 3_600_000 }
    clients.set(alias, await clientCertificate(trusted ? undefined : await createAuthority(other), { uri }))
  }
  return clients
}

/** All targets lead to the one service of the test; where clients present certificates, hosts present real ones too. */
async function objectsOf(file: CaseFile, objects: CaseFile['objects'], url: string): Promise<CaseFile['objects']> {
  const real: CaseFile['objects'] = []
  for (const { kind, name, spec } of objects) {
    if (kind === 'service') real.push({ kind, name, spec: { ...spec, targets: [{ url }] } })
    else if (kind === 'certificate' && file.client_certificates.length > 0) {
      const [host = ''] = spec['hosts'] as readonly string[]
      const asked = spec['client_certificates'] as object | undefined
      const more = asked === undefined ? {} : { client_certificates: { ...asked, ca } }
      const { spec: made } = await certificate(name, host, await issue(host), more)
      real.push({ kind, name, spec: made as CaseFile['objects'][number]['spec'] })
    } else real.push({ kind, name, spec })
  }
  return real
}

export async function startCaseAgent(file: CaseFile): Promise<CaseAgent> {
  await using stack = new AsyncDisposableStack()
  const service = stack.use(await startService())
  const clients = await clientsOf(file)
  // Asked once the material is there: nobody asks before.
  let introspect: CaseMaterial['introspect'] = () => ({ active: false })
  const issuer = stack.use(
    await serveNode((request, response) => {
      let body = ''
      request.on('data', (piece: Buffer) => (body += piece.toString()))
      request.on('end', () => {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify(introspect(new URLSearchParams(body).get('token') ?? '')))
      })
    }),
  )
  const material = caseMaterial(file, {
    nowMs: Date.now(),
    introspectionUrl: issuer.url,
    certificateSha256: (alias) =>
      new X509Certificate(clients.get(alias)?.cert ?? '').fingerprint256.replaceAll(':', '').toLowerCase(),
  })
  introspect = material.introspect
  const secrets = file.credentials.map((credential): [string, string] => [
    secretName(credential.alias),
    material.secret(credential).toString(),
  ])
  const agent = stack.use(
    await startAgent({
      settings: { recordsAllowedPerS: 100_000, lockOutFailures: file.bad_credentials_max ?? 0 },
      env: { CASE_ISSUER_SECRET: 'a secret', ...Object.fromEntries(secrets) },
    }),
  )
  agent.app.live.directory(ENVIRONMENT_ID).replace(caseDirectory(file, material))
  const objects = await objectsOf(file, material.objects, service.url)
  setRelease(agent.app.live, objects, { environment: file.environment })
  if (file.client_certificates.length > 0) await agent.app.certificates.settled()
  const owned = stack.move()
  return { agent, service, material, clients, [Symbol.asyncDispose]: async () => await owned.disposeAsync() }
}
