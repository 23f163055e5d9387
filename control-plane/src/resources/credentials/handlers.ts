/**
 * Client certificates and keys that sign requests. Changes are live at once, as those of API keys; with `wait=true` the
 * answer says on which agents.
 *
 * @module
 */
import type { Given } from '@headgate/admin-api'
import { type AuditNote, change } from '#control-plane/audit/audit.ts'
import { type EnvironmentScope, type Tx, isUniqueViolation } from '#control-plane/db.ts'
import { chooseConsumer } from '#control-plane/resources/consumers/choose.ts'
import { findConsumer } from '#control-plane/resources/consumers/store.ts'
import { lockEnvironment, raiseDirectory } from '#control-plane/resources/environments/sequences.ts'
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { idKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { notFound, refuse } from '#control-plane/rest/refusal.ts'
import { identityText } from './identity.ts'
import { checkAddresses, readExpiry, unique } from './input.ts'
import { readEd25519 } from './public-key.ts'
import { receiptOf } from './receipt.ts'
import * as store from './store.ts'
import { credentialView } from './view.ts'

type Ids = 'listCredentials' | 'createCredential' | 'getCredential' | 'updateCredential' | 'revokeCredential'

export const credentialHandlers = {
  listCredentials: async ({ services, environment }, { query }) => {
    const { db, clock } = services
    const { kind, state, limit } = query
    const afterId = readCursor(query.cursor, idKey)?.[0]
    const consumer = query.consumer === undefined ? undefined : await findConsumer(db, environment, query.consumer)
    if (consumer === null) return notFound('consumer', query.consumer ?? '')
    const nowMs = clock.now()
    const options = { consumerId: consumer?.id, kind, state, nowMs, afterId, take: limit + 1 }
    return toPage(
      await store.listCredentials(db, environment, options),
      limit,
      ({ id }) => [id],
      (row) => credentialView(row, nowMs),
    )
  },

  createCredential: async (context, { query, body }) => {
    const { environment, services, caller } = context
    const nowMs = services.clock.now()
    checkAddresses(body.addresses)
    const expiresAt = readExpiry(body.expires_at, nowMs)
    const proof = proofOf(body)
    const row = await change(context, async (tx) => {
      const sequence = await raiseDirectory(tx, environment)
      const { consumerId, created } = await chooseConsumer(tx, environment, body, sequence, nowMs)
      const result = await store.insertCredential(
        tx,
        environment,
        {
          proof,
          consumerId,
          name: body.name,
          expiresAt,
          sequence,
          createdBy: caller.name,
          scopes: unique(body.scopes),
          addresses: unique(body.addresses),
        },
        nowMs,
      )
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      const after = { ...credentialView(result, nowMs), consumer_created: created }
      return { result, audit: { action: 'credential.create', ...about(environment, result), after } }
    }).catch((thrown: unknown) => {
      if (isUniqueViolation(thrown)) return refuse('name_taken', `Another credential has ${proof.subject}`)
      throw thrown
    })
    return { ...credentialView(row, nowMs), receipt: await receiptOf(context, row.sequence, query) }
  },

  getCredential: async ({ services, environment }, { params }) =>
    credentialView(await find(services.db, environment, params.credential), services.clock.now()),

  updateCredential: async (context, { params, query, body }) => {
    const { environment, services } = context
    if (body.addresses !== undefined) checkAddresses(body.addresses)
    const row = await change(context, async (tx) => {
      const before = await lockCredential(tx, environment, params.credential)
      if (before.state === 'revoked') refuse('state_conflict', 'The credential is revoked for good')
      const data = {
        ...(body.name === undefined ? {} : { name: body.name }),
        ...(body.scopes === undefined ? {} : { scopes: unique(body.scopes) }),
        ...(body.addresses === undefined ? {} : { addresses: unique(body.addresses) }),
        ...(body.disabled === undefined ? {} : { state: body.disabled ? ('disabled' as const) : ('active' as const) }),
      }
      if (Object.keys(data).length === 0) return { result: before, audit: null }
      const sequence = await raiseDirectory(tx, environment)
      const result = await store.updateCredential(tx, environment, before.id, { ...data, sequence })
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      return { result, audit: audit('credential.update', environment, before, result, services.clock.now()) }
    })
    return {
      ...credentialView(row, services.clock.now()),
      receipt: await receiptOf(context, row.sequence, query),
    }
  },

  revokeCredential: async (context, { params, query }) => {
    const { environment, services } = context
    const row = await change(context, async (tx) => {
      const before = await lockCredential(tx, environment, params.credential)
      if (before.state === 'revoked') return { result: before, audit: null }
      const nowMs = services.clock.now()
      const sequence = await raiseDirectory(tx, environment)
      const revoked = { state: 'revoked' as const, revokedAt: new Date(nowMs), sequence }
      const result = await store.updateCredential(tx, environment, before.id, revoked)
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      return { result, audit: audit('credential.revoke', environment, before, result, nowMs) }
    })
    // A repeated call waits for the first one's change: its answer is as good.
    return {
      ...credentialView(row, services.clock.now()),
      receipt: await receiptOf(context, row.sequence, query),
    }
  },
} satisfies HandlersOf<Ids>

/** @throws Refusal `input_invalid`. */
function proofOf(body: Given<'createCredential'>['body']): store.Proof {
  if (body.kind === 'certificate') return { kind: body.kind, subject: identityText(body.identity) }
  const { kind, key_id: subject } = body
  return body.algorithm === 'ed25519'
    ? { kind, subject, algorithm: body.algorithm, publicKey: readEd25519(body.public_key) }
    : { kind, subject, algorithm: body.algorithm, secret: body.secret }
}

/** The environment's row goes first, as in every change of the directory. */
async function lockCredential(tx: Tx, environment: EnvironmentScope, id: string): Promise<store.CredentialRow> {
  await lockEnvironment(tx, environment)
  return find(tx, environment, id)
}

async function find(db: Tx, environment: EnvironmentScope, id: string): Promise<store.CredentialRow> {
  return (await store.findCredential(db, environment, id)) ?? notFound('credential', id)
}

function about(
  { tenantId, environmentId }: EnvironmentScope,
  { id, subject }: store.CredentialRow,
): Pick<AuditNote, 'target' | 'tenantId' | 'environmentId'> {
  return { target: { kind: 'credential', id, name: subject }, tenantId, environmentId }
}

function audit(
  action: string,
  environment: EnvironmentScope,
  before: store.CredentialRow,
  after: store.CredentialRow,
  nowMs: number,
): AuditNote {
  return {
    action,
    ...about(environment, after),
    before: credentialView(before, nowMs),
    after: credentialView(after, nowMs),
  }
}
