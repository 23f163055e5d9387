/**
 * An agent as a process of its own, with the settings of its environment and one open route: for tests of what a whole
 * process bears. Only its control plane is left out.
 *
 * Usage: node agent-process.ts <url of the service>. Says where it listens, as one line of JSON, and serves until SIGTERM.
 *
 * @module
 */
import { systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { createApp } from '#agent/app.ts'
import { readAgentSettings } from '#agent/config.ts'
import { openRelease, setRelease } from './agent.ts'

const read = readAgentSettings(process.env)
if (read.kind === 'invalid') throw new Error(read.problems.join('; '))
const app = await createApp({
  settings: read.settings,
  sources: read.sources,
  env: {},
  version: '0.0.0-test',
  clock: systemClock,
  log: createLog({ name: 'agent', level: 'error' }),
  control: null,
  threads: { entry: new URL('../main.ts', import.meta.url), machineNs: () => process.hrtime.bigint() },
})
setRelease(app.live, openRelease(process.argv[2] ?? ''))
await app.live.settled()
process.stdout.write(`${JSON.stringify({ http: app.httpUrl, h2c: app.h2cUrl, admin: app.adminUrl })}\n`)
process.once('SIGTERM', () => void app[Symbol.asyncDispose]())
