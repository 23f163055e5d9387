/**
 * What is done with a key that was found in public: told to operators, switched off, or revoked.
 *
 * @module
 */
import { type AuditNote, change } from '#control-plane/audit/audit.ts'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { stateOf } from '#control-plane/resources/credentials/state.ts'
import { lockEnvironment, raiseDirectory } from '#control-plane/resources/environments/sequences.ts'
import { type KeyRow, findKey, updateKey } from '#control-plane/resources/keys/store.ts'
import { keyView } from '#control-plane/resources/keys/view.ts'
import type { AnonymousContext } from '#control-plane/rest/contract.ts'
import type { LeakAction } from './action.ts'
import { type FoundKey, insertLeak, isReported } from './store.ts'

/** How a leak was reported, without the key. */
export interface Leak {
  readonly type: string
  /** Where it was found; empty: not said. */
  readonly url: string
  readonly source: string
  /** Of the key that signed the report. */
  readonly keyIdentifier: string
}

/**
 * A key that is revoked already is left as it is, and one place is told of once.
 *
 * @param wanted what is set for all keys.
 */
export async function actOnLeak(
  context: AnonymousContext,
  { id, scope }: FoundKey,
  leak: Leak,
  wanted: LeakAction,
): Promise<void> {
  const { services, address } = context
  await change(context, async (tx) => {
    await lockEnvironment(tx, scope)
    const before = await findKey(tx, scope, id)
    const nowMs = services.clock.now()
    if (before === null || stateOf(before, nowMs) === 'revoked') return { result: undefined, audit: null }
    const action = actionFor(before, wanted)
    if (action === 'alert' && (await isReported(tx, scope, id, leak.url))) return { result: undefined, audit: null }
    const after = action === 'alert' ? before : await end(tx, scope, before, action, nowMs)
    if (action !== 'alert') await services.fleet.notifyDirectory(tx, scope.environmentId)
    await insertLeak(
      tx,
      scope,
      { credentialId: id, consumer: before.consumer.name, address, url: leak.url, action },
      nowMs,
    )
    services.log.warn({ ...whereabouts(scope), credential_id: id, action }, 'a key was found in public')
    return { result: undefined, audit: note(scope, before, after, leak, nowMs) }
  })
}

/** A decoy is there to be found, and a key that is off cannot be switched off again. */
function actionFor({ decoy, state }: KeyRow, wanted: LeakAction): LeakAction {
  if (decoy) return 'alert'
  return wanted === 'disable' && state === 'disabled' ? 'alert' : wanted
}

async function end(
  tx: Tx,
  scope: EnvironmentScope,
  { id }: KeyRow,
  action: 'disable' | 'revoke',
  nowMs: number,
): Promise<KeyRow> {
  const sequence = await raiseDirectory(tx, scope)
  return action === 'revoke'
    ? updateKey(tx, scope, id, { state: 'revoked', revokedAt: new Date(nowMs), sequence })
    : updateKey(tx, scope, id, { state: 'disabled', sequence })
}

function note(scope: EnvironmentScope, before: KeyRow, after: KeyRow, leak: Leak, nowMs: number): AuditNote {
  const { tenantId, environmentId } = scope
  const { type, url, source, keyIdentifier } = leak
  return {
    action: 'api_key.leak',
    operator: { id: null, name: 'scanner' },
    target: { kind: 'api_key', id: after.id, name: after.name },
    tenantId,
    environmentId,
    before: keyView(before, nowMs),
    after: { ...keyView(after, nowMs), via: 'scanner', leak: { type, url, source, key_identifier: keyIdentifier } },
  }
}

function whereabouts({ tenantName, environmentName }: EnvironmentScope) {
  return { tenant: tenantName, environment: environmentName }
}
