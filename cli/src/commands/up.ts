/**
 * `headgate up`: a working Headgate on this machine, in the foreground.
 *
 * @module
 */
import { Option, type Command } from 'commander'
import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import type { Cli, Session } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { readContext } from '#cli/connect/context.ts'
import { certificatesOf } from '#cli/connect/fetch.ts'
import { fingerprintOf } from '#cli/connect/pin.ts'
import { CliError, exitCodes, usageError } from '#cli/exit.ts'
import { type Folder, folderAt, prepareFolder } from '#cli/local/folder.ts'
import { programPath } from '#cli/local/programs.ts'
import { readRunFile } from '#cli/local/run-file.ts'
import type { LocalOptions, LocalPorts } from '#cli/local/settings.ts'
import { startLocal } from '#cli/local/start.ts'

interface Options {
  readonly data: string
  readonly sample: boolean
  readonly detach?: boolean
  readonly quiet?: boolean
  readonly portRest: string
  readonly portLink: string
  readonly portHttp: string
  readonly portHttps: string
  readonly portSample: string
  readonly portPostgres: string
}

/** Folder of a local start. */
export const DATA_FOLDER = '.headgate'

/** Longest wait for one step unless `--timeout` says otherwise, in milliseconds. The first start makes a database. */
const STEP_MS = 60_000

const PORTS: readonly (readonly [keyof LocalPorts, string, string])[] = [
  ['rest', '7600', 'Dashboard and admin API (HTTPS)'],
  ['link', '7443', 'Link of agents (gRPC)'],
  ['http', '8080', 'Proxy, HTTP'],
  ['https', '8443', 'Proxy, HTTPS'],
  ['sample', '9000', 'Sample API'],
  ['postgres', '0', 'Embedded Postgres, unless DATABASE_URL names another one; 0: a free one'],
]

export function upCommand(cli: Cli): Command {
  const up = command('up', {
    summary: 'Start everything on this machine: Postgres, control plane, an agent, and a sample API behind it',
    examples: ['headgate up', 'headgate up --port-http 8081 --no-sample'],
  })
    .addOption(new Option('--data <folder>', 'Where everything is kept').default(DATA_FOLDER).env('HEADGATE_DATA'))
    .option('--no-sample', 'Leave the sample API away')
    .option('--detach', 'Return when it runs; `headgate down` stops it')
    .addOption(new Option('--quiet', 'Print no link').hideHelp())
  for (const [name, port, what] of PORTS) {
    up.addOption(new Option(`--port-${name} <port>`, what).default(port).env(`HEADGATE_PORT_${name.toUpperCase()}`))
  }
  return up.action(async (options: Options) => {
    const local = readOptions(cli, options)
    await refuseSecondStart(cli, local.folder)
    await (options.detach === true ? detach(cli, local) : foreground(cli, local, options.quiet === true))
  })
}

function readOptions(cli: Cli, options: Options): LocalOptions {
  const port = (name: string, text: string): number => {
    const value = Number(text)
    if (!/^[0-9]{1,5}$/.test(text) || value > 65_535 || (value === 0 && name !== 'postgres')) {
      throw usageError(`--port-${name} ${text} is not a port`, 'A number from 1 to 65535')
    }
    return value
  }
  return {
    folder: folderAt(resolve(cli.terminal.cwd, options.data)),
    sample: options.sample,
    stepMs: cli.timeoutMs(STEP_MS),
    ports: {
      rest: port('rest', options.portRest),
      link: port('link', options.portLink),
      http: port('http', options.portHttp),
      https: port('https', options.portHttps),
      sample: port('sample', options.portSample),
      postgres: port('postgres', options.portPostgres),
    },
  }
}

async function refuseSecondStart(cli: Cli, folder: Folder): Promise<void> {
  const file = await readRunFile(folder.runFile)
  if (file === undefined || file.up.pid === cli.terminal.pid || !(await cli.terminal.processes.runs(file.up))) return
  throw new CliError(`it runs already, as process ${file.up.pid}`, {
    exitCode: exitCodes.conflict,
    fix: 'A new dashboard link: headgate open; stop it: headgate down',
  })
}

async function foreground(cli: Cli, local: LocalOptions, quiet: boolean): Promise<void> {
  const { signal } = cli.terminal
  await using stack = new AsyncDisposableStack()
  try {
    const { session, hasSample } = await startLocal(cli, local, stack)
    if (!quiet) await welcome(cli, local, { session, hasSample, stop: 'Ctrl-C' })
    if (!signal.aborted) await new Promise((settle) => signal.addEventListener('abort', settle, { once: true }))
  } catch (thrown) {
    // Ctrl-C during the start is a stop, not a failure.
    if (!signal.aborted) throw thrown
  }
  cli.talk.line('\n  Stopping; data stays')
}

async function welcome(
  cli: Cli,
  { folder, ports }: LocalOptions,
  { session, hasSample, stop }: { readonly session: Session; readonly hasSample: boolean; readonly stop: string },
): Promise<void> {
  const { url } = await session.client.call('createWelcomeLink')
  const { style, terminal } = cli
  const [certificate] = certificatesOf(await readFile(folder.certificate, 'utf8'))
  const proxy = `http://localhost:${ports.http}`
  const sample = `${proxy}/orders/42`
  const next = hasSample
    ? [`curl -i ${sample}`, 'npx headgate keys create --consumer alice --scope orders:read']
    : ['npx headgate protect http://localhost:3000 --name billing']
  const lines = [
    '',
    `  Dashboard (link works once, 10 minutes):   ${style.bold(url)}`,
    ...(hasSample
      ? [`  Sample API \`orders\`, protected by a key:   ${style.bold(sample)}`]
      : [`  Requests enter at:                         ${style.bold(proxy)}`]),
    '',
    '  Next, in another terminal:',
    ...next.map((line) => `    ${style.good(line)}`),
    '',
    style.dim(
      `  The browser asks about a certificate that was made on this machine${certificate === undefined ? '' : `:\n  ${fingerprintOf(certificate)}`}`,
    ),
    style.dim(`  ${stop} stops everything; data stays in ${near(terminal.cwd, folder.root)}`),
    '',
  ]
  terminal.out.stream.write(`${lines.join('\n')}\n`)
}

/** A path as people would write it from where they are. */
function near(cwd: string, path: string): string {
  const short = relative(cwd, path)
  return short === '' || short.startsWith('..') ? path : short
}

/** Starts itself again without a terminal and waits until it is ready. */
async function detach(cli: Cli, local: LocalOptions): Promise<void> {
  const { terminal } = cli
  const { folder, stepMs } = local
  await prepareFolder(folder, terminal.clock.now())
  const args = terminal.args.filter((argument) => argument !== '--detach')
  await using log = await open(folder.log('up'), 'w', 0o600)
  const child = spawn(
    terminal.execPath,
    ['--disable-warning=ExperimentalWarning', programPath('headgate'), ...args, '--quiet'],
    {
      cwd: terminal.cwd,
      env: { ...terminal.env },
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    },
  )
  let ended: string | undefined
  child.once('exit', (code, signal) => (ended = signal ?? `exit code ${code}`))
  child.once('error', (thrown) => (ended = thrown.message))
  child.unref()
  const end = terminal.clock.monotonic() + 2 * stepMs
  await cli.talk.step('Everything', `Postgres, control plane and agent; see ${folder.log('up')}`, async () => {
    const isReady = async (): Promise<boolean> => {
      const file = await readRunFile(folder.runFile)
      return file !== undefined && file.up.pid === child.pid && file.ready
    }
    while (!(await isReady())) {
      if (ended !== undefined || terminal.clock.monotonic() > end) {
        const text = (await readFile(folder.log('up'), 'utf8')).trimEnd()
        throw new CliError(`it did not start (${ended ?? 'not ready in time'})`, {
          details: text.split('\n').slice(-12),
        })
      }
      await terminal.clock.sleep(100, terminal.signal)
    }
  })
  const context = await readContext(folder.context)
  if (context === undefined) throw new CliError(`${folder.context} is missing`)
  const session = await cli.connect(context, folder.context)
  const { release_number: number } = await session.client.call('getEnvironment', { params: session.where() })
  await welcome(cli, local, { session, hasSample: local.sample && number > 0, stop: '`headgate down`' })
}
