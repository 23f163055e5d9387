/**
 * A control plane's fleet side on a real database and port, agents in processes of their own, and the changes that
 * operators would make.
 *
 * @module
 */
import { Metadata, type ServiceError, credentials } from '@grpc/grpc-js'
import { create } from '@bufbuild/protobuf'
import { systemClock } from '@headgate/kit/clock.ts'
import { newId } from '@headgate/kit/ids.ts'
import { type Log, createLog } from '@headgate/kit/log.ts'
import { type KeyedCertificate, createCertificateRequest, createPrivateKeyDer, pem } from '@headgate/kit/pki.ts'
import { type Database, type Prisma, createDatabase } from '@headgate/prisma'
import {
  type EnrollResponse,
  EnrollRequestSchema,
  FleetService,
  type ServiceClient,
  createServiceClient,
} from '@headgate/proto'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import { buildSnapshot } from '#control-plane/releases/snapshot.ts'
import { createSealer } from '#control-plane/secrets/seal.ts'
import { type InstallationKeys, LINK_SERVER_NAME, loadInstallationKeys } from '#control-plane/secrets/store.ts'
import { createTelemetryReceiver } from '#control-plane/telemetry/receiver.ts'
import { type FleetHub, type FleetSettings, createFleet } from './server.ts'

const HOUR_MS = 3_600_000

/** Longest wait for anything that an agent does, in milliseconds. */
const WAIT_MS = 60_000

const AGENT = fileURLToPath(new URL('../../../agent/src/control/testing/run-control.ts', import.meta.url))

export const silentLog: Log = createLog({ name: 'test', level: 'silent' })

export interface TestFleet extends AsyncDisposable {
  readonly db: Database
  readonly keys: InstallationKeys
  readonly fleet: FleetHub
}

/** @param settings.listen default: a free port of the loopback. */
export async function startTestFleet(
  databaseUrl: string,
  masterKey: Uint8Array,
  settings: Partial<FleetSettings> = {},
): Promise<TestFleet> {
  await using stack = new AsyncDisposableStack()
  const db = stack.use(createDatabase(databaseUrl, { poolMax: 5 }))
  const keys = await loadInstallationKeys({ db, sealer: createSealer(masterKey), clock: systemClock })
  const shared = { db, clock: systemClock, log: silentLog }
  const retention = { rowsMax: 1000, recordsMs: HOUR_MS, minutesMs: HOUR_MS }
  const telemetry = stack.use(createTelemetryReceiver({ ...shared, retention }))
  const fleet = stack.use(
    await createFleet({
      ...shared,
      settings: { listen: '127.0.0.1:0', advertise: null, ...settings },
      databaseUrl,
      keys,
      telemetry,
    }),
  )
  const disposal = stack.move()
  return { db, keys, fleet, [Symbol.asyncDispose]: () => disposal.disposeAsync() }
}

export interface Seeded {
  readonly tenantId: string
  readonly environmentId: string
  readonly groupId: string
}

/** A tenant with one environment that one agent group serves. */
export async function seed(db: Database, name: string): Promise<Seeded> {
  const nowMs = Date.now()
  const ids = { tenantId: newId('ten', nowMs), environmentId: newId('env', nowMs), groupId: newId('grp', nowMs) }
  await db.tenant.create({ data: { id: ids.tenantId, name } })
  await db.environment.create({ data: { id: ids.environmentId, tenantId: ids.tenantId, name: 'production' } })
  await db.agentGroup.create({ data: { id: ids.groupId, name } })
  await db.agentGroupEnvironment.create({ data: { groupId: ids.groupId, environmentId: ids.environmentId } })
  return ids
}

/** Objects of a release with one route. */
export function objectsWith(route: string): { kind: string; name: string; spec: unknown; origin: string }[] {
  const origin = 'headgate.yaml:1'
  return [
    { kind: 'service', name: 'orders', origin, spec: { owner: 'team', targets: [{ url: 'http://127.0.0.1:9000' }] } },
    { kind: 'route', name: route, origin, spec: { service: 'orders', path: '/orders', hosts: ['api.example.com'] } },
    {
      kind: 'policy',
      name: 'access',
      origin,
      spec: { type: 'access', on: { environment: true }, credentials: [{ kind: 'api_key', header: 'x-api-key' }] },
    },
  ]
}

/** Publishes without a gate: also what no operator could. @returns the number. */
export async function publish(
  { db, keys, fleet }: TestFleet,
  { tenantId, environmentId }: Seeded,
  objects: readonly { kind: string; name: string; spec: unknown; origin: string }[],
): Promise<number> {
  return db.$transaction(async (tx) => {
    const { releaseNumber: number } = await tx.environment.update({
      where: { id: environmentId },
      data: { releaseNumber: { increment: 1 } },
    })
    const snapshot = buildSnapshot({
      tenant: { id: tenantId, name: 'tenant' },
      environment: { id: environmentId, name: 'production' },
      number,
      publishedAtMs: Date.now(),
      objects,
    })
    const { signature, keyId } = keys.signer.sign(snapshot)
    const id = newId('rel', Date.now())
    await tx.release.create({ data: { id, environmentId, number, snapshot, signature, keyId, createdBy: 'test' } })
    await fleet.notifyRelease(tx, environmentId)
    return number
  })
}

type Change = (tx: Prisma.TransactionClient, sequence: bigint) => Promise<void>

/** Changes the directory as the REST handlers do. @returns the sequence, and when it was committed. */
export async function changeDirectory(
  { db, fleet }: Pick<TestFleet, 'db' | 'fleet'>,
  environmentId: string,
  change: Change,
): Promise<{ readonly sequence: bigint; readonly committedAtMs: number }> {
  const sequence = await db.$transaction(async (tx) => {
    const { directorySequence } = await tx.environment.update({
      where: { id: environmentId },
      data: { directorySequence: { increment: 1 } },
    })
    await change(tx, directorySequence)
    await fleet.notifyDirectory(tx, environmentId)
    return directorySequence
  })
  return { sequence, committedAtMs: Date.now() }
}

/** @returns id of the consumer. */
export async function addConsumer(test: TestFleet, environmentId: string, name: string): Promise<string> {
  const id = newId('cns', Date.now())
  await changeDirectory(test, environmentId, async (tx, sequence) => {
    await tx.consumer.create({ data: { id, environmentId, name, sequence } })
  })
  return id
}

/** @returns id of the key. */
export async function addApiKey(test: TestFleet, environmentId: string, consumerId: string): Promise<string> {
  const id = newId('key', Date.now())
  const sha256 = new Uint8Array(createHash('sha256').update(randomBytes(32)).digest())
  await changeDirectory(test, environmentId, async (tx, sequence) => {
    const data = {
      id,
      environmentId,
      consumerId,
      sha256,
      last4: 'abcd',
      scopes: ['orders:read'],
      sequence,
      createdBy: 'test',
    }
    await tx.apiKey.create({ data })
  })
  return id
}

export async function revokeApiKey(test: TestFleet, environmentId: string, id: string) {
  return changeDirectory(test, environmentId, async (tx, sequence) => {
    await tx.apiKey.update({ where: { id }, data: { state: 'revoked', revokedAt: new Date(), sequence } })
  })
}

export async function newToken({ db, fleet }: TestFleet, groupId: string, lifeMs = HOUR_MS): Promise<string> {
  const token = { id: newId('jtk', Date.now()), groupId, expiresAt: new Date(Date.now() + lifeMs), createdBy: 'test' }
  return db.$transaction((tx) => fleet.createJoinToken(tx, token))
}

/** What an agent process said; see agent/src/control/testing/run-control.ts. */
export type AgentEvent = { readonly event: string; readonly at: number } & Readonly<Record<string, unknown>>

export interface TestAgent extends AsyncDisposable {
  readonly events: AgentEvent[]
  readonly log: () => string
  /** The first event that fits, past ones included. */
  waitFor(test: (event: AgentEvent) => boolean, what: string): Promise<AgentEvent>
  kill(): Promise<void>
}

export function startTestAgent(argument: { stateDir: string; agentName: string; joinToken?: string }): TestAgent {
  const child: ChildProcess = spawn(process.execPath, [AGENT, JSON.stringify(argument)], { stdio: 'pipe' })
  const events: AgentEvent[] = []
  let log = ''
  let onEvent = (): void => {}
  child.stderr?.on('data', (text: Buffer) => (log += text.toString()))
  if (child.stdout !== null) {
    createInterface(child.stdout).on('line', (line) => {
      events.push(JSON.parse(line) as AgentEvent)
      onEvent()
    })
  }
  const exited = once(child, 'exit')

  async function stop(signal: NodeJS.Signals | null): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    if (signal === null) child.stdin?.end()
    else child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), WAIT_MS)
    await exited
    clearTimeout(timer)
  }

  return {
    events,
    log: () => log,
    waitFor: async (test, what) => {
      const end = Date.now() + WAIT_MS
      for (;;) {
        const found = events.find(test)
        if (found !== undefined) return found
        const changed = new Promise<void>((resolve) => (onEvent = resolve))
        const late = new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, end - Date.now())).unref())
        await Promise.race([changed, late])
        if (Date.now() >= end)
          throw new Error(`agent: ${what} did not happen:\n${JSON.stringify(events, null, 1)}\n${log}`)
      }
    },
    kill: () => stop('SIGKILL'),
    [Symbol.asyncDispose]: () => stop(null),
  }
}

/** A client of the agent link with any certificate, or none. */
export function linkClient(
  { fleet, keys }: Pick<TestFleet, 'fleet' | 'keys'>,
  proof: KeyedCertificate | null,
): ServiceClient<typeof FleetService> {
  return createServiceClient(FleetService, `127.0.0.1:${fleet.port}`, linkCredentials(keys, proof), linkOptions)
}

export const linkOptions = { 'grpc.ssl_target_name_override': LINK_SERVER_NAME, 'grpc.use_local_subchannel_pool': 1 }

export function linkCredentials(keys: InstallationKeys, proof: KeyedCertificate | null) {
  const ca = Buffer.from(pem('CERTIFICATE', keys.agentAuthority.certificate))
  if (proof === null) return credentials.createSsl(ca)
  const [key, certificate] = [pem('PRIVATE KEY', proof.privateKey), pem('CERTIFICATE', proof.certificate)]
  return credentials.createSsl(ca, Buffer.from(key), Buffer.from(certificate))
}

export interface EnrolledAgent extends KeyedCertificate {
  readonly agentId: string
  readonly agentName: string
}

/** Enrolls without an agent process. */
export async function enrollDirectly(test: TestFleet, joinToken: string, name = 'direct'): Promise<EnrolledAgent> {
  const bytes = Buffer.from(joinToken.slice('hgj_'.length), 'base64url')
  const privateKey = await createPrivateKeyDer()
  const request = create(EnrollRequestSchema, {
    joinSecret: bytes.subarray(33, 65).toString('base64url'),
    certificateRequest: await createCertificateRequest(privateKey),
    name,
  })
  const client = linkClient(test, null)
  try {
    const response = await callOnce<EnrollResponse>((options, done) =>
      client.enroll(request, new Metadata(), options, done),
    )
    const { agentId, agentName } = response
    return { agentId, agentName, certificate: new Uint8Array(response.certificate), privateKey }
  } finally {
    client.close()
  }
}

/** @throws ServiceError */
export function callOnce<T>(
  start: (options: { deadline: number }, done: (error: ServiceError | null, response?: T) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start({ deadline: Date.now() + WAIT_MS }, (error, response) => {
      if (error !== null || response === undefined) reject(error ?? new Error('empty'))
      else resolve(response)
    })
  })
}

/** Waits until something holds. */
export async function eventually(
  what: string,
  test: () => Promise<boolean> | boolean,
  waitMs = WAIT_MS,
): Promise<number> {
  const start = Date.now()
  while (!(await test())) {
    if (Date.now() - start > waitMs) throw new Error(`${what} did not happen within ${waitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return Date.now() - start
}
