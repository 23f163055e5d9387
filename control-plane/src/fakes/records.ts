/**
 * For tests: what agents would have written into the database.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import type { Database } from '@headgate/prisma'

interface AgentOptions {
  readonly group: string
  readonly name: string
  readonly connected?: boolean
  readonly capability?: number
}

/** An agent of a group. @returns its id. */
export async function insertAgent(
  db: Database,
  { group, name, connected = true, capability = 3 }: AgentOptions,
): Promise<string> {
  const id = newId('agt', Date.now())
  const { id: groupId } = await db.agentGroup.findUniqueOrThrow({ where: { name: group } })
  await db.agent.create({
    data: {
      id,
      groupId,
      name,
      capability,
      connected,
      seenAt: new Date(),
      certificateExpiresAt: new Date(Date.now() + 3_600_000),
      listeners: ['http://127.0.0.1:8080'],
    },
  })
  return id
}

export async function environmentId(
  db: Database,
  { tenant, environment }: { tenant: string; environment: string },
): Promise<string> {
  return (await db.environment.findFirstOrThrow({ where: { name: environment, tenant: { name: tenant } } })).id
}

/** What an agent acts on. */
export async function setHolding(
  db: Database,
  agentId: string,
  environment: string,
  holding: { releaseNumber?: number; directorySequence?: bigint; refusedNumber?: number; refusedReasons?: string[] },
): Promise<void> {
  await db.agentHolding.upsert({
    where: { agentId_environmentId: { agentId, environmentId: environment } },
    create: { agentId, environmentId: environment, ...holding },
    update: holding,
  })
}

/** A record of a request. @returns its request id. */
export async function insertDecision(
  db: Database,
  environment: string,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const record = {
    request_id: newId('req', Date.now()),
    at: new Date().toISOString(),
    environment_id: environment,
    agent: 'local-1',
    release: 1,
    outcome: 'deny',
    reason: 'scope_missing',
    status: 403,
    method: 'GET',
    host: 'localhost',
    path: '/orders/42',
    scheme: 'http',
    address: '127.0.0.1',
    route: 'orders',
    service: 'orders',
    rule: { kind: 'policy', name: 'orders.access', origin: '' },
    needed: ['orders:read'],
    had: [],
    principal: {
      consumer: 'alice',
      consumer_id: 'cns_1',
      credential_id: 'key_1',
      credential_kind: 'api_key',
      hint: '…Qd4x',
      scopes: [],
    },
    limits: [],
    tightest: -1,
    tls: null,
    duration_ms: 0.7,
    upstream: null,
    ...fields,
  }
  await db.decisionRecord.create({
    data: {
      requestId: record.request_id,
      environmentId: environment,
      agentId: 'agt_1',
      at: new Date(record.at),
      allowed: record.outcome === 'allow',
      reason: record.reason,
      status: record.status,
      method: record.method,
      host: record.host,
      path: record.path,
      route: record.route,
      service: record.service,
      consumer: record.principal?.consumer ?? null,
      releaseNumber: record.release,
      durationMs: record.duration_ms,
      record,
    },
  })
  return record.request_id
}
