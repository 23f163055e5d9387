/**
 * Decision cases: a small release, what its directory holds, requests, and what must come of each.
 *
 * `core/cases/*.json` are run by core itself, by a real agent over HTTP and by the control plane's explain, and all
 * three must agree. This file has what the three runners share; none of it is used in production.
 *
 * Requests of a file share the limits of its release and run in order of the file; nothing else connects them.
 *
 * @module
 */
import { z } from 'zod'
import { apiKeyRecord, formatApiKey, parseApiKey, type ApiKeyRecord } from './credentials/api-key.ts'
import { parseAddressRanges } from './credentials/addresses.ts'
import type { ReleaseInput } from './compile.ts'
import type { Decision } from './decision.ts'
import { objectName } from './kinds/common.ts'
import { kindNames } from './kinds/index.ts'
import { reasons, type Reason } from './reasons.ts'

const alias = z.string().regex(/^[0-9A-Za-z]{1,30}$/)

/** A header field: name and value. `{key:alias}` in the value stands for the key of that alias, known or not. */
const headerField = z.tuple([z.string(), z.string()])

const expectation = z.strictObject({
  /** HTTP status as the caller sees it; 200 for what is allowed. */
  status: z.int(),
  reason: z.enum(['allowed', ...(Object.keys(reasons) as Reason[])]),
  route: z.string().optional(),
  consumer: z.string().optional(),
  /** `kind/name` of the object that decided. */
  rule: z.string().optional(),
  needed: z.array(z.string()).optional(),
  had: z.array(z.string()).optional(),
  allow: z.array(z.string()).optional(),
  /** Where a redirect leads. */
  location: z.string().optional(),
  /** Whole requests that the tightest limit has left. */
  limit_remaining: z.int().optional(),
})

const caseRequest = z.strictObject({
  /** A guarantee in present tense. */
  title: z.string().min(1),
  method: z.string(),
  host: z.string(),
  target: z.string(),
  headers: z.array(headerField).default([]),
  /** Source address. Loopback, because the same request is sent by a client that binds it. */
  address: z
    .string()
    .regex(/^127\.[0-9.]+$/)
    .default('127.0.0.1'),
  /** Sent so many times; the last one is judged. */
  repeat: z.int().min(1).max(1000).default(1),
  expect: expectation,
})

/** Schema of a case file. */
export const caseFile = z.strictObject({
  about: z.string().min(1),
  environment: objectName,
  objects: z.array(
    z.strictObject({ kind: z.enum(kindNames as [string, ...string[]]), name: objectName, spec: z.looseObject({}) }),
  ),
  consumers: z.array(z.strictObject({ name: objectName, disabled: z.boolean().default(false) })).default([]),
  api_keys: z
    .array(
      z.strictObject({
        alias,
        consumer: objectName,
        scopes: z.array(z.string()).default([]),
        addresses: z.array(z.string()).default([]),
        state: z.enum(['active', 'disabled', 'revoked']).default('active'),
        expires: z.enum(['past', 'future']).optional(),
      }),
    )
    .default([]),
  requests: z.array(caseRequest).min(1),
})

/** A case file with its defaults filled in. */
export type CaseFile = z.output<typeof caseFile>
/** One request of a case file. */
export type CaseRequest = z.output<typeof caseRequest>
/** What must come of it. */
export type CaseExpectation = z.output<typeof expectation>

/** Far enough from now that no run comes near it. */
const DAY_MS = 86_400_000

/** The text of the key that an alias stands for. Deterministic, so that all runners use the same. */
export function caseKey(environment: string, alias: string): string {
  return formatApiKey(environment, alias.padStart(30, '0'))
}

/** The release of a case file. Objects come from `case:1` on, so that origins can be told apart. */
export function caseRelease(file: CaseFile): ReleaseInput {
  const objects = file.objects.map((object, index) => ({ ...object, origin: `case:${index + 1}` }))
  return { tenant: 'case', environment: file.environment, number: 1, objects }
}

/** When the key of a case ends, in milliseconds since 1970-01-01 UTC; 0: never. */
export function caseExpiryMs(expires: 'past' | 'future' | undefined, nowMs: number): number {
  return expires === undefined ? 0 : expires === 'past' ? nowMs - DAY_MS : nowMs + DAY_MS
}

/** Records of all keys of a file, by the text of the key. Ids are made from names. */
export function caseKeyRecords(file: CaseFile, nowMs: number): ReadonlyMap<string, ApiKeyRecord> {
  const disabled = new Set(file.consumers.filter((consumer) => consumer.disabled).map(({ name }) => name))
  return new Map(
    file.api_keys.map((key): [string, ApiKeyRecord] => {
      const text = caseKey(file.environment, key.alias)
      const parsed = parseApiKey(text)
      const record = apiKeyRecord({
        id: `key_${key.alias}`,
        consumerId: `cns_${key.consumer}`,
        consumer: key.consumer,
        consumerDisabled: disabled.has(key.consumer),
        state: key.state,
        expiresAtMs: caseExpiryMs(key.expires, nowMs),
        scopes: key.scopes,
        roles: [],
        addresses: parseAddressRanges(key.addresses),
        limits: [],
        last4: parsed.kind === 'api_key' ? parsed.last4 : '',
      })
      return [text, record]
    }),
  )
}

/** The fields of a request as they are sent, without Host. */
export function caseHeaders(file: CaseFile, request: CaseRequest): readonly (readonly [name: string, value: string])[] {
  return request.headers.map(([name, value]) => [
    name,
    value.replaceAll(/\{key:([0-9A-Za-z]+)\}/g, (_, name: string) => caseKey(file.environment, name)),
  ])
}

/** What a runner saw. A field that it cannot see is left out, and then not compared. */
export type CaseOutcome = Partial<CaseExpectation>

/** A decision as an outcome, with everything that can be expected. */
export function caseOutcome(decision: Decision): CaseOutcome {
  const { status, reason, route, principal, rule, needed, had, allow, location, limits, tightest } = decision
  const state = limits[tightest]
  return {
    status,
    reason,
    ...(route !== null && { route }),
    ...(principal !== null && { consumer: principal.consumer }),
    ...(rule !== null && { rule: `${rule.kind}/${rule.name}` }),
    needed: [...needed],
    had: [...had],
    allow: [...allow],
    ...(location !== null && { location }),
    ...(state !== undefined && { limit_remaining: state.remaining }),
  }
}

/**
 * What is not as expected, one line each; empty when all is.
 *
 * @param seen fields of the expectation that this runner can see; default: all.
 */
export function caseDifferences(
  expected: CaseExpectation,
  outcome: CaseOutcome,
  seen: readonly (keyof CaseExpectation)[] = Object.keys(expected) as (keyof CaseExpectation)[],
): readonly string[] {
  return seen.flatMap((field) => {
    const [want, got] = [JSON.stringify(expected[field]), JSON.stringify(outcome[field])]
    return want === undefined || want === got ? [] : [`${field}: expected ${want}, got ${got ?? 'nothing'}`]
  })
}
