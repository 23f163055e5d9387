/**
 * What the main thread hands to those who serve, so that they can say who we are and who calls.
 *
 * One value at a time, by its name; the newest counts. Secret: never logged, never told to anybody else.
 *
 * @module
 */
import { hash } from 'node:crypto'
import type { CompiledAuthentication } from '@headgate/core'
import { IdentityTokens } from '#agent/upstream/caller/identity-tokens.ts'

export type ServiceSecret =
  /** The key of the agent's identity, in DER (PKCS #8). */
  | { readonly kind: 'identity key'; readonly key: Uint8Array }
  /** Value of the field with which the agent proves itself. Null: it cannot be had; undefined: nobody wants it. */
  | { readonly kind: 'credential'; readonly id: string; readonly value: string | null | undefined }

/** By what a secret takes the place of an earlier one. */
export function secretName(secret: ServiceSecret): string {
  return secret.kind === 'credential' ? secret.id : ''
}

/**
 * Name of a credential: another spec is another credential, so a service never gets one that was made for what it was
 * before.
 */
export function credentialId(environmentId: string, authentication: CompiledAuthentication): string {
  return hash('sha256', `${environmentId} ${JSON.stringify(authentication)}`, 'base64url')
}

/** A credential as those know it who serve. */
export interface ServiceCredential {
  /** Value of the field; null: there is none, or it is not known yet. */
  readonly value: string | null
  /** Resolves when it is known whether there is one; null: it is known. */
  readonly known: Promise<void> | null
}

interface Held {
  value: string | null
  known: Promise<void> | null
  tell: () => void
}

export class ServiceSecrets {
  readonly tokens = new IdentityTokens()
  readonly #credentials = new Map<string, Held>()

  /** Takes what the main thread says. */
  take(secret: ServiceSecret): void {
    if (secret.kind === 'identity key') {
      this.tokens.useKey(secret.key)
      return
    }
    const { id, value } = secret
    if (value === undefined) {
      this.#credentials.get(id)?.tell()
      this.#credentials.delete(id)
      return
    }
    const held = this.#held(id)
    held.value = value
    held.known = null
    held.tell()
  }

  /** The same object as long as somebody wants it. */
  credential(id: string): ServiceCredential {
    return this.#held(id)
  }

  #held(id: string): Held {
    let held = this.#credentials.get(id)
    if (held === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = { value: null, known: promise, tell: resolve }
      this.#credentials.set(id, held)
    }
    return held
  }
}
