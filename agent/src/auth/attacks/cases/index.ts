/**
 * All attacks, by what they are aimed at.
 *
 * @module
 */
import type { Attack } from '#agent/auth/attacks/attack.ts'
import { algorithms } from './algorithms.ts'
import { answersAboutTokens } from './answers-about-tokens.ts'
import { apiKeys } from './api-keys.ts'
import { arithmetic } from './arithmetic.ts'
import { bindingsOfTokens } from './bindings.ts'
import { certificates } from './certificates.ts'
import { callersOfTokens, issuersAndAudiences, timesOfTokens } from './claims.ts'
import { encodings } from './encodings.ts'
import { headers } from './headers.ts'
import { json } from './json.ts'
import { places } from './places.ts'
import { proofs } from './proofs.ts'
import { rights } from './rights.ts'
import { signedRequests } from './signed-requests.ts'
import { told } from './told.ts'

export const families: readonly (readonly [title: string, attacks: readonly Attack[]])[] = [
  ['algorithms and keys', algorithms],
  ['signatures as numbers', arithmetic],
  ['headers of tokens', headers],
  ['encodings', encodings],
  ['JSON', json],
  ['issuers and audiences', issuersAndAudiences],
  ['times', timesOfTokens],
  ['callers', callersOfTokens],
  ['rights', rights],
  ['bindings', bindingsOfTokens],
  ['proofs of keys', proofs],
  ['signed requests', signedRequests],
  ['answers about tokens', answersAboutTokens],
  ['API keys', apiKeys],
  ['client certificates', certificates],
  ['places', places],
  ['what services are told', told],
]
