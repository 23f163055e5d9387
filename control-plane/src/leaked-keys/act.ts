/**
 * What is done with a key that was found in public: told to operators, throttled, switched off, or revoked.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import { type AuditNote, change } from '#control-plane/audit/audit.ts'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { stateOf } from '#control-plane/resources/credentials/state.ts'
import { lockEnvironment, raiseDirectory } from '#control-plane/resources/environments/sequences.ts'
import { checkLimitsCounted, readLimits } from '#control-plane/resources/keys/limits.ts'
import { type KeyRow, findKey, updateKey } from '#control-plane/resources/keys/store.ts'
import { keyView } from '#control-plane/resources/keys/view.ts'
import type { AnonymousContext } from '#control-plane/rest/contract.ts'
import { Refusal } from '#control-plane/rest/refusal.ts'
import { type LeakAction, THROTTLED } from './action.ts'
import { type FoundKey, insertLeak, isReported } from './store.ts'

/** Limits of one key, as the admin API has it. */
const KEY_LIMITS_MAX = 8

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
    const action = await actionFor(tx, scope, before, wanted)
    if (action === 'alert' && (await isReported(tx, scope, id, leak.url))) return { result: undefined, audit: null }
    const after = action === 'alert' ? before : await act(tx, scope, before, action, nowMs)
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

/** A decoy is there to be found, and nothing is done twice. A key that no agent could throttle is switched off. */
async function actionFor(
  tx: Tx,
  scope: EnvironmentScope,
  { decoy, state, limits }: KeyRow,
  wanted: LeakAction,
): Promise<LeakAction> {
  if (decoy) return 'alert'
  const isOff = state === 'disabled'
  if (wanted === 'disable') return isOff ? 'alert' : wanted
  if (wanted !== 'throttle') return wanted
  if (isOff || readLimits(limits).some((limit) => isDeepStrictEqual(limit, THROTTLED))) return 'alert'
  return (await areLimitsCounted(tx, scope)) ? 'throttle' : 'disable'
}

async function areLimitsCounted(tx: Tx, scope: EnvironmentScope): Promise<boolean> {
  try {
    await checkLimitsCounted(tx, scope, [THROTTLED])
    return true
  } catch (thrown) {
    if (thrown instanceof Refusal) return false
    throw thrown
  }
}

async function act(
  tx: Tx,
  scope: EnvironmentScope,
  { id, limits }: KeyRow,
  action: Exclude<LeakAction, 'alert'>,
  nowMs: number,
): Promise<KeyRow> {
  const sequence = await raiseDirectory(tx, scope)
  switch (action) {
    case 'revoke':
      return await updateKey(tx, scope, id, { state: 'revoked', revokedAt: new Date(nowMs), sequence })
    case 'disable':
      return await updateKey(tx, scope, id, { state: 'disabled', sequence })
    case 'throttle': {
      const others = readLimits(limits).slice(0, KEY_LIMITS_MAX - 1)
      return await updateKey(tx, scope, id, { limits: [THROTTLED, ...others], sequence })
    }
  }
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
