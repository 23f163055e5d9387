/**
 * A refusal as a gRPC client reads it.
 *
 * gRPC clients make a code out of the HTTP status of an answer that is not theirs and throw its body away, so the caller
 * would learn `UNAUTHENTICATED` and not why. Said in trailers, the same code comes with the reason and the request id.
 *
 * Sources: gRPC over HTTP/2 (Trailers-Only, Status-Message), gRPC "HTTP to gRPC Status Code Mapping".
 *
 * @module
 */
import type { HeaderList } from './header-lists.ts'

/** The published mapping; every other status is UNKNOWN. */
const CODES: Readonly<Record<number, number>> = {
  400: 13, // INTERNAL
  401: 16, // UNAUTHENTICATED
  403: 7, // PERMISSION_DENIED
  404: 12, // UNIMPLEMENTED
  429: 14, // UNAVAILABLE
  502: 14,
  503: 14,
  504: 14,
}
const UNKNOWN = 2

/** About the body, which is not sent. */
const OF_BODY: ReadonlySet<string> = new Set([':status', 'content-type', 'content-length'])

/**
 * @param list of the refusal, the status among them.
 * @param problem the body, problem+json.
 * @returns the only header section of the answer; null when the body is something else.
 */
export function grpcRefusal(status: number, list: HeaderList, problem: string): string[] | null {
  const message = messageOf(problem)
  if (message === null) return null
  const answer = [':status', '200', 'content-type', 'application/grpc']
  for (let at = 0; at < list.length; at += 2) {
    const [name = '', value = ''] = [list[at], list[at + 1]]
    if (!OF_BODY.has(name)) answer.push(name, value)
  }
  answer.push('grpc-status', String(CODES[status] ?? UNKNOWN), 'grpc-message', encodeMessage(message))
  return answer
}

function messageOf(problem: string): string | null {
  try {
    const { code, title, request_id: id } = JSON.parse(problem) as Record<string, unknown>
    return typeof code === 'string' && typeof title === 'string' ? `${code}: ${title} (${String(id)})` : null
  } catch {
    return null
  }
}

/** Percent-encoded outside of printable ASCII. */
function encodeMessage(message: string): string {
  return message.replaceAll(/[^ -$&-~]+/g, (piece) =>
    [...Buffer.from(piece)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}
