/**
 * The admin API as this page sees it: the typed client, and what to show when it says no.
 *
 * @module
 */
import { type Answer, type Client, ConnectionError, createClient, ProblemError } from '@headgate/admin-api'
import { createContext, use } from 'react'

export type Operator = Answer<'whoami'>['operator']
export type Environment = Answer<'getEnvironment'>
export type Agent = Answer<'listAgents'>['data'][number]
export type Release = Answer<'getRelease'>
export type Traffic = Answer<'getTraffic'>['data']
export type Consumer = Answer<'getConsumer'>
export type ApiKey = Answer<'getKey'>
export type Credential = Answer<'getCredential'>
export type KeyReport = Answer<'reportKeys'>
export type SecurityEvent = Answer<'listSecurityEvents'>['data'][number]
export type ConfigObject = Answer<'getObject'>
export type EffectivePolicy = Answer<'getEffectivePolicy'>
export type Ban = Answer<'getBan'>
export type Receipt = NonNullable<Answer<'revokeKey'>['receipt']>

/** An environment, as paths of the admin API name it. */
export interface Where {
  readonly tenant: string
  readonly environment: string
}

/** Longest list that a page shows; what is beyond is told. */
export const ROWS_MAX = 200

/** Why something could not be shown, in words for people. */
export interface Failure {
  /** Code of the problem; `unreachable` when there was no answer that can be understood. */
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly fix: string
  /** Names the request in the log of the control plane; null when it never got there. */
  readonly requestId: string | null
  readonly errors: readonly { readonly pointer: string; readonly message: string }[]
}

export const ApiContext = createContext<Client | null>(null)

export function useApi(): Client {
  const api = use(ApiContext)
  if (api === null) throw new Error('there is no ApiContext above')
  return api
}

/** Talks to the control plane that served this page, with its session cookie and nothing else. */
export function createApi(): Client {
  return createClient({
    baseUrl: '',
    fetch: (url, init) => fetch(url, { ...init, credentials: 'same-origin', cache: 'no-store', redirect: 'error' }),
    timeoutMs: 10_000,
  })
}

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof ProblemError) {
    const { code, title, detail = '', fix, request_id: requestId, errors = [] } = thrown.problem
    return { code, title, detail, fix, requestId, errors }
  }
  return {
    code: 'unreachable',
    title: thrown instanceof ConnectionError ? 'The control plane does not answer as it should' : 'This page failed',
    detail: thrown instanceof Error ? thrown.message : String(thrown),
    fix: 'Agents go on with what they know. See what is wrong with: npx headgate doctor',
    requestId: null,
    errors: [],
  }
}
