/**
 * A whole agent inside the test process, on ports that the system chooses, with a release from a list of objects.
 *
 * Everything is real but the control plane: releases are compiled by core and put into `live` by the test.
 *
 * @module
 */
import { hash } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { caseKey, compile, type ObjectInput } from '@headgate/core'
import { type Clock, systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import type { SettingSource } from '@headgate/kit/settings.ts'
import { ApiKeySchema, ConsumerSchema, CredentialState, type Directory, DirectorySchema } from '@headgate/proto'
import { type App, type AppOptions, createApp } from '#agent/app.ts'
import { type AgentSettings, readAgentSettings } from '#agent/config.ts'
import type { Certificates } from '#agent/listen/certificates.ts'
import type { TicketKeys } from '#agent/listen/ticket-keys.ts'
import type { LiveState } from '#agent/live.ts'
import type { DecisionRecord } from '#agent/telemetry/events.ts'

export const ENVIRONMENT_ID = 'env_00000000000000000000000TEST'

/** An agent that serves on the thread of the test. */
export interface TestApp extends App {
  readonly certificates: Certificates
  readonly tickets: TicketKeys
}

export interface TestAgent extends AsyncDisposable {
  readonly app: TestApp
  readonly http: string
  readonly https: string
  readonly h2c: string
  /** Records that were kept, in order. */
  readonly records: readonly DecisionRecord[]
  /** Lines that were logged. */
  readonly logged: () => string
}

interface TestAgentOptions {
  readonly objects?: readonly Omit<ObjectInput, 'origin'>[]
  readonly directory?: Directory
  readonly settings?: Partial<AgentSettings>
  readonly env?: Readonly<Record<string, string>>
  /** What `/state` says about settings. */
  readonly sources?: readonly SettingSource[]
  readonly clock?: Clock
  /** Key of the agent's identity, in DER (PKCS #8); default: it has none. */
  readonly identityKey?: Uint8Array
}

export async function startAgent(options: TestAgentOptions = {}): Promise<TestAgent> {
  let logged = ''
  const log = createLog({ name: 'agent', level: 'debug', destination: { write: (line) => void (logged += line) } })
  const app = await createApp({
    settings: testSettings(options.settings),
    env: options.env ?? {},
    version: '0.0.0-test',
    clock: options.clock ?? systemClock,
    log,
    control: options.identityKey === undefined ? null : controlWith(options.identityKey),
    sources: options.sources ?? [],
    threads: null,
  })
  const { certificates, tickets } = app
  if (certificates === null || tickets === null) throw new Error('another thread serves')
  const records: DecisionRecord[] = []
  const keep = app.telemetry.keep.bind(app.telemetry)
  // The recorder calls it through the object, so a test can listen in.
  app.telemetry.keep = (record) => {
    records.push(record)
    keep(record)
  }
  if (options.directory !== undefined) app.live.directory(ENVIRONMENT_ID).replace(options.directory)
  if (options.objects !== undefined) setRelease(app.live, options.objects)
  return {
    app: { ...app, certificates, tickets },
    http: app.httpUrl ?? '',
    https: app.httpsUrl ?? '',
    h2c: app.h2cUrl ?? '',
    records,
    logged: () => logged,
    [Symbol.asyncDispose]: async () => await app[Symbol.asyncDispose](),
  }
}

/** A connection to a control plane of which nothing is there but the identity. @param key in DER (PKCS #8). */
export function controlWith(key: Uint8Array): NonNullable<AppOptions['control']> {
  return async ({ onKey }) => {
    onKey(key)
    return await Promise.resolve({ status: () => ({}), [Symbol.asyncDispose]: async () => await Promise.resolve() })
  }
}

/** Settings with ports that the system chooses, and short waits where nobody is in flight. */
export function testSettings(changed: Partial<AgentSettings> = {}): AgentSettings {
  const read = readAgentSettings({
    HEADGATE_HTTP_LISTEN: '127.0.0.1:0',
    HEADGATE_HTTPS_LISTEN: '127.0.0.1:0',
    HEADGATE_H2C_LISTEN: '127.0.0.1:0',
    HEADGATE_DRAIN_MS: '200',
    HEADGATE_WORKERS: '0',
    HEADGATE_AGENT_NAME: 'agent-under-test',
    // Every caller of a test has the same address.
    HEADGATE_LOCKOUT_FAILURES: '0',
    // The same tests hold for both backends: `HEADGATE_IO=uring npm test -- agent/src/http`.
    HEADGATE_IO: process.env['HEADGATE_IO'] ?? 'net',
  })
  if (read.kind === 'invalid') throw new Error(read.problems.join('; '))
  return { ...read.settings, ...changed }
}

/** Compiles objects and makes them the live release of an environment. */
export function setRelease(
  live: LiveState,
  objects: readonly Omit<ObjectInput, 'origin'>[],
  { id = ENVIRONMENT_ID, environment = 'production', number = 1 } = {},
): void {
  const located = objects.map((object, index) => ({ ...object, origin: `case:${index + 1}` }))
  const compiled = compile({ tenant: 'case', environment, number, objects: located })
  if (compiled.kind === 'refused') throw new Error(JSON.stringify(compiled.findings))
  live.setRelease(id, compiled.release, number)
}

/** A service with one open route for everything, for tests of what happens below the decision. */
export function openRelease(...urls: readonly string[]): Omit<ObjectInput, 'origin'>[] {
  return [
    { kind: 'service', name: 'shop', spec: { owner: 'team', targets: urls.map((url) => ({ url })) } },
    { kind: 'route', name: 'all', spec: { service: 'shop', path: '/', match: 'prefix' } },
    {
      kind: 'policy',
      name: 'open',
      spec: { type: 'access', on: { route: 'all' }, public: { owner: 'team', reason: 'a test' } },
    },
  ]
}

/** The same behind an API key. */
export function keyedRelease(...urls: readonly string[]): Omit<ObjectInput, 'origin'>[] {
  const [service, route] = openRelease(...urls)
  if (service === undefined || route === undefined) throw new Error('the open release has both')
  const spec = { type: 'access', on: { route: 'all' }, credentials: [{ kind: 'api_key' }] }
  return [service, route, { kind: 'policy', name: 'keyed', spec }]
}

/** A directory with one consumer, `acme`, and active keys of these aliases (`caseKey`). */
export function directoryOf(aliases: readonly string[], sequence = 1n): Directory {
  return create(DirectorySchema, {
    environmentId: ENVIRONMENT_ID,
    sequence,
    consumers: [create(ConsumerSchema, { id: 'cns_acme', name: 'acme' })],
    apiKeys: aliases.map((alias) =>
      create(ApiKeySchema, {
        id: `key_${alias}`,
        consumerId: 'cns_acme',
        sha256: hash('sha256', caseKey('production', alias), 'buffer'),
        state: CredentialState.ACTIVE,
        last4: alias.slice(-4).padStart(4, '0'),
      }),
    ),
  })
}
