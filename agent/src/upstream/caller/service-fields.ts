/**
 * The fields that a service gets from the agent: who calls, as the service wants to be told, and who we are.
 *
 * What was asked for and cannot be had refuses the request: a service that is told less than it was promised could take
 * the caller for somebody else, or for nobody.
 *
 * @module
 */
import type { CompiledAuthentication, CompiledService, Principal, Reason } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Fields } from '#agent/http/exchange.ts'
import type { LiveEnvironment } from '#agent/live-table.ts'
import {
  credentialId,
  type ServiceCredential,
  type ServiceSecrets,
} from '#agent/upstream/credentials/service-secrets.ts'
import { addCallerFields, canBeSaid, type FieldList } from './caller-fields.ts'

/** Why a request that was allowed is not sent. */
export type MissingReason = Extract<Reason, 'upstream_identity_invalid' | 'upstream_credential_unavailable'>

/** The fields, or why the request is refused. */
export type ServiceFieldsMade = Fields | MissingReason

export class ServiceFields {
  readonly #secrets: ServiceSecrets
  readonly #clock: Clock
  readonly #credentials = new WeakMap<CompiledAuthentication, ServiceCredential>()

  constructor(secrets: ServiceSecrets, clock: Clock) {
    this.#secrets = secrets
    this.#clock = clock
  }

  /**
   * @param idField goes in front.
   * @returns later only where a credential is not known yet, because its release is new.
   */
  of(
    environment: LiveEnvironment,
    service: CompiledService,
    principal: Principal | null,
    idField: readonly [name: string, value: string],
  ): ServiceFieldsMade | Promise<ServiceFieldsMade> {
    const { identity, authentication } = service
    if (authentication !== null) return this.#withCredential(environment, service, authentication, principal, idField)
    if (principal === null) return [idField]
    const { headers, claims, token } = identity
    const { consumer } = headers
    const isUsual = headers.credential === null && headers.scopes === null && headers.roles === null
    if (isUsual && claims.length === 0 && token === null && consumer !== null) {
      // The names of our own consumers are plain words.
      if (principal.consumerId === '' && !canBeSaid(principal.consumer)) return 'upstream_identity_invalid'
      return [idField, [consumer, principal.consumer]]
    }
    return this.#identity(environment, service, principal, [idField])
  }

  #withCredential(
    environment: LiveEnvironment,
    service: CompiledService,
    authentication: CompiledAuthentication,
    principal: Principal | null,
    idField: readonly [name: string, value: string],
  ): ServiceFieldsMade | Promise<ServiceFieldsMade> {
    const credential = this.#credential(environment, authentication)
    const rest = (): ServiceFieldsMade => {
      if (credential.value === null) return 'upstream_credential_unavailable'
      const name = authentication.kind === 'header' ? authentication.header : 'authorization'
      const fields: FieldList = [idField, [name, credential.value]]
      return principal === null ? fields : this.#identity(environment, service, principal, fields)
    }
    return credential.known === null ? rest() : this.#await(credential.known, service.connectTimeoutMs).then(rest)
  }

  async #await(known: Promise<void>, longestMs: number): Promise<void> {
    const bound = new AbortController()
    await Promise.race([known, this.#clock.sleep(longestMs, bound.signal).catch(() => {})])
    bound.abort()
  }

  #credential({ id }: LiveEnvironment, authentication: CompiledAuthentication): ServiceCredential {
    let credential = this.#credentials.get(authentication)
    if (credential === undefined) {
      credential = this.#secrets.credential(credentialId(id, authentication))
      this.#credentials.set(authentication, credential)
    }
    return credential
  }

  #identity(
    { release }: LiveEnvironment,
    { identity }: CompiledService,
    principal: Principal,
    fields: FieldList,
  ): ServiceFieldsMade {
    if (!addCallerFields(fields, identity, principal)) return 'upstream_identity_invalid'
    const { token } = identity
    if (token === null) return fields
    const issuer = `headgate:${release.tenant}/${release.environment}`
    const made = this.#secrets.tokens.of(token, issuer, principal, this.#clock.now())
    if (made.kind === 'no_key') return 'upstream_credential_unavailable'
    if (made.kind === 'too_long') return 'upstream_identity_invalid'
    fields.push([token.header, made.text])
    return fields
  }
}
