/**
 * How the admin API says no: problem details (RFC 9457) with a stable code, pointers and fixes.
 *
 * @module
 */
import { z } from 'zod'

interface CodeInfo {
  readonly status: number
  /** Title, and the meaning in the reference. */
  readonly title: string
  /** What helps in general; a problem may carry a better one per error. */
  readonly fix: string
}

const code = (status: number, title: string, fix: string): CodeInfo => ({ status, title, fix })

/** Every code that the admin API answers with. Stable. */
export const problemCodes = {
  body_malformed: code(400, 'The body is not valid JSON', 'Send UTF-8 JSON that parses'),
  path_malformed: code(400, 'The path is not valid', 'Percent-encode the path as UTF-8'),
  not_signed_in: code(401, 'The request has no valid operator token', 'Send Authorization: Bearer hgp_… or sign in'),
  welcome_code_invalid: code(401, 'The welcome link is unknown, used or too old', 'Ask for a new link: headgate open'),
  report_unsigned: code(
    401,
    'The report is not signed with a key of a known programme',
    'Put the public keys of the programme into HEADGATE_SCANNER_KEYS_FILE',
  ),
  not_allowed: code(403, 'Your operator role does not allow this', 'Ask an owner for the role that is named in detail'),
  csrf: code(403, 'A browser request came from elsewhere', 'Use the dashboard, or an operator token'),
  not_found: code(404, 'There is no such thing here', 'Check the name or id; names are lower case'),
  operation_unknown: code(404, 'There is no such operation', 'See /v1/openapi.json'),
  method_not_allowed: code(405, 'The path exists, but not for this method', 'Use a method that Allow names'),
  name_taken: code(409, 'The name is taken', 'Choose another name'),
  in_use: code(409, 'Something still uses it', 'Remove what is named in errors first'),
  state_conflict: code(409, 'The thing is not in a state that allows this', 'See detail'),
  agents_too_old: code(409, 'Some agents cannot enforce this release', 'Upgrade the agents that are named in errors'),
  host_conflict: code(
    409,
    'A host would belong to two environments of one agent group',
    'Give one of them other hosts',
  ),
  revision_stale: code(412, 'Somebody changed it since you read it', 'Read it again and repeat the change'),
  body_too_large: code(413, 'The body is too large', 'Send at most 4 MiB'),
  media_type: code(415, 'The body is not JSON', 'Send Content-Type: application/json'),
  input_invalid: code(422, 'The input is not valid', 'See errors'),
  release_refused: code(422, 'The draft cannot be published', 'See errors'),
  nothing_to_publish: code(409, 'The draft equals the live release', 'Change something first'),
  precondition_needed: code(428, 'The write needs If-Match', 'Send If-Match with the ETag that you read'),
  rate_limited: code(429, 'Too many requests', 'Wait as long as Retry-After says'),
  internal: code(500, 'Something is broken on our side', 'Look the request id up in the control plane log'),
  database_unavailable: code(503, 'The database cannot be reached', 'Try again; agents are not affected'),
  draining: code(503, 'The control plane is stopping', 'Try again'),
} as const satisfies Record<string, CodeInfo>

export type ProblemCode = keyof typeof problemCodes

export const problemError = z.object({
  pointer: z.string().describe('JSON Pointer (RFC 6901) into the body, or the name of a parameter'),
  code: z.string(),
  message: z.string(),
  fix: z.string(),
})

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('Stable'),
    detail: z.string().optional(),
    fix: z.string(),
    request_id: z.string(),
    errors: z.array(problemError).optional(),
  })
  .meta({ id: 'Problem', description: 'What went wrong (RFC 9457)' })

export type Problem = z.output<typeof problem>
export type ProblemDetail = z.output<typeof problemError>
