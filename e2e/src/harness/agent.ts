/**
 * An agent process with ports and state of its own, which it keeps over restarts.
 *
 * @module
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type RawResponse, get } from './http.ts'
import { freePort } from './ports.ts'
import { Program } from './program.ts'

export interface TestAgent extends AsyncDisposable {
  readonly name: string
  readonly program: Program
  readonly httpPort: number
  readonly httpsPort: number
  readonly adminPort: number
  readonly stateDir: string
  /** Starts it again, without join token. */
  restart(): void
  /** `/readyz` answers 200. */
  isReady(): Promise<boolean>
  /** `GET` through it. */
  get(target: string, headers?: Readonly<Record<string, string>>): Promise<RawResponse>
}

export interface AgentOptions {
  readonly name: string
  /** Absent: an agent that was never let in. */
  readonly joinToken?: string
  /** A folder of the test's own. */
  readonly directory: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts one; returns at once. */
export async function startAgent({ name, joinToken, directory, env = {} }: AgentOptions): Promise<TestAgent> {
  const stateDir = join(directory, name)
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const [httpPort, httpsPort, adminPort] = [await freePort(), await freePort(), await freePort()]
  const program = new Program({
    name,
    script: 'agent/src/main.ts',
    env: {
      HEADGATE_HTTP_LISTEN: `127.0.0.1:${httpPort}`,
      HEADGATE_HTTPS_LISTEN: `127.0.0.1:${httpsPort}`,
      HEADGATE_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      HEADGATE_STATE_DIR: stateDir,
      HEADGATE_AGENT_NAME: name,
      // Records arrive sooner; how they are sent does not change.
      HEADGATE_LOGS_INTERVAL_MS: '200',
      HEADGATE_METRICS_INTERVAL_MS: '1000',
      ...env,
    },
  })
  program.start(joinToken === undefined ? {} : { HEADGATE_JOIN_TOKEN: joinToken })
  return {
    name,
    program,
    httpPort,
    httpsPort,
    adminPort,
    stateDir,
    restart: () => program.start(),
    async isReady() {
      return (await get(adminPort, '/readyz')).status === 200
    },
    get: (target, headers) => get(httpPort, target, headers),
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]()
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}
