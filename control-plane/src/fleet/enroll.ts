/**
 * First and next certificates: enrollment with a join token, renewal with the certificate itself.
 *
 * A certificate is signed for the key of a request that the agent made; its name is the agent's id and comes from
 * here. Nothing of the request but its key is used.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import { status } from '@grpc/grpc-js'
import type { Clock } from '@headgate/kit/clock.ts'
import { newId } from '@headgate/kit/ids.ts'
import type { Log } from '@headgate/kit/log.ts'
import { issueClientCertificate, readCertificateRequest } from '@headgate/kit/pki.ts'
import {
  type EnrollRequest,
  type EnrollResponse,
  EnrollResponseSchema,
  type RenewRequest,
  type RenewResponse,
  RenewResponseSchema,
} from '@headgate/proto'
import { type IdentityKey, identityKeyOf } from '#control-plane/identity-keys/jwk.ts'
import type { InstallationKeys } from '#control-plane/secrets/store.ts'
import { type Identified, type Refusal, agentUri } from './identify.ts'
import { hashJoinSecret } from './join-token.ts'
import type { FleetStore, TokenState } from './store.ts'

/** Longest agent name without the suffix that makes it unique. */
const NAME_LENGTH_MAX = 50

/** Longest version text that is kept. */
const VERSION_LENGTH_MAX = 64

export type Answer<T> =
  | { readonly kind: 'ok'; readonly message: T }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

interface EnrollOptions {
  readonly store: Pick<FleetStore, 'findJoinToken' | 'enroll' | 'findAgent' | 'setCertificate'>
  readonly keys: InstallationKeys
  readonly certificateLifeMs: number
  readonly clock: Clock
  readonly log: Log
}

interface Signed {
  readonly certificate: Uint8Array<ArrayBuffer>
  /** Of the certificate. */
  readonly key: IdentityKey
}

export interface Enrollment {
  enroll(request: EnrollRequest): Promise<Answer<EnrollResponse>>
  renew(request: RenewRequest, caller: Identified): Promise<Answer<RenewResponse>>
}

export function createEnrollment({ store, keys, certificateLifeMs, clock, log }: EnrollOptions): Enrollment {
  const trust = {
    caCertificate: keys.agentAuthority.certificate,
    signingKeys: [{ keyId: keys.signer.keyId, publicKey: keys.signer.publicKey }],
  }

  async function sign(agentId: string, request: Uint8Array): Promise<Answer<Signed>> {
    const read = await readCertificateRequest(request)
    if (read.kind === 'invalid') return refuse(status.INVALID_ARGUMENT, read.problem)
    const certificate = await issueClientCertificate(keys.agentAuthority, {
      publicKey: read.publicKey,
      uri: agentUri(agentId),
      nowMs: clock.now(),
      lifeMs: certificateLifeMs,
    })
    return { kind: 'ok', message: { certificate, key: identityKeyOf(read.publicKey) } }
  }

  return {
    enroll: async ({ joinSecret, certificateRequest, name, version }) => {
      const now = new Date(clock.now())
      const token = await store.findJoinToken(hashJoinSecret(joinSecret), now)
      if (token.state !== 'usable') return refuseToken(token.state)
      const agentId = newId('agt', clock.now())
      // Signed before the token is used up: a bad request costs no token.
      const signed = await sign(agentId, certificateRequest)
      if (signed.kind === 'refused') return signed
      const agentName = await store.enroll(
        token.id,
        {
          id: agentId,
          groupId: token.groupId,
          name: cleanName(name),
          version: cleanText(version),
          certificateExpiresAt: new Date(clock.now() + certificateLifeMs),
          key: signed.message.key,
        },
        now,
      )
      if (agentName === null) return refuseToken('used')
      log.info({ agent_id: agentId, agent: agentName, group: token.groupName }, 'agent enrolled')
      const { certificate } = signed.message
      const identity = { agentId, agentName, agentGroup: token.groupName, certificate }
      return { kind: 'ok', message: create(EnrollResponseSchema, { ...identity, ...trust }) }
    },

    renew: async ({ certificateRequest }, caller) => {
      if (caller.kind === 'refused') return caller
      const { agentId } = caller
      const agent = await store.findAgent(agentId)
      if (agent === null || agent.revoked) return refuse(status.PERMISSION_DENIED, 'the agent was revoked')
      const signed = await sign(agentId, certificateRequest)
      if (signed.kind === 'refused') return signed
      const { certificate, key } = signed.message
      const nowMs = clock.now()
      await store.setCertificate(agentId, key, new Date(nowMs + certificateLifeMs), nowMs)
      log.info({ agent_id: agentId, agent: agent.name }, 'agent certificate renewed')
      return { kind: 'ok', message: create(RenewResponseSchema, { certificate, ...trust }) }
    },
  }
}

// Said plainly: who knows the secret may know what became of it, and who does not learns nothing.
const TOKEN_REFUSALS: Readonly<Record<Exclude<TokenState, 'usable'>, string>> = {
  unknown: 'the join token is not known',
  used: 'the join token was already used: a token lets in one agent',
  expired: 'the join token has expired',
  revoked: 'the join token was revoked',
}

function refuseToken(state: Exclude<TokenState, 'usable'>): Answer<never> {
  return refuse(status.UNAUTHENTICATED, TOKEN_REFUSALS[state])
}

function refuse(code: status, details: string): Answer<never> {
  return { kind: 'refused', refusal: { code, details } }
}

/** A host name becomes a name of ours: lower case, letters, digits and dashes. */
function cleanName(wished: string): string {
  const name = wished
    .slice(0, 256)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, NAME_LENGTH_MAX)
    .replace(/-$/, '')
  return name === '' ? 'agent' : name
}

/** Text of an agent for people: short, and nothing that a terminal would act upon. */
export function cleanText(text: string): string {
  return text.slice(0, VERSION_LENGTH_MAX).replaceAll(/[^\x20-\x7e]/g, '')
}
