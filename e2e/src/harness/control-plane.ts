/**
 * A control plane process, and a client that trusts exactly its certificate.
 *
 * @module
 */
import { type Client, createClient } from '@headgate/admin-api'
import { createSelfSigned, pem } from '@headgate/kit/pki.ts'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Agent, fetch } from 'undici'
import { freePort } from './ports.ts'
import { Program } from './program.ts'
import { Hopeless, until } from './until.ts'

export interface ControlPlane extends AsyncDisposable {
  readonly program: Program
  readonly restPort: number
  /** `https://127.0.0.1:port`. */
  readonly url: string
  /** Certificate of the REST listener in PEM. */
  readonly certificate: string
  /** Any request to it, with its certificate pinned. */
  readonly fetch: typeof fetch
  /** Code of the first run's link, and the token of the operator that it made. */
  readonly secrets: { readonly welcomeCode: string; readonly token: string; readonly masterKey: string }
  /** As the first owner. */
  readonly client: Client
  /** Waits until it answers, after a start. */
  ready(): Promise<void>
  /** `kill -9`. */
  kill(): Promise<void>
  restart(): Promise<void>
}

interface ControlPlaneOptions {
  readonly databaseUrl: string
  /** A folder of the test's own. */
  readonly directory: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts one on an empty database and signs in as the first owner. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const directory = join(options.directory, 'control-plane')
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const file = (name: string): string => join(directory, name)
  const [restPort, linkPort] = [await freePort(), await freePort()]
  const url = `https://127.0.0.1:${restPort}`
  const own = await createSelfSigned({ hosts: ['localhost', '127.0.0.1'], nowMs: Date.now(), lifeMs: 86_400_000 })
  const certificate = pem('CERTIFICATE', own.certificate)
  const masterKey = randomBytes(32).toString('base64')
  await writeFile(file('rest.crt'), certificate)
  await writeFile(file('rest.key'), pem('PRIVATE KEY', own.privateKey), { mode: 0o600 })
  await writeFile(file('master.key'), masterKey, { mode: 0o600 })

  const program = new Program({
    name: 'control-plane',
    script: 'control-plane/src/main.ts',
    env: {
      HEADGATE_DATABASE_URL: options.databaseUrl,
      HEADGATE_REST_LISTEN: `127.0.0.1:${restPort}`,
      HEADGATE_LINK_LISTEN: `127.0.0.1:${linkPort}`,
      HEADGATE_LINK_ADDRESS: `127.0.0.1:${linkPort}`,
      HEADGATE_PUBLIC_URL: url,
      HEADGATE_MASTER_KEY_FILE: file('master.key'),
      HEADGATE_TLS_CERT: file('rest.crt'),
      HEADGATE_TLS_KEY: file('rest.key'),
      HEADGATE_STATE_DIR: file('state'),
      HEADGATE_FIRST_RUN_FILE: file('first-run'),
      // Tests ask more than people do.
      HEADGATE_REQUESTS_PER_S: '10000',
      ...options.env,
    },
  })
  const dispatcher = new Agent({ connect: { ca: certificate }, keepAliveTimeout: 2_000 })
  const pinned = ((target: string, init?: object) => fetch(target, { ...init, dispatcher })) as typeof fetch
  const ready = async (): Promise<void> => {
    await until('the control plane to be ready', async () => {
      if (!program.running) throw new Hopeless('the control plane has ended')
      return (await pinned(`${url}/readyz`)).status === 200
    })
  }
  program.start()
  try {
    await ready()
    const welcomeCode = await readWelcomeCode(file('first-run'))
    const token = await firstOwner(url, pinned, welcomeCode)
    return {
      program,
      restPort,
      url,
      certificate,
      fetch: pinned,
      secrets: { welcomeCode, token, masterKey },
      client: createClient({
        baseUrl: url,
        token,
        fetch: pinned as unknown as typeof globalThis.fetch,
        timeoutMs: 120_000,
      }),
      ready,
      async kill() {
        await program.end('SIGKILL')
      },
      async restart() {
        program.start()
        await ready()
      },
      async [Symbol.asyncDispose]() {
        await dispatcher.destroy()
        await program[Symbol.asyncDispose]()
        await rm(directory, { recursive: true, force: true })
      },
    }
  } catch (thrown) {
    await dispatcher.destroy()
    await program[Symbol.asyncDispose]()
    throw thrown
  }
}

async function readWelcomeCode(path: string): Promise<string> {
  return until('the link of the first run', async () => {
    const code = /#([A-Za-z0-9_-]{20,})/.exec(await readFile(path, 'utf8').catch(() => ''))?.[1]
    return code
  })
}

async function firstOwner(url: string, pinned: typeof fetch, code: string): Promise<string> {
  const client = createClient({ baseUrl: url, fetch: pinned as unknown as typeof globalThis.fetch })
  const { token } = await client.call('welcome', { body: { code, name: 'tester', want: 'token' } })
  if (token === null) throw new Error('the welcome link gave no token')
  return token
}
