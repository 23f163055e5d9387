/**
 * What each kind of caller costs a serving thread, from facts to a decision: a program, which `bench` starts.
 *
 * The release, the directory and everything that proves credentials are the agent's own; there is no network. What is
 * remembered is measured by presenting the same credential again and again, what is not by credentials of which each is
 * presented once, to a memory that is new in every round. Beside them stand the bare checks of `node:crypto` of the very
 * same signatures. Prints one line of JSON: CPU time in nanoseconds, the median of the rounds.
 *
 * @module
 */
import { createPublicKey, randomUUID, verify } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import {
  caseKey,
  compile,
  decide,
  type Decision,
  type DecisionPorts,
  type Facts,
  normalise,
  type ObjectInput,
  type RequestHead,
} from '@headgate/core'
import { systemClock } from '@headgate/kit/clock.ts'
import { CredentialSchema, CredentialState } from '@headgate/proto'
import { calculateJwkThumbprint } from 'jose'
import { createCallers } from '#agent/auth/verify.ts'
import { KnownKeys } from '#agent/issuers/known-keys.ts'
import { createCallerMemory } from '#agent/limits/callers.ts'
import { createLocalLimits } from '#agent/limits/local.ts'
import { createLocalMemory } from '#agent/limits/memory.ts'
import { createLive } from '#agent/live.ts'
import type { LiveEnvironment } from '#agent/live-table.ts'
import { createPorts } from '#agent/pipeline/ports.ts'
import { ENVIRONMENT_ID } from '#agent/testing/agent.ts'
import { callersDirectory, HOST, proofOf, signatureOf, signToken, testKey } from '#agent/testing/callers.ts'

const ROUNDS = Number(process.argv[2] ?? 7)
/** Rounds before them: a thread that serves has long compiled what it runs. */
const WARM_UPS = 12
/** Length of one round of what can be presented again, in milliseconds. */
const ROUND_MS = 150
/** Calls between two looks at the clock. */
const BATCH = 500
/** Credentials of which each is presented once in a round. */
const FRESH = 1_500

const ISSUER = 'https://id.test'
const AUDIENCE = 'https://orders.test'
const SECRET = 'a secret of thirty-two characters'

const issuerKey = testKey('k1')
const holder = testKey()
const jkt = await calculateJwkThumbprint(holder.jwk)
const nowS = Math.floor(systemClock.now() / 1_000)

const tokenOf = (more: object = {}): string =>
  signToken(
    issuerKey,
    { kid: 'k1' },
    {
      iss: ISSUER,
      aud: AUDIENCE,
      exp: nowS + 3_600,
      iat: nowS,
      client_id: 'acme',
      scope: 'orders:read orders:write',
      jti: randomUUID(),
      ...more,
    },
  )

function release(): LiveEnvironment {
  const route = (name: string, access: object, path = `/${name}`): readonly object[] => [
    { kind: 'route', name, spec: { service: 'shop', path, exposure: 'public' } },
    { kind: 'policy', name: `${name}.access`, spec: { type: 'access', on: { route: name }, ...access } },
  ]
  const introspection = {
    url: 'https://asked.test/introspect',
    client: { method: 'client_secret_basic', client_id: 'agent', secret: 'env://SECRET' },
    cache_ms: 30_000,
  }
  const signed = { kind: 'signature', covered: ['@method', '@authority', '@path', '@query'] }
  const objects = [
    { kind: 'service', name: 'shop', spec: { owner: 'team', targets: [{ url: 'http://127.0.0.1:9' }] } },
    {
      kind: 'issuer',
      name: 'id',
      spec: { issuer: ISSUER, keys: { jwks: { keys: [issuerKey.jwk] } }, audiences: [AUDIENCE] },
    },
    { kind: 'issuer', name: 'asked', spec: { issuer: 'https://asked.test', introspection, audiences: [AUDIENCE] } },
    ...route('open', { public: { owner: 'team', reason: 'it is measured' } }),
    ...route('keys', { credentials: [{ kind: 'api_key' }] }),
    ...route('jwt', { credentials: [{ kind: 'jwt', issuer: 'id' }], scopes: ['orders:read'] }),
    ...route('opaque', { credentials: [{ kind: 'introspection', issuer: 'asked' }], scopes: ['orders:read'] }),
    ...route('signed', { credentials: [signed] }, '/'),
  ].map((object, index) => ({ ...object, origin: `cost:${index + 1}` }) as ObjectInput)
  const compiled = compile({ tenant: 'cost', environment: 'production', number: 1, objects })
  if (compiled.kind === 'refused') throw new Error(JSON.stringify(compiled.findings))
  const live = createLive()
  const hmac = create(CredentialSchema, {
    id: 'crd_1',
    consumerId: 'cns_acme',
    state: CredentialState.ACTIVE,
    proof: { case: 'signingKey', value: { keyId: 'hmac', key: { case: 'hmacSecret', value: 'env://SECRET' } } },
  })
  live
    .directory(ENVIRONMENT_ID)
    .replace(callersDirectory({ consumers: ['acme'], apiKeys: ['good'], credentials: [hmac] }))
  live.setRelease(ENVIRONMENT_ID, compiled.release, 1)
  const environment = live.forHost(HOST)
  if (environment === null) throw new Error('nothing is live')
  return environment
}

const environment = release()

/** What proves credentials, with nothing remembered. */
function freshPorts(): DecisionPorts {
  const callers = createCallers({
    live: { forHost: () => environment, environments: () => [environment], onChange: () => () => {} },
    env: { SECRET },
    clock: systemClock,
    memory: createCallerMemory(100_000),
    lockOut: { failuresMax: 20, lockedMsMax: 60_000 },
    known: new KnownKeys(systemClock, () => Promise.resolve(null)),
    issuers: {
      renew: () => Promise.resolve(null),
      introspect: () =>
        Promise.resolve({
          kind: 'active',
          claims: { active: true, aud: AUDIENCE, client_id: 'acme', scope: 'orders:read', exp: nowS + 3_600 },
        }),
    },
  })
  const limits = createLocalLimits({ memory: createLocalMemory(1_000), clock: systemClock })
  return createPorts({ clock: systemClock, callers, limits })(environment)
}

const NONE: readonly string[] = []

function factsOf(target: string, fields: Readonly<Record<string, string>> = {}): Facts {
  const lists = new Map(Object.entries({ host: HOST, ...fields }).map(([name, value]) => [name, [value]]))
  const header: RequestHead['header'] = (name) => lists.get(name) ?? NONE
  const read = normalise({ method: 'GET', target, scheme: 'http', address: '127.0.0.1', header })
  if (read.kind === 'refused') throw new Error(read.reason)
  return read.facts
}

type Pending = Decision | Promise<Decision>

/** Kept, so that no call can be left out as useless. */
let last: unknown

async function mustAllow(pending: Pending): Promise<void> {
  const { reason } = await pending
  if (reason !== 'allowed') throw new Error(`refused: ${reason}`)
}

const cpuNs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1_000
}

/** What can be presented again. */
async function again(facts: Facts): Promise<number> {
  const ports = freshPorts()
  for (let count = 0; count < 2; count++) await mustAllow(decide(environment.release, facts, ports))
  const [before, end] = [cpuNs(), performance.now() + ROUND_MS]
  let calls = 0
  while (performance.now() < end) {
    for (let count = 0; count < BATCH; count++) last = decide(environment.release, facts, ports)
    calls += BATCH
  }
  if (last instanceof Promise) throw new Error('what is remembered needs no promise')
  return (cpuNs() - before) / calls
}

/** What counts once, or was never seen. */
async function once(all: readonly Facts[]): Promise<number> {
  const ports = freshPorts()
  const before = cpuNs()
  for (const facts of all) {
    const pending = decide(environment.release, facts, ports)
    const { reason } = pending instanceof Promise ? await pending : pending
    if (reason !== 'allowed') throw new Error(`refused: ${reason}`)
  }
  return (cpuNs() - before) / all.length
}

interface Signed {
  readonly text: Buffer
  readonly signature: Buffer
}

const key = {
  key: createPublicKey({ key: { ...issuerKey.jwk }, format: 'jwk' }),
  dsaEncoding: 'ieee-p1363',
} as const

function bareSync(all: readonly Signed[]): number {
  const before = cpuNs()
  for (const { text, signature } of all) if (!verify('sha256', text, key, signature)) throw new Error('not signed')
  return (cpuNs() - before) / all.length
}

async function bareAsync(all: readonly Signed[]): Promise<number> {
  const before = cpuNs()
  for (const { text, signature } of all) {
    const isSigned = await new Promise<boolean>((resolve, reject) => {
      verify('sha256', text, key, signature, (error, result) => (error === null ? resolve(result) : reject(error)))
    })
    if (!isSigned) throw new Error('not signed')
  }
  return (cpuNs() - before) / all.length
}

const tokens = Array.from({ length: FRESH }, () => tokenOf())
const signed = tokens.map((text): Signed => {
  const end = text.lastIndexOf('.')
  return { text: Buffer.from(text.slice(0, end)), signature: Buffer.from(text.slice(end + 1), 'base64url') }
})
const bound = tokenOf({ cnf: { jkt } })

const bearer = (text: string, target = '/jwt'): Facts => factsOf(target, { authorization: `Bearer ${text}` })

function proven(): Facts {
  const dpop = proofOf(holder, `http://${HOST}/jwt`, bound)
  return factsOf('/jwt', { authorization: `DPoP ${bound}`, dpop })
}

function signedFacts(index: number): Facts {
  // One second each, since what was signed counts once.
  const lines = signatureOf(
    { id: 'hmac', secret: SECRET },
    { created: Math.floor(systemClock.now() / 1_000) - (index % 200) },
  )
  const fields = lines.map((line) => line.split(/: (.*)/s, 2).map((part, at) => (at === 0 ? part.toLowerCase() : part)))
  return factsOf('/', Object.fromEntries(fields) as Record<string, string>)
}

const open = factsOf('/open')
const keyed = factsOf('/keys', { 'x-api-key': caseKey('production', 'good') })
const cached = bearer(tokens[0] ?? '')
const opaque = bearer('an-opaque-token-of-the-issuer', '/opaque')
const uncached = tokens.map((text) => bearer(text))

const rows: readonly (readonly [name: string, measure: () => number | Promise<number>])[] = [
  ['open route', async () => await again(open)],
  ['API key', async () => await again(keyed)],
  ['JWT, seen before', async () => await again(cached)],
  ['introspection, answered before', async () => await again(opaque)],
  ['JWT by ES256, new', async () => await once(uncached)],
  ['bare check of ES256', () => bareSync(signed)],
  ['bare check of ES256, on another thread', async () => await bareAsync(signed)],
  // Proofs get old, so they are made in each round.
  ['DPoP, a new proof of a token seen before', async () => await once(Array.from({ length: FRESH }, proven))],
  ['signed request (HMAC)', async () => await once(Array.from({ length: 200 }, (_, index) => signedFacts(index)))],
]

const found = rows.map((): number[] => [])
for (let round = 0; round < WARM_UPS + ROUNDS; round++) {
  for (const [index, [, measure]] of rows.entries()) {
    const ns = await measure()
    if (round >= WARM_UPS) found[index]?.push(ns)
  }
}
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
process.stdout.write(
  `${JSON.stringify(rows.map(([name], index) => ({ name, ns: Math.round(median(found[index] ?? [])) })))}\n`,
)
