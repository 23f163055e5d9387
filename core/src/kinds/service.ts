/**
 * Kind `service`: an API that we protect.
 *
 * @module
 */
import { z } from 'zod'
import { certificateChain, certificatesPem, objectName, privateKeyReference } from './common.ts'
import { identityNames, serviceAuthentication, serviceIdentity } from './service-identity.ts'

/** What data a service carries. */
export const dataLabel = z.enum(['open', 'internal', 'personal', 'card', 'health'])

const targetUrl = z
  .string()
  .max(2048)
  // Origin only: a path here would make the path that was matched differ from the path that is asked for.
  .regex(
    /^https?:\/\/(?:[A-Za-z0-9_.-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?\/?$/,
    'http:// or https://, host and port only',
  )
  .describe('Address such as http://10.0.0.7:3000')

const percent = z.int().min(0).max(100)

const target = z.strictObject({
  url: targetUrl,
  weight: z.int().min(1).max(1_000).default(1).describe('Share of the requests, compared with the other targets'),
  zone: objectName.optional().describe('Where it is, for zone_preference; compared with HEADGATE_ZONE of the agent'),
})

const zonePreference = z.strictObject({
  panic_percent: percent
    .default(50)
    .describe('Below this share of usable targets in the zone of the agent, those of other zones are used as well'),
})

const balancing = z
  .strictObject({
    algorithm: z
      .enum(['round_robin', 'least_request', 'consistent_hash'])
      .default('round_robin')
      .describe('In turn; to the less busy of two; or always to the same target for the same value of hash_on'),
    hash_on: z
      .string()
      .regex(/^(?:consumer|address|header:[a-z0-9-]{1,64})$/, 'consumer, address, or header: and a lower-case name')
      .optional()
      .describe('What consistent_hash goes by; without a consumer or header, the source address'),
    slow_start_ms: z
      .int()
      .min(0)
      .max(3_600_000)
      .default(0)
      .describe('How long a target that comes, or comes back, gets a growing share, in milliseconds'),
    zone_preference: zonePreference.optional().describe('Prefer targets in the zone of the agent'),
  })
  .refine(({ algorithm, hash_on }) => (algorithm === 'consistent_hash') === (hash_on !== undefined), {
    error: 'give hash_on with consistent_hash, and only then',
    path: ['hash_on'],
  })
  .refine(({ algorithm, slow_start_ms }) => algorithm !== 'consistent_hash' || slow_start_ms === 0, {
    error: 'consistent_hash has no slow start: the same value would go to two targets in turn',
    path: ['slow_start_ms'],
  })
  .describe('Which target a request goes to')

const activeHealth = z
  .strictObject({
    path: z
      .string()
      .max(2_048)
      .regex(/^\/[\x21-\x7e]*$/, 'a path with a leading slash, without spaces')
      .describe('What is asked for, by GET'),
    host: z
      .string()
      .max(255)
      .regex(/^[A-Za-z0-9_.-]+(?::[0-9]{1,5})?$/, 'a host name, with a port if need be')
      .optional()
      .describe('Host of the check; default: that of the target'),
    interval_ms: z.int().min(100).max(3_600_000).default(5_000).describe('Pause between two checks, in milliseconds'),
    timeout_ms: z.int().min(10).max(60_000).default(2_000).describe('Longest wait for an answer, in milliseconds'),
    healthy_after: z.int().min(1).max(100).default(2).describe('Good checks in a row until a target is used again'),
    unhealthy_after: z.int().min(1).max(100).default(3).describe('Bad checks in a row until it is not used any more'),
    statuses: z
      .array(z.int().min(200).max(599))
      .min(1)
      .max(50)
      .optional()
      .describe('Statuses of a healthy target; default: 200 to 299'),
  })
  .refine(({ timeout_ms, interval_ms }) => timeout_ms <= interval_ms, {
    error: 'a check must end before the next one begins: give at most interval_ms',
    path: ['timeout_ms'],
  })

const passiveHealth = z.strictObject({
  failures: z.int().min(1).max(1_000).default(5).describe('Failures in a row after which a target is left alone'),
  window_ms: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(10_000)
    .describe('Longest pause between two of them, in milliseconds; after a longer one counting starts again'),
  statuses: z
    .array(z.int().min(500).max(599))
    .max(50)
    .default([502, 503, 504])
    .describe('Statuses that are failures, beside connections that break and answers that do not come'),
  eject_ms: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(5_000)
    .describe(
      'How long it is left alone the first time, in milliseconds; doubles each time, up to eight times as long',
    ),
  ejected_max_percent: percent
    .default(50)
    .describe('Share of the targets that may be left alone for how they answer; 0: none. Unreachable ones always are'),
})

const health = z
  .strictObject({
    active: activeHealth.optional().describe('Ask the targets how they are; default: do not'),
    passive: passiveHealth.prefault({}).describe('Learn from requests how the targets are'),
    panic_percent: percent
      .default(25)
      .describe('Below this share of usable targets all are used, as too few would not bear the load'),
  })
  .describe('Which targets can be used')

const breaker = z
  .strictObject({
    requests_max: z.int().min(1).max(1_000_000).optional().describe('Requests in flight'),
    pending_max: z.int().min(0).max(1_000_000).optional().describe('Requests that wait for a connection'),
    connections_max: z.int().min(1).max(1_000_000).optional().describe('Connections'),
  })
  .describe('Bounds of the service in each serving thread of an agent; more is refused at once with 503')

/** A service that has fewer requests waiting in a serving thread is never taken for overloaded: far above the usual. */
export const CONCURRENCY_MIN = 100

const overload = z
  .strictObject({
    adaptive: z
      .enum(['on', 'off'])
      .default('on')
      .describe('Send less to the service while all its answers take far longer than when nobody waits'),
    concurrency_min: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(CONCURRENCY_MIN)
      .describe('Requests waiting for an answer that it always gets, however long answers take'),
    concurrency_max: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('Requests waiting for an answer that it never has more of; default: what breaker and agent allow'),
  })
  .describe('What the service is spared in each serving thread of an agent, the less important requests first')

const retries = z
  .strictObject({
    attempts_max: z.int().min(1).max(2).default(2).describe('Attempts for one request; 1: no second one'),
    budget_percent: percent.default(10).describe('Second attempts per hundred requests'),
    try_timeout_ms: z
      .int()
      .min(10)
      .max(600_000)
      .optional()
      .describe('Longest wait for the head of the response in one attempt; then another one is made if that is safe'),
  })
  .describe('Second attempts, where nothing was sent or a safe method without a body is repeated')

const tls = z
  .strictObject({
    ca: certificatesPem.optional().describe('Authorities of the targets in PEM, instead of the public ones'),
    server_name: z
      .string()
      .max(253)
      .regex(
        /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/,
        'a host name',
      )
      .optional()
      .describe('Name that their certificates must have; default: the host of the target'),
    certificate: z
      .strictObject({ chain: certificateChain, key: privateKeyReference })
      .optional()
      .describe('Certificate that the agent presents to the targets'),
  })
  .describe('How https:// targets are spoken to. Certificates are always verified')

export const serviceSpec = z
  .strictObject({
    owner: z.string().min(1).max(200).describe('Person or team that answers for the service'),
    data_label: dataLabel.default('internal').describe('What data it carries'),
    targets: z.array(target).min(1).max(64).describe('Addresses behind the service'),
    protocol: z
      .enum(['http1', 'http2'])
      .default('http1')
      .describe('What the targets speak: HTTP/1.1, or HTTP/2 (over http:// with prior knowledge), as gRPC needs'),
    tls: tls.optional(),
    identity: serviceIdentity.prefault({}),
    authentication: serviceAuthentication.optional(),
    balancing: balancing.prefault({}),
    health: health.prefault({}),
    retries: retries.prefault({}),
    breaker: breaker.prefault({}),
    overload: overload.prefault({}),
    connect_timeout_ms: z
      .int()
      .min(10)
      .max(60_000)
      .default(2_000)
      .describe('Longest wait for a connection, in milliseconds'),
    response_timeout_ms: z
      .int()
      .min(10)
      .max(600_000)
      .default(30_000)
      .describe('Longest wait for the head of the response, in milliseconds'),
    request_timeout_ms: z
      .int()
      .min(10)
      .max(86_400_000)
      .optional()
      .describe('Longest time for a whole request and its response, in milliseconds; default: none, as streams need'),
    stream_idle_ms: z
      .int()
      .min(0)
      .max(86_400_000)
      .optional()
      .describe(
        'Longest silence in the middle of a response, in milliseconds; 0: none; default: what the agent is set to',
      ),
    description: z.string().max(2000).optional().describe('For people'),
  })
  .superRefine((spec, context) => {
    const contradiction = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: 'custom', path, message })
    const seen = new Set<string>()
    for (const [index, { url }] of spec.targets.entries()) {
      const origin = targetOrigin(url)
      if (origin === null)
        contradiction(['targets', index, 'url'], 'give a port up to 65535 and an address that exists')
      else if (seen.has(origin))
        contradiction(['targets', index, 'url'], 'this target is there twice: use weight instead')
      else seen.add(origin)
      if (spec.tls !== undefined && !url.startsWith('https:')) {
        contradiction(['targets', index, 'url'], 'tls is set, so give https://')
      }
    }
    if (spec.balancing.zone_preference !== undefined && spec.targets.every(({ zone }) => zone === undefined)) {
      contradiction(['balancing', 'zone_preference'], 'give at least one target a zone')
    }
    const { authentication } = spec
    if (authentication?.kind === 'header') {
      const isTwice = identityNames(spec.identity).some(([, name]) => name === authentication.name)
      if (isTwice) contradiction(['authentication', 'name'], 'identity has this field as well')
    }
    const { try_timeout_ms: tryMs } = spec.retries
    if (tryMs !== undefined && tryMs > spec.response_timeout_ms) {
      contradiction(['retries', 'try_timeout_ms'], 'give at most response_timeout_ms')
    }
    if (tryMs !== undefined && spec.retries.attempts_max === 1) {
      contradiction(['retries', 'try_timeout_ms'], 'there is only one attempt: use response_timeout_ms')
    }
  })
  .describe('An API that is protected')

/** A service as written. */
export type ServiceSpec = z.input<typeof serviceSpec>

/** The origin that an address of a target names (RFC 6454), without the default port; null: there is none. */
export function targetOrigin(url: string): string | null {
  return URL.canParse(url) ? new URL(url).origin : null
}
