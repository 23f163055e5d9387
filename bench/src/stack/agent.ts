/**
 * Our own proxy as its users run it: a process that joined a control plane and got its release and its keys there.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { glob, mkdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Peer, PeerOptions } from '../peers/peer.ts'
import { ROOT, freePort } from '../place.ts'
import { PROXY_CORE, startProgram, untilReady } from '../program.ts'
import { PLACE, releaseObjects } from '../release.ts'
import { startControlPlane } from './control-plane.ts'
import { insertKeys } from './keys.ts'

const GROUP = 'bench'

export interface AgentOptions {
  /** Files to run, a bundle or `main.ts` each; none: the bundle in `dist/` when it is fresh, else the sources. */
  readonly scripts: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Which agent was measured. */
export interface AgentSource {
  readonly name: string
  /** Below the root of its checkout. */
  readonly script: string
  /** Commit of the checkout, with `+` when files differ from it. */
  readonly commit: string
}

export interface AgentStack extends AsyncDisposable {
  readonly peers: readonly Peer[]
  readonly sources: readonly AgentSource[]
}

/** Configuration, keys and agents; the control plane stays, as in production, and has nothing to do meanwhile. */
export async function startAgents(options: PeerOptions, { scripts, env }: AgentOptions): Promise<AgentStack> {
  await using resources = new AsyncDisposableStack()
  const { client, databaseUrl } = resources.use(await startControlPlane(options.directory))
  await client.call('createTenant', { body: { name: PLACE.tenant } })
  await client.call('createEnvironment', { params: PLACE, body: { name: PLACE.environment, default_limits: false } })
  await client.call('createAgentGroup', { body: { name: GROUP, region: 'bench', environments: [PLACE] } })
  await insertKeys(databaseUrl, options.keys)
  const { chain, keyFile } = options.certificate
  const objects = [
    ...releaseObjects(options.routes, options.upstreamUrl, options.slowUrl),
    { kind: 'certificate', name: 'bench', spec: { hosts: ['localhost'], chain, key: `file://${keyFile}` } },
  ].map(({ kind, name, spec }) => ({ kind, name, spec }) as never)
  await client.call('applyObjects', { params: PLACE, body: { objects, prune: true } })
  await client.call('publishRelease', { params: PLACE, query: {}, body: {} })

  const [peers, sources]: [Peer[], AgentSource[]] = [[], []]
  for (const script of scripts.length === 0 ? [await freshest()] : scripts.map((each) => resolve(each))) {
    const source = sourceOf(script, scripts.length > 1)
    const { token } = await client.call('createJoinToken', { params: { group: GROUP }, body: {} })
    const stateDir = join(options.directory, `agent-${peers.length + 1}`)
    const settings = { ...env, HEADGATE_JOIN_TOKEN: token, HEADGATE_AGENT_NAME: `bench-${peers.length + 1}` }
    peers.push(resources.use(await startAgent({ name: source.name, script, stateDir, settings })))
    sources.push(source)
  }
  // What they do once after their start is not what is measured.
  await sleep(500)
  const owned = resources.move()
  return { peers, sources, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

interface Agent {
  readonly name: string
  readonly script: string
  readonly stateDir: string
  readonly settings: Readonly<Record<string, string>>
}

async function startAgent({ name, script, stateDir, settings }: Agent): Promise<Peer> {
  await mkdir(stateDir, { mode: 0o700 })
  const [httpPort, httpsPort, adminPort] = [await freePort(), await freePort(), await freePort()]
  const program = await startProgram({
    name,
    command: [process.execPath, '--disable-warning=ExperimentalWarning', script],
    core: PROXY_CORE,
    env: {
      HEADGATE_HTTP_LISTEN: `127.0.0.1:${httpPort}`,
      HEADGATE_HTTPS_LISTEN: `127.0.0.1:${httpsPort}`,
      HEADGATE_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      HEADGATE_STATE_DIR: stateDir,
      // As for the others: a connection does not end because of its age.
      HEADGATE_CONNECTION_REQUESTS_MAX: '1000000000',
      // All load comes from one address.
      HEADGATE_CONNECTIONS_PER_SOURCE_MAX: '0',
      HEADGATE_HANDSHAKES_PER_SOURCE_PER_S: '0',
      ...settings,
    },
  })
  await untilReady(program, async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status === 200, 60_000)
  const { pid } = program
  return { name, pid, httpPort, httpsPort, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
}

/** @param several whether the name must tell it from others. */
function sourceOf(script: string, several: boolean): AgentSource {
  const git = (...args: string[]): string =>
    spawnSync('git', ['-C', dirname(script), ...args], { encoding: 'utf8' }).stdout?.trim() ?? ''
  const root = git('rev-parse', '--show-toplevel')
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', join(root, 'agent'), join(root, 'core'))
  const commit = `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '+'}`
  return {
    name: several ? `headgate ${commit}` : 'headgate',
    script: root === '' ? basename(script) : relative(root, script),
    commit,
  }
}

/** Of bundle and sources: a bundle that is older than a source would measure the past. */
async function freshest(): Promise<string> {
  const bundle = join(ROOT, 'dist', 'agent.js')
  const built = await stat(bundle).catch(() => undefined)
  const main = join(ROOT, 'agent', 'src', 'main.ts')
  if (built === undefined) return main
  for await (const file of glob('{agent,core,kit,proto}/src/**/*.ts', { cwd: ROOT })) {
    if ((await stat(join(ROOT, file))).mtimeMs > built.mtimeMs) return main
  }
  return bundle
}
