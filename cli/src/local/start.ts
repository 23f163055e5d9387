/**
 * Starts everything on this machine, in order, and stops it in reverse.
 *
 * Postgres, control plane, operator and configuration, agent, sample API. What was started before a failure is
 * stopped again.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cli, Session } from '#cli/cli.ts'
import { createFetch } from '#cli/connect/fetch.ts'
import { type SampleApi, startSampleApi } from '#cli/sample/orders.ts'
import { startDatabase } from './database.ts'
import { type Folder, prepareFolder } from './folder.ts'
import { startGuard } from './guard.ts'
import { refuseTakenPorts } from './ports.ts'
import type { ProcessMark } from './processes.ts'
import { childEnvironment, programPath } from './programs.ts'
import { endLeftOvers, readRunFile, removeRunFile, writeRunFile } from './run-file.ts'
import { ensureSample } from './sample.ts'
import { agentIdIn, ensureBasics, joinTokenFor, LOCAL, signIn } from './setup.ts'
import { type Child, startChild } from './supervisor.ts'

/** TCP ports on loopback; 0: a free one, for Postgres only. */
export interface LocalPorts {
  readonly rest: number
  readonly link: number
  readonly http: number
  readonly https: number
  readonly sample: number
  readonly postgres: number
}

export interface LocalOptions {
  readonly folder: Folder
  readonly ports: LocalPorts
  readonly sample: boolean
  /** Longest wait for any single step, in milliseconds. */
  readonly stepMs: number
}

export interface LocalSystem {
  readonly session: Session
  /** The sample API is protected and live. */
  readonly hasSample: boolean
}

/** Time for requests in flight, in milliseconds. Short: this is a try-out, and somebody waits at a prompt. */
const DRAIN_MS = 3_000

/** Time beyond the drain until a child is killed, in milliseconds. */
const GRACE_MS = 3_000

/** @param stack stops in reverse what has been started; the caller disposes of it, also after a failure. */
export async function startLocal(cli: Cli, options: LocalOptions, stack: AsyncDisposableStack): Promise<LocalSystem> {
  const { folder, ports } = options
  const { terminal, talk } = cli
  const { clock } = terminal
  await prepareFolder(folder, clock.now())
  const run = await takeOver(cli, folder)
  stack.defer(() => removeRunFile(folder.runFile, terminal.pid))
  await refuseTakenPorts(wantedPorts(options))
  const guard = stack.use(await startGuard(folder.guard, terminal.platform))

  const say = (line: string): void => talk.line(`  ${line}`)
  const child = async (
    key: string,
    name: string,
    program: 'agent' | 'control-plane',
    env: Record<string, string>,
  ): Promise<Child> => {
    const started = await startChild({
      name,
      execPath: terminal.execPath,
      args: ['--disable-warning=ExperimentalWarning', programPath(program)],
      env: {
        // Compiled code is kept: a restart serves sooner.
        NODE_COMPILE_CACHE: join(folder.root, 'compile-cache'),
        ...childEnvironment(terminal.env, /^HEADGATE_LOG_LEVEL$/),
        ...env,
      },
      cwd: terminal.cwd,
      logFile: folder.log(key),
      graceMs: DRAIN_MS + GRACE_MS,
      clock,
      processes: terminal.processes,
      say,
      onStart: async (mark) => {
        await run.note(key, mark)
        await guard.watch(key, { pid: mark.pid, signal: 'TERM' })
      },
    })
    stack.defer(() => started.stop())
    return started
  }

  const databaseUrl = await talk.step('Postgres', 'Postgres to take connections', async () => {
    const given = terminal.env['HEADGATE_DATABASE_URL'] ?? terminal.env['DATABASE_URL']
    if (given !== undefined && given !== '') return given
    const onStart = (pid: number): Promise<void> => guard.watch('postgres', { pid, signal: 'INT' })
    const database = {
      directory: folder.postgres,
      port: ports.postgres,
      clock,
      processes: terminal.processes,
      say,
      onStart,
    }
    return stack.use(await startDatabase(database)).url
  })
  const ca = await readFile(folder.certificate, 'utf8')
  const url = `https://localhost:${ports.rest}`
  await talk.step('Control plane', 'migrations and the admin API', async () => {
    const started = await child(
      'control-plane',
      'Control plane',
      'control-plane',
      controlPlaneEnvironment(options, url, databaseUrl),
    )
    await using probe = await createFetch(url, ca)
    await started.ready(() => isReady(probe.fetch, `${url}/readyz`), options.stepMs)
  })

  const session = await talk.step('Operator and environment', 'the admin API', async () => {
    const signedIn = await signIn(cli, folder, { url, ca, proxy: `http://localhost:${ports.http}` })
    await ensureBasics(signedIn)
    return signedIn
  })
  const sample: SampleApi | undefined = options.sample ? stack.use(await startSampleApi(ports.sample)) : undefined
  const hasSample = sample !== undefined && (await ensureSample(cli, session, sample.port))

  await talk.step('Agent', 'the agent to join and to act on the release', async (tell) => {
    const stateDir = folder.agent(LOCAL.agent)
    const token = await joinTokenFor(session, { stateDir, linkAddress: linkAddress(options), nowMs: clock.now() })
    const started = await child(
      LOCAL.agent,
      `Agent ${LOCAL.agent}`,
      'agent',
      agentEnvironment(options, stateDir, token),
    )
    await started.ready(() => isLive(session, tell, stateDir), options.stepMs)
  })
  await run.markReady()
  return { session, hasSample }
}

function wantedPorts({ ports, sample }: LocalOptions): Parameters<typeof refuseTakenPorts>[0] {
  const at = (what: string, name: keyof LocalPorts): { what: string; address: string; setting: string } => ({
    what,
    address: `127.0.0.1:${ports[name]}`,
    setting: `--port-${name}`,
  })
  return [
    at('Dashboard and admin API', 'rest'),
    at('Agent link', 'link'),
    at('HTTP', 'http'),
    at('HTTPS', 'https'),
    ...(sample ? [at('Sample API', 'sample')] : []),
  ]
}

interface RunNotes {
  note(name: string, mark: ProcessMark): Promise<void>
  markReady(): Promise<void>
}

/** Ends what a killed start has left; the result notes what this one starts. */
async function takeOver(cli: Cli, { runFile }: Folder): Promise<RunNotes> {
  const { pid, processes } = cli.terminal
  const before = await readRunFile(runFile)
  const up = await processes.mark(pid)
  // From here on this process answers for what runs, also for what it found.
  await writeRunFile(runFile, { up, ready: false, children: before?.children ?? [] })
  const count = before === undefined ? 0 : await endLeftOvers(before, processes)
  if (count > 0)
    cli.talk.line(`  ended ${count} ${count === 1 ? 'process' : 'processes'} that an earlier start had left`)
  const children = new Map<string, ProcessMark>()
  let ready = false
  const write = (): Promise<void> => {
    // Agents first: that is the order in which they are ended.
    const ordered = [...children].map(([name, mark]) => ({ name, ...mark })).toReversed()
    return writeRunFile(runFile, { up, ready, children: ordered })
  }
  await write()
  return {
    note(name, mark) {
      children.set(name, mark)
      return write()
    },
    markReady() {
      ready = true
      return write()
    },
  }
}

function controlPlaneEnvironment(
  { folder, ports }: LocalOptions,
  url: string,
  databaseUrl: string,
): Record<string, string> {
  return {
    HEADGATE_DATABASE_URL: databaseUrl,
    HEADGATE_REST_LISTEN: `127.0.0.1:${ports.rest}`,
    HEADGATE_LINK_LISTEN: `127.0.0.1:${ports.link}`,
    HEADGATE_LINK_ADDRESS: linkAddress({ ports }),
    HEADGATE_DRAIN_MS: String(DRAIN_MS),
    HEADGATE_PUBLIC_URL: url,
    HEADGATE_MASTER_KEY_FILE: folder.masterKey,
    HEADGATE_TLS_CERT: folder.certificate,
    HEADGATE_TLS_KEY: folder.certificateKey,
    HEADGATE_STATE_DIR: folder.controlPlane,
    HEADGATE_FIRST_RUN_FILE: folder.firstRun,
  }
}

function linkAddress({ ports }: Pick<LocalOptions, 'ports'>): string {
  return `127.0.0.1:${ports.link}`
}

function agentEnvironment(
  { ports }: LocalOptions,
  stateDir: string,
  token: string | undefined,
): Record<string, string> {
  return {
    HEADGATE_HTTP_LISTEN: `127.0.0.1:${ports.http}`,
    HEADGATE_HTTPS_LISTEN: `127.0.0.1:${ports.https}`,
    HEADGATE_STATE_DIR: stateDir,
    HEADGATE_AGENT_NAME: LOCAL.agent,
    HEADGATE_DRAIN_MS: String(DRAIN_MS),
    ...(token === undefined ? {} : { HEADGATE_JOIN_TOKEN: token }),
  }
}

async function isReady(fetch: (url: string, init: RequestInit) => Promise<Response>, url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    // Not listening yet.
    return false
  }
}

/** Whether the agent acts on what is live. */
async function isLive({ client }: Session, tell: (text: string) => void, stateDir: string): Promise<boolean> {
  const where = { tenant: LOCAL.tenant, environment: LOCAL.environment }
  const id = await agentIdIn(stateDir)
  if (id === undefined) return false
  const agent = await client.call('getAgent', { params: { agent: id } })
  const { release_number: number } = await client.call('getEnvironment', { params: where })
  tell(`the agent to act on r${number}`)
  if (agent.state !== 'connected') return false
  const holding = agent.holdings.find((held) => held.tenant === where.tenant && held.environment === where.environment)
  return number === 0 || (holding?.release_number ?? 0) >= number
}
