/**
 * One request over an HTTP/2 connection of its own.
 *
 * @module
 */
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import type { RawResponse } from '#agent/testing/raw-client.ts'

/**
 * @param to where to connect, or a session that is ended with the request.
 * @param list names and values of the header section in turn.
 * @param localAddress where the connection comes from; default: as the system likes.
 * @param bodyBytes how many bytes are sent behind it.
 * @returns status 0 when the stream is reset without an answer.
 */
export async function askHttp2(
  to: string | ClientHttp2Session,
  list: string[],
  localAddress?: string,
  bodyBytes = 0,
): Promise<RawResponse> {
  // The types know neither that fields may come twice, nor where a connection may come from.
  const options: object = { strictSingleValueFields: false, ...(localAddress !== undefined && { localAddress }) }
  const client = typeof to === 'string' ? connect(to, options) : to
  client.on('error', () => {})
  // The types do not know that a list may be given.
  const stream = client.request(list as unknown as OutgoingHttpHeaders, { endStream: bodyBytes === 0 })
  const fields: [name: string, value: string][] = []
  let [status, body] = [0, '']
  stream.on('response', (response, _flags, raw: unknown) => {
    status = Number(response[':status'])
    const entries = raw as string[]
    for (let at = 0; at < entries.length; at += 2) fields.push([entries[at] ?? '', entries[at + 1] ?? ''])
  })
  stream.on('data', (piece: Buffer) => (body += piece.toString()))
  stream.on('error', () => {})
  if (bodyBytes > 0) stream.end(Buffer.alloc(bodyBytes))
  await new Promise<void>((resolve) => stream.on('close', () => resolve()))
  client.destroy()
  return { status, fields, body, field: (name) => fields.find(([each]) => each === name)?.[1] }
}
