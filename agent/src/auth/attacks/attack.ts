/**
 * What an attack is: a request that must be refused for one reason, or one beside it that must be admitted.
 *
 * Made when it is sent, so that times and keys are of that moment. `testing/judge.ts` sends it.
 *
 * @module
 */
import type { CredentialReason, Reason } from '@headgate/core'

export type Field = readonly [name: string, value: string]

export interface AttackRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly fields: readonly Field[]
  /** Over TLS, with this client certificate; null: in clear. */
  readonly certificate: { readonly cert: string; readonly key: string } | null
  /** Sent before, and must be admitted: for what may be sent once. */
  readonly before: AttackRequest | null
  /** Texts that must not be seen anywhere again. */
  readonly secrets: readonly string[]
}

export interface Attack {
  /** What is guaranteed. */
  readonly title: string
  readonly expected: Reason | 'allowed'
  readonly request: () => AttackRequest | Promise<AttackRequest>
}

export function refused(
  title: string,
  expected: CredentialReason | Reason,
  request: () => AttackRequest | Promise<AttackRequest>,
): Attack {
  return { title: `${title} is refused`, expected, request }
}

/** A control: shows that what is refused beside it is refused for what is wrong with it. */
export function admitted(title: string, request: () => AttackRequest | Promise<AttackRequest>): Attack {
  return { title: `${title} is admitted`, expected: 'allowed', request }
}

export function plain(
  target: string,
  fields: readonly Field[],
  secrets: readonly string[] = [],
  more: Partial<AttackRequest> = {},
): AttackRequest {
  return { method: 'GET', target, fields, certificate: null, before: null, secrets, ...more }
}

/** A token as it is usually presented. */
export const bearer = (text: string, target = '/jwt', more: Partial<AttackRequest> = {}): AttackRequest =>
  plain(target, [['authorization', `Bearer ${text}`]], [text], more)

/** A token with the proof of its key. */
export const withProof = (text: string, proof: string, target = '/dpop'): AttackRequest =>
  plain(
    target,
    [
      ['authorization', `DPoP ${text}`],
      ['dpop', proof],
    ],
    [text, proof],
  )

/** A key in the field of its policy. */
export const keyed = (text: string, target = '/keys'): AttackRequest => plain(target, [['x-api-key', text]], [text])
