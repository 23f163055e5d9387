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
import { prepareFolder } from './folder.ts'
import { startGuard } from './guard.ts'
import { refuseTakenPorts, takesConnections } from './ports.ts'
import { childEnvironment, programPath } from './programs.ts'
import { removeRunFile, takeOver } from './run-file.ts'
import { ensureSample } from './sample.ts'
import {
  agentEnvironment,
  controlPlaneEnvironment,
  DRAIN_MS,
  linkAddress,
  type LocalOptions,
  wantedPorts,
} from './settings.ts'
import { agentIdIn, ensureBasics, joinTokenFor, LOCAL, signIn } from './setup.ts'
import { type Child, startChild } from './supervisor.ts'

export interface LocalSystem {
  readonly session: Session
  /** The sample API is protected and live. */
  readonly hasSample: boolean
}

/** Time beyond the drain until a child is killed, in milliseconds. */
const GRACE_MS = 3_000

/** @param stack stops in reverse what has been started; the caller disposes of it, also after a failure. */
export async function startLocal(cli: Cli, options: LocalOptions, stack: AsyncDisposableStack): Promise<LocalSystem> {
  const { folder, ports } = options
  const { terminal, talk } = cli
  const { clock } = terminal
  await prepareFolder(folder, clock.now())
  const run = await takeOver(cli, folder.runFile)
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
      signal: terminal.signal,
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
    // An agent that was here before has its release from disk, and says so, a moment before it listens.
    const serves = async (): Promise<boolean> =>
      (await isLive(session, tell, stateDir)) && (await takesConnections(ports.http))
    await started.ready(serves, options.stepMs)
  })
  await run.markReady()
  return { session, hasSample }
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
