/**
 * The control plane process: arguments, settings, signals. The only file that touches `process`.
 *
 * @module
 */
import { systemClock } from '@headgate/kit/clock.ts'
import { runProcess } from '@headgate/kit/lifecycle.ts'
import { createLog } from '@headgate/kit/log.ts'
import { createApp } from './app.ts'
import { readControlPlaneSettings, settingsReference } from './config.ts'
import { version } from './version.ts'

/** Beyond the time for requests in flight: streams of agents, last writes, database. In milliseconds. */
const DISPOSE_GRACE_MS = 10_000

const HELP = `headgate control plane ${version}

  node control-plane/src/main.ts                  run
  node control-plane/src/main.ts config print     show the settings that count, and where each comes from
  node control-plane/src/main.ts --version

Settings (each also as NAME_FILE, a file that holds the value):
${settingsReference.map(({ name, fallback, doc }) => `  ${name}${fallback === '' ? '' : ` (${fallback})`}\n      ${doc}`).join('\n')}
`

const [first, second, ...rest] = process.argv.slice(2)
if (first === '--version') process.stdout.write(`${version}\n`)
else if (first === '--help' || first === '-h') process.stdout.write(HELP)
else if (first === undefined || (first === 'config' && second === 'print' && rest.length === 0))
  await run(first !== undefined)
else {
  process.stderr.write(`error: unknown argument ${first}\n\n${HELP}`)
  process.exitCode = 3
}

async function run(printOnly: boolean): Promise<void> {
  const read = readControlPlaneSettings(process.env)
  if (read.kind === 'invalid') {
    process.stderr.write(
      `error: the settings are not valid:\n${read.problems.map((problem) => `  ${problem}\n`).join('')}`,
    )
    process.exitCode = 1
    return
  }
  const { settings, sources } = read
  if (printOnly) {
    process.stdout.write(sources.map(({ name, shown, source }) => `${name}=${shown}  # ${source}\n`).join(''))
    return
  }
  const log = createLog({ name: 'control-plane', level: settings.logLevel })
  log.info({ version, settings: Object.fromEntries(sources.map(({ name, shown }) => [name, shown])) }, 'starting')
  await runProcess({
    log,
    process,
    disposeMsMax: settings.drainMs + DISPOSE_GRACE_MS,
    create: (stop) =>
      createApp({ settings, version, clock: systemClock, log, stop, print: (line) => void process.stdout.write(line) }),
  })
}
