/**
 * For tests: a whole control plane on a database of its own, with its real listeners on loopback.
 *
 * @module
 */
import { type Client, type OperationId, type OperatorRole, createClient } from '@headgate/admin-api'
import { type Clock, systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { createTestDatabase } from '@headgate/prisma/testing.ts'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type App, createApp } from '#control-plane/app.ts'
import { type ControlPlaneSettings, readControlPlaneSettings } from '#control-plane/config.ts'
import { type HttpsClient, type RawAnswer, type RawRequest, createHttpsClient } from './https-fetch.ts'

export const PUBLIC_URL = 'https://headgate.test'

export interface Signed {
  readonly token: string
  readonly client: Client
}

export interface Grant {
  readonly tenant: string | null
  readonly role: OperatorRole
}

export interface TestControlPlane extends AsyncDisposable {
  readonly app: App
  readonly https: HttpsClient
  /** The first owner. */
  readonly owner: Signed
  readonly databaseUrl: string
  /** A new operator with a token. */
  operator(roles: readonly Grant[]): Promise<Signed>
  /** As an operator with this token; without: as nobody. */
  send(raw: RawRequest, token?: string): Promise<RawAnswer>
  clientOf(token: string): Client
}

interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly clock?: Clock
  /** Changes the address of the database, such as to a proxy before it. */
  readonly databaseUrl?: (url: string) => string
}

export async function startControlPlane({
  env = {},
  clock = systemClock,
  databaseUrl = (url) => url,
}: StartOptions = {}): Promise<TestControlPlane> {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'headgate-control-plane-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const database = stack.use(await createTestDatabase())
  const firstRunFile = join(directory, 'first-run')
  const settings = settingsOf({
    HEADGATE_DATABASE_URL: databaseUrl(database.url),
    HEADGATE_MASTER_KEY: randomBytes(32).toString('base64'),
    HEADGATE_REST_LISTEN: '127.0.0.1:0',
    HEADGATE_LINK_LISTEN: '127.0.0.1:0',
    HEADGATE_PUBLIC_URL: PUBLIC_URL,
    HEADGATE_STATE_DIR: directory,
    HEADGATE_FIRST_RUN_FILE: firstRunFile,
    // Tests send as fast as they can.
    HEADGATE_REQUESTS_PER_S: '100000',
    HEADGATE_WELCOMES_PER_MIN: '100000',
    HEADGATE_DATABASE_CONNECTIONS_MAX: '5',
    HEADGATE_DRAIN_MS: '2000',
    ...env,
  })
  const stop = new AbortController()
  const log = createLog({ name: 'control-plane', level: process.env['TEST_LOG'] === undefined ? 'silent' : 'debug' })
  const app = stack.use(await createApp({ settings, version: '0.0.0', clock, log, stop: stop.signal, print: () => {} }))
  stack.defer(() => stop.abort())
  const https = stack.use(createHttpsClient(app.restPort, app.certificate))
  const clientOf = (token: string): Client =>
    createClient({ baseUrl: 'https://127.0.0.1', token, fetch: https.fetch, timeoutMs: 120_000 })
  const owner = await firstOwner(https, await readFile(firstRunFile, 'utf8'), clientOf)
  let operators = 0
  const disposal = stack.move()
  return {
    app,
    https,
    owner,
    databaseUrl: database.url,
    clientOf,
    operator: async (roles) => {
      operators += 1
      const name = `operator-${operators}`
      await owner.client.call('createOperator', { body: { name, roles: [...roles] } })
      const { token } = await owner.client.call('createOperatorToken', {
        params: { operator: name },
        body: { name: 'test' },
      })
      return { token, client: clientOf(token) }
    },
    send: (raw, token) =>
      https.send({
        ...raw,
        headers: {
          ...(raw.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...raw.headers,
        },
      }),
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  }
}

function settingsOf(env: Readonly<Record<string, string>>): ControlPlaneSettings {
  const read = readControlPlaneSettings(env)
  if (read.kind === 'invalid') throw new Error(read.problems.join('; '))
  return read.settings
}

async function firstOwner(https: HttpsClient, link: string, clientOf: (token: string) => Client): Promise<Signed> {
  const code = /#([0-9A-Za-z]{43})/.exec(link)?.[1] ?? ''
  const anonymous = createClient({ baseUrl: 'https://127.0.0.1', fetch: https.fetch })
  const { token } = await anonymous.call('welcome', { body: { code, name: 'first', want: 'token' } })
  if (token === null) throw new Error('the welcome link gave no token')
  return { token, client: clientOf(token) }
}

/** Path of an operation with its parameters filled in. */
export function pathOf(
  path: string,
  params: Readonly<Record<string, unknown>> = {},
  query: Readonly<Record<string, unknown>> = {},
): string {
  const filled = path.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])))
  const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString()
  return search === '' ? filled : `${filled}?${search}`
}

export type { OperationId }
