/**
 * For tests: one call of every operation that succeeds, with everything it needs made first.
 *
 * The compiler refuses a missing one, so a new operation is covered by the tests of roles, audit and answers at once.
 *
 * @module
 */
import { type OperationId, operations } from '@headgate/admin-api'
import type { RawRequest } from './https-fetch.ts'
import { type Place, publishedPlace, service } from './configuration.ts'
import { type TestControlPlane, pathOf } from './control-plane.ts'
import { environmentId, insertAgent, insertDecision } from './records.ts'

export interface Prepared {
  readonly params?: Readonly<Record<string, unknown>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly body?: unknown
  readonly ifMatch?: number
}

export interface World {
  readonly controlPlane: TestControlPlane
  /** A tenant and environment with a live release r1. */
  readonly place: Place
}

let counter = 0
const fresh = (prefix: string): string => `${prefix}-${(counter += 1)}`

export async function createWorld(controlPlane: TestControlPlane): Promise<World> {
  return { controlPlane, place: await publishedPlace(controlPlane.owner.client, [`${fresh('host')}.example.com`]) }
}

type Calls = { readonly [Id in OperationId]: (world: World) => Promise<Prepared> }

const owner = ({ controlPlane }: World) => controlPlane.owner.client

async function operator(world: World): Promise<string> {
  const name = fresh('somebody')
  await owner(world).call('createOperator', { body: { name, roles: [{ tenant: null, role: 'viewer' }] } })
  return name
}

async function group(world: World): Promise<string> {
  const name = fresh('group')
  await owner(world).call('createAgentGroup', { body: { name } })
  return name
}

async function agent(world: World): Promise<string> {
  const name = fresh('agent')
  await insertAgent(world.controlPlane.app.db, { group: await group(world), name })
  return name
}

async function consumer(world: World): Promise<string> {
  const name = fresh('consumer')
  await owner(world).call('createConsumer', { params: world.place, body: { name } })
  return name
}

async function key(world: World): Promise<string> {
  const name = await consumer(world)
  return (
    await owner(world).call('createKey', { params: world.place, body: { consumer: name, scopes: ['orders:read'] } })
  ).id
}

async function credential(world: World): Promise<string> {
  const secret = 'env://SIGNING_SECRET'
  const key = { kind: 'signing_key' as const, key_id: fresh('key'), algorithm: 'hmac-sha256' as const, secret }
  const body = { ...key, consumer: await consumer(world) }
  return (await owner(world).call('createCredential', { params: world.place, body })).id
}

async function ban(world: World): Promise<string> {
  const body = { consumer: await consumer(world), reason: 'a test' }
  return (await owner(world).call('createBan', { params: world.place, body })).id
}

async function route(world: World): Promise<string> {
  const name = fresh('route')
  const spec = { service: 'orders', path: `/${name}`, hosts: [`${name}.example.com`] }
  await owner(world).call('putObject', { params: { ...world.place, kind: 'route', name }, body: { spec } })
  return name
}

async function release(world: World): Promise<number> {
  await route(world)
  return (await owner(world).call('publishRelease', { params: world.place, body: {} })).number
}

export const validCalls: Calls = {
  welcome: async (world) => {
    const { url } = await owner(world).call('createWelcomeLink')
    return { body: { code: url.split('#')[1] } }
  },
  createWelcomeLink: async () => ({}),
  whoami: async () => ({}),
  signOut: async () => ({}),
  listOperators: async () => ({}),
  createOperator: async () => ({ body: { name: fresh('somebody'), roles: [{ tenant: null, role: 'viewer' }] } }),
  updateOperator: async (world) => ({ params: { operator: await operator(world) }, body: { disabled: true } }),
  listOperatorTokens: async (world) => ({ params: { operator: await operator(world) } }),
  createOperatorToken: async (world) => ({ params: { operator: await operator(world) }, body: { name: 'laptop' } }),
  revokeOperatorToken: async (world) => {
    const params = { operator: await operator(world) }
    const { id: token } = await owner(world).call('createOperatorToken', { params, body: { name: 'laptop' } })
    return { params: { ...params, token } }
  },
  listAudit: async () => ({}),

  listTenants: async () => ({}),
  createTenant: async () => ({ body: { name: fresh('tenant-of') } }),
  getTenant: async ({ place }) => ({ params: place }),
  listEnvironments: async ({ place }) => ({ params: place }),
  createEnvironment: async ({ place }) => ({ params: place, body: { name: fresh('stage') } }),
  getEnvironment: async ({ place }) => ({ params: place }),

  listObjects: async ({ place }) => ({ params: place }),
  getObject: async ({ place }) => ({ params: { ...place, kind: 'service', name: 'orders' } }),
  putObject: async ({ place }) => ({
    params: { ...place, kind: 'service', name: fresh('service') },
    body: { spec: service.spec },
  }),
  deleteObject: async (world) => ({ params: { ...world.place, kind: 'route', name: await route(world) }, ifMatch: 1 }),
  applyObjects: async ({ place }) => ({ params: place, body: { objects: [{ ...service, name: fresh('service') }] } }),
  exportObjects: async ({ place }) => ({ params: place }),
  getEffectivePolicy: async ({ place }) => ({ params: { ...place, route: 'orders' } }),
  validateDraft: async ({ place }) => ({ params: place }),

  listReleases: async ({ place }) => ({ params: place }),
  publishRelease: async (world) => {
    await route(world)
    return { params: world.place, body: {} }
  },
  getRelease: async ({ place }) => ({ params: { ...place, number: 'r1' } }),
  getReleaseObjects: async ({ place }) => ({ params: { ...place, number: 'live' } }),
  rollbackRelease: async (world) => ({ params: { ...world.place, number: (await release(world)) - 1 }, body: {} }),
  diffReleases: async ({ place }) => ({ params: place }),

  listConsumers: async ({ place }) => ({ params: place }),
  createConsumer: async ({ place }) => ({ params: place, body: { name: fresh('consumer') } }),
  getConsumer: async (world) => ({ params: { ...world.place, consumer: await consumer(world) } }),
  updateConsumer: async (world) => ({
    params: { ...world.place, consumer: await consumer(world) },
    body: { disabled: true },
  }),
  deleteConsumer: async (world) => ({ params: { ...world.place, consumer: await consumer(world) } }),
  listKeys: async ({ place }) => ({ params: place }),
  createKey: async (world) => ({ params: world.place, body: { consumer: await consumer(world) } }),
  getKey: async (world) => ({ params: { ...world.place, key: await key(world) } }),
  updateKey: async (world) => ({ params: { ...world.place, key: await key(world) }, body: { disabled: true } }),
  revokeKey: async (world) => ({ params: { ...world.place, key: await key(world) } }),
  rotateKey: async (world) => ({ params: { ...world.place, key: await key(world) }, body: {} }),

  reportKeys: async ({ place }) => ({ params: place }),

  listBans: async ({ place }) => ({ params: place }),
  createBan: async ({ place }) => ({ params: place, body: { source: '203.0.113.0/24', reason: 'a test' } }),
  getBan: async (world) => ({ params: { ...world.place, ban: await ban(world) } }),
  liftBan: async (world) => ({ params: { ...world.place, ban: await ban(world) } }),

  listLimits: async ({ place }) => ({ params: place }),

  listCredentials: async ({ place }) => ({ params: place }),
  createCredential: async (world) => ({
    params: world.place,
    body: {
      kind: 'certificate',
      consumer: await consumer(world),
      identity: { kind: 'uri', value: `spiffe://acme/${fresh('ci')}` },
    },
  }),
  getCredential: async (world) => ({ params: { ...world.place, credential: await credential(world) } }),
  updateCredential: async (world) => ({
    params: { ...world.place, credential: await credential(world) },
    body: { scopes: ['orders:read'] },
  }),
  revokeCredential: async (world) => ({ params: { ...world.place, credential: await credential(world) } }),
  listSecurityEvents: async ({ place }) => ({ params: place }),

  listDecisions: async ({ place }) => ({ params: place }),
  getDecision: async ({ controlPlane: { app }, place }) => {
    const request_id = await insertDecision(app.db, await environmentId(app.db, place))
    return { params: { ...place, request_id } }
  },
  explain: async ({ place }) => ({ params: place, body: { request: { target: '/orders' } } }),
  getTraffic: async ({ place }) => ({ params: place }),

  listAgentGroups: async () => ({}),
  createAgentGroup: async () => ({ body: { name: fresh('group') } }),
  getAgentGroup: async (world) => ({ params: { group: await group(world) } }),
  updateAgentGroup: async (world) => ({ params: { group: await group(world) }, body: { region: 'eu' } }),
  listJoinTokens: async (world) => ({ params: { group: await group(world) } }),
  createJoinToken: async (world) => ({ params: { group: await group(world) }, body: {} }),
  revokeJoinToken: async (world) => {
    const params = { group: await group(world) }
    const { id: token } = await owner(world).call('createJoinToken', { params, body: {} })
    return { params: { ...params, token } }
  },
  listAgents: async () => ({}),
  getAgent: async (world) => ({ params: { agent: await agent(world) } }),
  revokeAgent: async (world) => ({ params: { agent: await agent(world) } }),
}

export const operationIds = Object.keys(operations) as OperationId[]

/** Operations that change something. `explain` only answers. */
export const writingIds = operationIds.filter((id) => operations[id].method !== 'GET' && id !== 'explain')

/** Operations that can be tried without a change. */
export const dryRunIds = writingIds.filter((id) => 'dry_run' in operations[id].query.shape)

/** The call as it is sent. */
export function rawCall(id: OperationId, { params, query, body, ifMatch }: Prepared): RawRequest {
  const { method, path, body: schema } = operations[id]
  return {
    method,
    path: pathOf(path, params, query),
    ...(schema === null ? {} : { body: JSON.stringify(body ?? {}) }),
    ...(ifMatch === undefined ? {} : { headers: { 'if-match': `"${ifMatch}"` } }),
  }
}
