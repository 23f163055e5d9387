/**
 * A whole agent inside the test process whose requests are served by threads of their own.
 *
 * @module
 */
import { systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { type App, createApp } from '#agent/app.ts'
import type { AgentSettings } from '#agent/config.ts'
import type { DecisionRecord } from '#agent/telemetry/events.ts'
import { controlWith, testSettings } from './agent.ts'

export interface ThreadedAgent extends AsyncDisposable {
  readonly app: App
  readonly http: string
  /** Records that were kept, in order of their arrival. */
  readonly records: readonly DecisionRecord[]
  /** Lines that the main thread logged. */
  readonly logged: () => string
}

/**
 * @param entry another module that starts threads.
 * @param env where `env://` secret references look.
 * @param identityKey in DER (PKCS #8); null: the agent has no identity.
 */
export async function startThreads(
  settings: Partial<AgentSettings>,
  entry = new URL('../main.ts', import.meta.url),
  env: Readonly<Record<string, string>> = {},
  identityKey: Uint8Array | null = null,
): Promise<ThreadedAgent> {
  let logged = ''
  const log = createLog({ name: 'agent', level: 'debug', destination: { write: (line) => void (logged += line) } })
  const app = await createApp({
    settings: testSettings({
      adminListen: { host: '127.0.0.1', port: 0 },
      httpsListen: undefined,
      logLevel: 'silent',
      ...settings,
    }),
    sources: [],
    env,
    version: '0.0.0-test',
    clock: systemClock,
    log,
    control: identityKey === null ? null : controlWith(identityKey),
    threads: { entry, machineNs: () => process.hrtime.bigint() },
  })
  const records: DecisionRecord[] = []
  const keep = app.telemetry.keep.bind(app.telemetry)
  app.telemetry.keep = (record) => {
    records.push(record)
    keep(record)
  }
  return {
    app,
    http: app.httpUrl ?? '',
    records,
    logged: () => logged,
    [Symbol.asyncDispose]: async () => await app[Symbol.asyncDispose](),
  }
}
