/**
 * A control plane with a database of its own, for as long as a measurement runs.
 *
 * @module
 */
import { type Client, createClient } from '@headgate/admin-api'
import { startEmbeddedPostgres } from '@headgate/kit/embedded-postgres.ts'
import { createSelfSigned, pem } from '@headgate/kit/pki.ts'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setDefaultCACertificates } from 'node:tls'
import { ROOT, freePort } from '../place.ts'
import { LOAD_CORE, startProgram, untilReady } from '../program.ts'

const LIFE_MS = 86_400_000

/** What Postgres takes to end at once, in milliseconds. */
const QUIT_MS = 500

export interface ControlPlane extends AsyncDisposable {
  readonly databaseUrl: string
  /** As the first owner. */
  readonly client: Client
}

/** @param directory of the run. */
export async function startControlPlane(directory: string): Promise<ControlPlane> {
  await using resources = new AsyncDisposableStack()
  const database = resources.use(await startEmbeddedPostgres({ throwaway: true }))
  await endWithThisProcess(database.pid)
  const file = (name: string): string => join(directory, 'control-plane', name)
  await mkdir(file('state'), { recursive: true, mode: 0o700 })
  const [restPort, linkPort] = [await freePort(), await freePort()]
  const url = `https://127.0.0.1:${restPort}`
  const own = await createSelfSigned({ hosts: ['127.0.0.1'], nowMs: Date.now(), lifeMs: LIFE_MS })
  const certificate = pem('CERTIFICATE', own.certificate)
  await writeFile(file('rest.crt'), certificate)
  await writeFile(file('rest.key'), pem('PRIVATE KEY', own.privateKey), { mode: 0o600 })
  await writeFile(file('master.key'), randomBytes(32).toString('base64'), { mode: 0o600 })
  // This process asks nobody else.
  setDefaultCACertificates([certificate])
  const program = resources.use(
    await startProgram({
      name: 'control plane',
      command: [process.execPath, '--disable-warning=ExperimentalWarning', `${ROOT}control-plane/src/main.ts`],
      core: LOAD_CORE,
      env: {
        HEADGATE_DATABASE_URL: database.url,
        HEADGATE_REST_LISTEN: `127.0.0.1:${restPort}`,
        HEADGATE_LINK_LISTEN: `127.0.0.1:${linkPort}`,
        HEADGATE_LINK_ADDRESS: `127.0.0.1:${linkPort}`,
        HEADGATE_PUBLIC_URL: url,
        HEADGATE_MASTER_KEY_FILE: file('master.key'),
        HEADGATE_TLS_CERT: file('rest.crt'),
        HEADGATE_TLS_KEY: file('rest.key'),
        HEADGATE_STATE_DIR: file('state'),
        HEADGATE_FIRST_RUN_FILE: file('first-run'),
        HEADGATE_REQUESTS_PER_S: '10000',
      },
    }),
  )
  await untilReady(program, async () => (await fetch(`${url}/readyz`)).status === 200)
  const code = /#([A-Za-z0-9_-]{20,})/.exec(await readFile(file('first-run'), 'utf8'))?.[1]
  if (code === undefined) throw new Error('the control plane wrote no link for the first run')
  const { token } = await createClient({ baseUrl: url, fetch }).call('welcome', {
    body: { code, name: 'bench', want: 'token' },
  })
  if (token === null) throw new Error('the first run gave no token')
  const owned = resources.move()
  return {
    databaseUrl: database.url,
    client: createClient({ baseUrl: url, token, fetch }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The server is a process group of its own and would outlive a run that is ended, and so would its folder. */
async function endWithThisProcess(pid: number): Promise<void> {
  // Postgres works in its data folder, which lies in the throwaway one.
  const folder = dirname(await readlink(`/proc/${pid}/cwd`))
  process.once('exit', () => {
    try {
      process.kill(pid, 'SIGQUIT')
    } catch {
      // Gone already.
    }
    // Its processes write until they are gone.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, QUIT_MS)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
}
