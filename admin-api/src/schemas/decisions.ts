/**
 * Decision records and explain.
 *
 * @module
 */
import { objectName } from '@headgate/core'
import { z } from 'zod'
import { instant, reference } from './common.ts'
import { releaseReference } from './releases.ts'

const rule = z.object({ kind: z.string(), name: z.string(), origin: z.string() })
const principal = z.object({
  consumer: z.string(),
  consumer_id: z.string(),
  credential_id: z.string().describe('Of a token: issuer and the name of the issuer object, such as issuer:login'),
  credential_kind: z.string(),
  hint: z.string(),
  issuer: z.string().nullable().default(null).describe('Name of the issuer object that a token is of'),
  scopes: z.array(z.string()),
  roles: z.array(z.string()).default([]),
})
const clientCertificate = z.object({
  subject: z.string().describe('Such as CN=ci, O=acme; may be empty'),
  fingerprint: z.string().describe('Beginning of the SHA-256 of the certificate, in hexadecimal'),
  problem: z.string().nullable().describe('Why it is not trusted; null: it is'),
})
const limitState = z.object({
  policy: z.string(),
  algorithm: z
    .enum(['rate', 'sliding_window', 'concurrency', 'quota'])
    .optional()
    .describe('How it counts; absent: rate'),
  unit: z.enum(['requests', 'bytes']).optional().describe('What it counts; absent: requests'),
  requests: z.number().describe('Units of a window or period, or at a time'),
  window_ms: z.number(),
  remaining: z.number(),
  reset_ms: z.number(),
  retry_after_ms: z.number(),
  exceeded: z.boolean().optional().describe('Whether it had no room'),
  shadow: z.boolean().optional().describe('Whether it is counted only, and refuses nobody'),
})

/** One request at an agent. */
export const decisionRecord = z
  .object({
    request_id: z.string(),
    at: instant,
    environment: z.string(),
    agent: z.string().describe('Name of the agent'),
    release: z.int(),
    outcome: z.enum(['allow', 'deny']),
    reason: z.string(),
    status: z.int(),
    method: z.string(),
    host: z.string(),
    path: z.string(),
    scheme: z.string(),
    address: z.string().describe('Of the caller: beyond the declared proxies'),
    peer_address: z.string().nullable().default(null).describe('Where the connection came from; null: not told'),
    route: z.string().nullable(),
    service: z.string().nullable(),
    rule: rule.nullable(),
    needed: z.array(z.string()),
    had: z.array(z.string()),
    principal: principal.nullable(),
    certificate: clientCertificate
      .nullable()
      .default(null)
      .describe('What the caller presented in the handshake, where it proved who calls or was no help'),
    limits: z.array(limitState),
    tightest: z.int().describe('Index in limits; -1: none'),
    tls: z.string().nullable(),
    duration_ms: z.number(),
    upstream: z.object({ target: z.string(), status: z.int().nullable(), duration_ms: z.number() }).nullable(),
  })
  .meta({ id: 'DecisionRecord' })
export type DecisionRecord = z.output<typeof decisionRecord>

export const gate = z
  .object({
    gate: z.enum(['tls', 'network', 'route', 'identity', 'access', 'limit', 'upstream']),
    outcome: z.enum(['passed', 'stopped', 'not_reached']),
    detail: z.string(),
  })
  .meta({ id: 'Gate' })

const header = z.strictObject({ name: z.string().min(1).max(100), value: z.string().max(8192) })

/** A request that is thought, not sent. */
export const simulatedRequest = z
  .strictObject({
    method: z.string().min(1).max(32).default('GET'),
    scheme: z.enum(['http', 'https']).default('https'),
    host: z.string().max(255).default('localhost'),
    target: z.string().min(1).max(8192).describe('Path and query'),
    address: z.union([z.ipv4(), z.ipv6()]).default('127.0.0.1'),
    headers: z
      .array(header)
      .max(200)
      .default([])
      .describe('A credential in here is proven like on an agent; it is never stored'),
    as_key: reference.optional().describe('Id of an API key to call with, in place of a credential in headers'),
    as_token: z.string().min(1).max(8192).optional().describe('A token to call with, likewise'),
    as_claims: z
      .strictObject({
        issuer: objectName.describe('Name of the issuer object'),
        claims: z
          .record(z.string().min(1).max(256), z.unknown())
          .describe('What it says. iss, aud and exp are put in where they are missing'),
      })
      .optional()
      .describe('A token that is thought as well: what it would say, and of which issuer'),
    as_credential: reference
      .optional()
      .describe('Id of a client certificate to connect with, or of a key to sign the request with'),
    at: instant.optional().describe('When; default: now'),
  })
  .refine(({ as_key, as_token, as_claims }) => [as_key, as_token, as_claims].filter(Boolean).length < 2, {
    error: 'give one of as_key, as_token and as_claims',
  })
  .meta({ id: 'SimulatedRequest' })

export const explainRequest = z
  .strictObject({
    request_id: z
      .string()
      .max(64)
      .optional()
      .describe('A real request; `last` is the newest, `last-refused` the newest refused'),
    request: simulatedRequest.optional(),
    release: releaseReference.optional().describe('For a simulated request; default: live'),
  })
  .refine((body) => (body.request_id === undefined) !== (body.request === undefined), {
    error: 'give either request_id or request',
  })
  .refine((body) => body.request_id === undefined || body.release === undefined, {
    error: 'a real request is explained on the release that decided it',
    path: ['release'],
  })

export const explanation = z
  .object({
    source: z.enum(['recorded', 'simulated']),
    request_id: z.string().nullable(),
    at: instant,
    agent: z.string().nullable(),
    release: z.string().describe('r1, or draft'),
    method: z.string(),
    host: z.string(),
    path: z.string(),
    scheme: z.string(),
    address: z.string(),
    outcome: z.enum(['allow', 'deny']),
    reason: z.string(),
    reason_title: z.string(),
    status: z.int(),
    route: z.string().nullable(),
    service: z.string().nullable(),
    principal: principal.nullable(),
    rule: rule.nullable(),
    needed: z.array(z.string()),
    had: z.array(z.string()),
    limits: z.array(limitState),
    tightest: z.int(),
    duration_ms: z.number().nullable(),
    gates: z.array(gate).length(7),
    fixes: z.array(z.object({ description: z.string(), command: z.string().nullable() })),
    agrees: z.boolean().describe('The evaluator comes to the recorded outcome; always true for a simulated request'),
  })
  .meta({ id: 'Explanation' })
export type Explanation = z.output<typeof explanation>

const attached = z.object({ name: z.string(), origin: z.string(), from: z.enum(['environment', 'service', 'route']) })
export const effectivePolicy = z
  .object({
    route: z.string(),
    release: z.string(),
    access: attached
      .extend({ spec: z.record(z.string(), z.unknown()) })
      .nullable()
      .describe('null: every request is refused'),
    limits: z.array(attached.extend({ spec: z.record(z.string(), z.unknown()) })),
    https: attached
      .extend({ spec: z.record(z.string(), z.unknown()) })
      .nullable()
      .describe('null: it does not matter whether a request comes over TLS'),
    size: attached
      .extend({ spec: z.record(z.string(), z.unknown()) })
      .nullable()
      .describe('null: a request may be as large as the agent lets through'),
  })
  .meta({ id: 'EffectivePolicy' })

export const traffic = z.object({
  data: z.array(
    z.object({
      minute: instant,
      requests: z.int(),
      refused: z.int(),
      failed: z.int().describe('Status 5xx'),
      duration_ms_mean: z.number(),
    }),
  ),
})
