/**
 * Every operation of the admin API.
 *
 * @module
 */
import { z } from 'zod'
import type { Operation } from './operation.ts'
import { list, dryRunQuery, page, reference, finding, waitQuery } from './schemas/common.ts'
import * as consumers from './schemas/consumers.ts'
import * as decisions from './schemas/decisions.ts'
import * as fleet from './schemas/fleet.ts'
import * as objects from './schemas/objects.ts'
import * as operators from './schemas/operators.ts'
import * as releases from './schemas/releases.ts'
import * as tenants from './schemas/tenants.ts'

const none = z.strictObject({})
const pageQuery = z.strictObject(page)
const ofTenant = z.strictObject({ tenant: reference })
const ofEnvironment = ofTenant.extend({ environment: reference })

/** Fills in what most operations have in common; keeps the types of the schemas. */
function operation<
  P extends z.ZodObject = typeof none,
  Q extends z.ZodObject = typeof none,
  B extends z.ZodType | null = null,
  R extends z.ZodType | null = null,
>(
  given: Pick<Operation, 'method' | 'path' | 'tag' | 'summary' | 'role'> & {
    readonly scope?: Operation['scope']
    readonly params?: P
    readonly query?: Q
    readonly body?: B
    readonly status?: Operation['status']
    readonly response?: R
    readonly etag?: boolean
    readonly problems?: Operation['problems']
  },
) {
  return {
    scope: given.path.includes('{tenant}') ? 'tenant' : 'everything',
    status: 200,
    etag: false,
    problems: [],
    ...given,
    params: (given.params ?? none) as P,
    query: (given.query ?? none) as Q,
    body: (given.body ?? null) as B,
    response: (given.response ?? null) as R,
  } as const satisfies Operation
}

const E = '/v1/tenants/{tenant}/environments/{environment}'

export const operations = {
  // Operators
  welcome: operation({
    method: 'POST', path: '/v1/welcome', tag: 'operators', role: 'anyone',
    summary: 'Use a welcome link; the first one creates the first owner',
    body: operators.welcome, response: operators.welcomed, problems: ['welcome_code_invalid', 'name_taken'],
  }),
  createWelcomeLink: operation({
    method: 'POST', path: '/v1/welcome-links', tag: 'operators', role: 'viewer', scope: 'tenant', status: 201,
    summary: 'Make a link that signs this operator in once, for ten minutes',
    response: operators.welcomeLink,
  }),
  whoami: operation({
    method: 'GET', path: '/v1/whoami', tag: 'operators', role: 'viewer', scope: 'tenant', summary: 'Who is calling',
    response: operators.whoami,
  }),
  signOut: operation({
    method: 'DELETE', path: '/v1/session', tag: 'operators', role: 'viewer', scope: 'tenant', status: 204,
    summary: 'End the dashboard session',
  }),
  listOperators: operation({
    method: 'GET', path: '/v1/operators', tag: 'operators', role: 'owner', summary: 'List operators',
    query: pageQuery, response: list(operators.operator),
  }),
  createOperator: operation({
    method: 'POST', path: '/v1/operators', tag: 'operators', role: 'owner', status: 201, summary: 'Create an operator',
    body: operators.operatorCreate, response: operators.operator, problems: ['name_taken', 'not_found'],
  }),
  updateOperator: operation({
    method: 'PATCH', path: '/v1/operators/{operator}', tag: 'operators', role: 'owner',
    summary: 'Change roles or switch off; the last owner stays',
    params: z.strictObject({ operator: reference }), body: operators.operatorPatch, response: operators.operator,
    problems: ['not_found', 'state_conflict'],
  }),
  listOperatorTokens: operation({
    method: 'GET', path: '/v1/operators/{operator}/tokens', tag: 'operators', role: 'owner', summary: 'List tokens',
    params: z.strictObject({ operator: reference }), query: pageQuery, response: list(operators.operatorToken),
    problems: ['not_found'],
  }),
  createOperatorToken: operation({
    method: 'POST', path: '/v1/operators/{operator}/tokens', tag: 'operators', role: 'owner', status: 201,
    summary: 'Create an operator token; shown once',
    params: z.strictObject({ operator: reference }), body: operators.operatorTokenCreate,
    response: operators.operatorTokenCreated, problems: ['not_found', 'state_conflict'],
  }),
  revokeOperatorToken: operation({
    method: 'POST', path: '/v1/operators/{operator}/tokens/{token}/revoke', tag: 'operators', role: 'owner',
    summary: 'Revoke an operator token', params: z.strictObject({ operator: reference, token: reference }),
    response: operators.operatorToken, problems: ['not_found'],
  }),
  listAudit: operation({
    method: 'GET', path: '/v1/audit', tag: 'audit', role: 'owner', summary: 'What operators did, newest first',
    query: z.strictObject({ ...page, action: z.string().max(100).optional() }), response: list(operators.auditEntry),
  }),

  // Tenants and environments
  listTenants: operation({
    method: 'GET', path: '/v1/tenants', tag: 'tenants', role: 'viewer', scope: 'tenant',
    summary: 'List the tenants that the operator may see', query: pageQuery, response: list(tenants.tenant),
  }),
  createTenant: operation({
    method: 'POST', path: '/v1/tenants', tag: 'tenants', role: 'owner', scope: 'everything', status: 201,
    summary: 'Create a tenant', body: tenants.tenantCreate, response: tenants.tenant, problems: ['name_taken'],
  }),
  getTenant: operation({
    method: 'GET', path: '/v1/tenants/{tenant}', tag: 'tenants', role: 'viewer', summary: 'Show a tenant',
    params: ofTenant, response: tenants.tenant, problems: ['not_found'],
  }),
  listEnvironments: operation({
    method: 'GET', path: '/v1/tenants/{tenant}/environments', tag: 'tenants', role: 'viewer', summary: 'List environments',
    params: ofTenant, query: pageQuery, response: list(tenants.environment), problems: ['not_found'],
  }),
  createEnvironment: operation({
    method: 'POST', path: '/v1/tenants/{tenant}/environments', tag: 'tenants', role: 'owner', status: 201,
    summary: 'Create an environment', params: ofTenant, body: tenants.environmentCreate, response: tenants.environment,
    problems: ['not_found', 'name_taken'],
  }),
  getEnvironment: operation({
    method: 'GET', path: E, tag: 'tenants', role: 'viewer', summary: 'Show an environment',
    params: ofEnvironment, response: tenants.environment, problems: ['not_found'],
  }),

  // Configuration
  listObjects: operation({
    method: 'GET', path: `${E}/objects`, tag: 'configuration', role: 'viewer', summary: 'List configuration objects of the draft',
    params: ofEnvironment, query: z.strictObject({ ...page, kind: objects.kindName.optional() }),
    response: list(objects.configObject), problems: ['not_found'],
  }),
  getObject: operation({
    method: 'GET', path: `${E}/objects/{kind}/{name}`, tag: 'configuration', role: 'viewer', summary: 'Show a configuration object',
    params: ofEnvironment.extend({ kind: objects.kindName, name: reference }), response: objects.configObject, etag: true,
    problems: ['not_found'],
  }),
  putObject: operation({
    method: 'PUT', path: `${E}/objects/{kind}/{name}`, tag: 'configuration', role: 'editor',
    summary: 'Create or replace a configuration object of the draft; replacing needs If-Match',
    params: ofEnvironment.extend({ kind: objects.kindName, name: reference }), query: z.strictObject(dryRunQuery),
    body: objects.configObjectWrite, response: objects.configObject, etag: true,
    problems: ['not_found', 'precondition_needed', 'revision_stale'],
  }),
  deleteObject: operation({
    method: 'DELETE', path: `${E}/objects/{kind}/{name}`, tag: 'configuration', role: 'editor', status: 204,
    summary: 'Remove a configuration object from the draft; needs If-Match',
    params: ofEnvironment.extend({ kind: objects.kindName, name: reference }), query: z.strictObject(dryRunQuery),
    problems: ['not_found', 'precondition_needed', 'revision_stale'],
  }),
  applyObjects: operation({
    method: 'POST', path: `${E}/apply`, tag: 'configuration', role: 'editor',
    summary: 'Write many configuration objects to the draft in one transaction',
    params: ofEnvironment, query: z.strictObject(dryRunQuery), body: objects.apply, response: objects.applied,
    problems: ['not_found', 'revision_stale'],
  }),
  exportObjects: operation({
    method: 'GET', path: `${E}/export`, tag: 'configuration', role: 'viewer', summary: 'The whole draft, in order',
    params: ofEnvironment, response: objects.exported, problems: ['not_found'],
  }),
  getEffectivePolicy: operation({
    method: 'GET', path: `${E}/routes/{route}/effective-policy`, tag: 'configuration', role: 'viewer',
    summary: 'Which policies apply to a route, and where each comes from',
    params: ofEnvironment.extend({ route: reference }),
    query: z.strictObject({ release: releases.releaseReference.default('draft') }),
    response: decisions.effectivePolicy, problems: ['not_found', 'release_refused'],
  }),
  validateDraft: operation({
    method: 'GET', path: `${E}/findings`, tag: 'configuration', role: 'viewer', summary: 'What is wrong with, or strange about, the draft',
    params: ofEnvironment, response: z.object({ draft_revision: z.int(), data: z.array(finding) }), problems: ['not_found'],
  }),

  // Releases
  listReleases: operation({
    method: 'GET', path: `${E}/releases`, tag: 'releases', role: 'viewer', summary: 'List releases, newest first',
    params: ofEnvironment, query: pageQuery, response: list(releases.release), problems: ['not_found'],
  }),
  publishRelease: operation({
    method: 'POST', path: `${E}/releases`, tag: 'releases', role: 'editor', status: 201, summary: 'Publish the draft as the next release',
    params: ofEnvironment, query: z.strictObject({ ...waitQuery, ...dryRunQuery }), body: releases.releaseCreate,
    response: releases.published,
    problems: ['not_found', 'release_refused', 'nothing_to_publish', 'agents_too_old', 'host_conflict', 'revision_stale'],
  }),
  getRelease: operation({
    method: 'GET', path: `${E}/releases/{number}`, tag: 'releases', role: 'viewer', summary: 'Show a release and where it is live',
    params: ofEnvironment.extend({ number: releases.releaseReference }), query: z.strictObject(waitQuery),
    response: releases.release, problems: ['not_found'],
  }),
  getReleaseObjects: operation({
    method: 'GET', path: `${E}/releases/{number}/objects`, tag: 'releases', role: 'viewer', summary: 'The content of a release',
    params: ofEnvironment.extend({ number: releases.releaseReference }),
    response: z.object({ objects: z.array(objects.configDocument) }), problems: ['not_found'],
  }),
  rollbackRelease: operation({
    method: 'POST', path: `${E}/releases/{number}/rollback`, tag: 'releases', role: 'editor', status: 201,
    summary: 'Publish the content of an earlier release under a new number; the draft stays as it is',
    params: ofEnvironment.extend({ number: releases.releaseReference }), query: z.strictObject({ ...waitQuery, ...dryRunQuery }),
    body: releases.rollback, response: releases.published,
    problems: ['not_found', 'state_conflict', 'release_refused', 'agents_too_old', 'host_conflict', 'nothing_to_publish'],
  }),
  diffReleases: operation({
    method: 'GET', path: `${E}/diff`, tag: 'releases', role: 'viewer', summary: 'Compare two releases, or the draft with the live one',
    params: ofEnvironment,
    query: z.strictObject({ from: releases.releaseReference.default('live'), to: releases.releaseReference.default('draft') }),
    response: releases.diff, problems: ['not_found'],
  }),

  // Consumers and credentials
  listConsumers: operation({
    method: 'GET', path: `${E}/consumers`, tag: 'consumers', role: 'viewer', summary: 'List consumers',
    params: ofEnvironment, query: pageQuery, response: list(consumers.consumer), problems: ['not_found'],
  }),
  createConsumer: operation({
    method: 'POST', path: `${E}/consumers`, tag: 'consumers', role: 'editor', status: 201, summary: 'Create a consumer',
    params: ofEnvironment, body: consumers.consumerCreate, response: consumers.consumer, etag: true,
    problems: ['not_found', 'name_taken'],
  }),
  getConsumer: operation({
    method: 'GET', path: `${E}/consumers/{consumer}`, tag: 'consumers', role: 'viewer', summary: 'Show a consumer',
    params: ofEnvironment.extend({ consumer: reference }), response: consumers.consumer, etag: true, problems: ['not_found'],
  }),
  updateConsumer: operation({
    method: 'PATCH', path: `${E}/consumers/{consumer}`, tag: 'consumers', role: 'editor', summary: 'Switch a consumer off or on',
    params: ofEnvironment.extend({ consumer: reference }), body: consumers.consumerPatch, response: consumers.consumer,
    etag: true, problems: ['not_found', 'revision_stale'],
  }),
  deleteConsumer: operation({
    method: 'DELETE', path: `${E}/consumers/{consumer}`, tag: 'consumers', role: 'editor', status: 204,
    summary: 'Delete a consumer and revoke its keys',
    params: ofEnvironment.extend({ consumer: reference }), problems: ['not_found'],
  }),
  listKeys: operation({
    method: 'GET', path: `${E}/keys`, tag: 'consumers', role: 'viewer', summary: 'List API keys',
    params: ofEnvironment, query: z.strictObject({ ...page, consumer: reference.optional() }),
    response: list(consumers.apiKey), problems: ['not_found'],
  }),
  createKey: operation({
    method: 'POST', path: `${E}/keys`, tag: 'consumers', role: 'editor', status: 201, summary: 'Create an API key; shown once',
    params: ofEnvironment, query: z.strictObject(waitQuery), body: consumers.apiKeyCreate,
    response: consumers.apiKeyCreated.extend({ receipt: consumers.receipt.nullable() }),
    problems: ['not_found', 'state_conflict'],
  }),
  getKey: operation({
    method: 'GET', path: `${E}/keys/{key}`, tag: 'consumers', role: 'viewer', summary: 'Show an API key',
    params: ofEnvironment.extend({ key: reference }), response: consumers.apiKey, problems: ['not_found'],
  }),
  updateKey: operation({
    method: 'PATCH', path: `${E}/keys/{key}`, tag: 'consumers', role: 'editor', summary: 'Change scopes or addresses, switch off or on',
    params: ofEnvironment.extend({ key: reference }), query: z.strictObject(waitQuery), body: consumers.apiKeyPatch,
    response: consumers.apiKeyChanged, problems: ['not_found', 'state_conflict'],
  }),
  revokeKey: operation({
    method: 'POST', path: `${E}/keys/{key}/revoke`, tag: 'consumers', role: 'editor',
    summary: 'Revoke an API key for good; repeating it changes nothing',
    params: ofEnvironment.extend({ key: reference }), query: z.strictObject(waitQuery), response: consumers.apiKeyChanged,
    problems: ['not_found'],
  }),
  rotateKey: operation({
    method: 'POST', path: `${E}/keys/{key}/rotate`, tag: 'consumers', role: 'editor', status: 201,
    summary: 'Make a successor with the same rights; the old key ends after the overlap',
    params: ofEnvironment.extend({ key: reference }), query: z.strictObject(waitQuery), body: consumers.apiKeyRotate,
    response: consumers.apiKeyRotated, problems: ['not_found', 'state_conflict'],
  }),

  // Decisions
  listDecisions: operation({
    method: 'GET', path: `${E}/decisions`, tag: 'decisions', role: 'viewer', summary: 'List decision records, newest first',
    params: ofEnvironment,
    query: z.strictObject({
      ...page,
      outcome: z.enum(['allow', 'deny']).optional(),
      reason: z.string().max(64).optional(),
      route: reference.optional(),
      consumer: reference.optional(),
    }),
    response: list(decisions.decisionRecord), problems: ['not_found'],
  }),
  getDecision: operation({
    method: 'GET', path: `${E}/decisions/{request_id}`, tag: 'decisions', role: 'viewer',
    summary: 'Show the decision record of a request; `last` and `last-refused` name the newest',
    params: ofEnvironment.extend({ request_id: reference }), response: decisions.decisionRecord, problems: ['not_found'],
  }),
  explain: operation({
    method: 'POST', path: `${E}/explain`, tag: 'decisions', role: 'viewer', summary: 'Explain a real or simulated request, gate by gate',
    params: ofEnvironment, body: decisions.explainRequest, response: decisions.explanation,
    problems: ['not_found', 'release_refused'],
  }),
  getTraffic: operation({
    method: 'GET', path: `${E}/traffic`, tag: 'decisions', role: 'viewer', summary: 'Requests per minute, newest last',
    params: ofEnvironment, query: z.strictObject({ minutes: z.coerce.number().int().min(1).max(1440).default(60) }),
    response: decisions.traffic, problems: ['not_found'],
  }),

  // Fleet
  listAgentGroups: operation({
    method: 'GET', path: '/v1/agent-groups', tag: 'fleet', role: 'viewer', summary: 'List agent groups',
    query: pageQuery, response: list(fleet.agentGroup),
  }),
  createAgentGroup: operation({
    method: 'POST', path: '/v1/agent-groups', tag: 'fleet', role: 'owner', status: 201, summary: 'Create an agent group',
    body: fleet.agentGroupCreate, response: fleet.agentGroup, problems: ['name_taken', 'not_found', 'host_conflict'],
  }),
  getAgentGroup: operation({
    method: 'GET', path: '/v1/agent-groups/{group}', tag: 'fleet', role: 'viewer', summary: 'Show an agent group',
    params: z.strictObject({ group: reference }), response: fleet.agentGroup, problems: ['not_found'],
  }),
  updateAgentGroup: operation({
    method: 'PATCH', path: '/v1/agent-groups/{group}', tag: 'fleet', role: 'owner', summary: 'Change which environments a group serves',
    params: z.strictObject({ group: reference }), body: fleet.agentGroupPatch, response: fleet.agentGroup,
    problems: ['not_found', 'host_conflict'],
  }),
  listJoinTokens: operation({
    method: 'GET', path: '/v1/agent-groups/{group}/join-tokens', tag: 'fleet', role: 'editor', summary: 'List join tokens',
    params: z.strictObject({ group: reference }), query: pageQuery, response: list(fleet.joinToken), problems: ['not_found'],
  }),
  createJoinToken: operation({
    method: 'POST', path: '/v1/agent-groups/{group}/join-tokens', tag: 'fleet', role: 'editor', status: 201,
    summary: 'Create a join token; shown once, works once',
    params: z.strictObject({ group: reference }), body: fleet.joinTokenCreate, response: fleet.joinTokenCreated,
    problems: ['not_found'],
  }),
  revokeJoinToken: operation({
    method: 'POST', path: '/v1/agent-groups/{group}/join-tokens/{token}/revoke', tag: 'fleet', role: 'editor',
    summary: 'Revoke a join token', params: z.strictObject({ group: reference, token: reference }), response: fleet.joinToken,
    problems: ['not_found', 'state_conflict'],
  }),
  listAgents: operation({
    method: 'GET', path: '/v1/agents', tag: 'fleet', role: 'viewer', summary: 'List agents and what each acts on',
    query: z.strictObject({ ...page, group: reference.optional() }), response: list(fleet.agent), problems: ['not_found'],
  }),
  getAgent: operation({
    method: 'GET', path: '/v1/agents/{agent}', tag: 'fleet', role: 'viewer', summary: 'Show an agent',
    params: z.strictObject({ agent: reference }), response: fleet.agent, problems: ['not_found'],
  }),
  revokeAgent: operation({
    method: 'POST', path: '/v1/agents/{agent}/revoke', tag: 'fleet', role: 'owner',
    summary: 'End the identity of an agent: its stream closes and its certificate is not renewed',
    params: z.strictObject({ agent: reference }), response: fleet.agent, problems: ['not_found'],
  }),
} as const satisfies Record<string, Operation>

export type Operations = typeof operations
export type OperationId = keyof Operations
