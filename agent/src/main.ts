/**
 * The agent process: environment in, signals in, exit code out. Also where its serving threads begin.
 *
 * The only file of the agent that touches `process`. What only one of main thread and serving threads needs is loaded
 * by that one alone: a thread has no use for gRPC, and the main thread none for the HTTP engine.
 *
 * @module
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '@headgate/kit/clock.ts'
import { runProcess } from '@headgate/kit/lifecycle.ts'
import { createLog } from '@headgate/kit/log.ts'
import manifest from '../package.json' with { type: 'json' }
import { type AgentSettingsRead, readAgentSettings, settingsReference } from './config.ts'
import type { ThreadData } from './workers/messages.ts'

/** What comes after the drain time, in milliseconds: last telemetry, pools, the control connection. */
const DISPOSE_MS_MORE = 10_000

const HELP = `headgate agent ${manifest.version}

Usage:
  agent                 serve until SIGTERM; SIGHUP puts a new thread in the place of each serving one
  agent config print    print the settings in effect and where each comes from
  agent --version
  agent --help

Settings come from the environment; each also as NAME_FILE, a file that holds the value:

${settingsReference.map(({ name, fallback, doc }) => `  ${name}${fallback === '' ? '' : ` (${fallback})`}\n      ${doc}`).join('\n')}
`

async function main(args: readonly string[]): Promise<void> {
  switch (args.join(' ')) {
    case '--version':
    case '-v':
      process.stdout.write(`headgate agent ${manifest.version}\n`)
      return
    case '--help':
    case '-h':
      process.stdout.write(HELP)
      return
    case 'config print':
    case '':
      break
    default:
      process.stderr.write(`agent: unknown arguments: ${args.join(' ')}\n\n${HELP}`)
      process.exitCode = 2
      return
  }

  const read = readAgentSettings(process.env)
  if (read.kind === 'invalid') {
    process.stderr.write(`agent: the settings are not usable:\n${read.problems.map((each) => `  ${each}\n`).join('')}`)
    process.exitCode = 1
    return
  }
  if (args.length > 0) {
    for (const { name, shown, source } of read.sources) process.stdout.write(`${name}=${shown}  # ${source}\n`)
    return
  }
  await serve(read)
}

async function serve({ settings, sources }: Extract<AgentSettingsRead, { kind: 'ok' }>): Promise<void> {
  const { createApp } = await import('./app.ts')
  const log = createLog({ name: 'agent', level: settings.logLevel })
  await runProcess({
    log,
    process,
    disposeMsMax: settings.drainMs + DISPOSE_MS_MORE,
    create: async () => {
      const app = await createApp({
        settings,
        sources,
        env: process.env,
        version: manifest.version,
        clock: systemClock,
        log,
        control: async (parts) => await (await import('./control/index.ts')).createControl(parts),
        threads: { entry: new URL(import.meta.url), machineNs: () => process.hrtime.bigint() },
      })
      process.on('SIGHUP', () => {
        log.info('restarting the serving threads')
        app.restart().catch((error: unknown) => log.error({ err: error }, 'a serving thread could not be restarted'))
      })
      return app
    },
  })
}

if (isMainThread) await main(process.argv.slice(2))
else if (parentPort !== null) {
  const { startThread } = await import('./workers/thread.ts')
  // What `serving-thread.ts` hands to a thread.
  startThread(workerData as ThreadData, parentPort, () => process.hrtime.bigint())
}
