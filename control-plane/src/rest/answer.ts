/**
 * Writes a successful answer: checked by the operation's schema, with ETag, Location and Link.
 *
 * @module
 */
import { type Operation, type OperationId, operations } from '@headgate/admin-api'
import type { ServerResponse } from 'node:http'

/** Which path shows what an operation has created, and by which field of the answer. */
const created: Partial<
  Record<OperationId, { readonly get: OperationId; readonly param: string; readonly field: string }>
> = {
  createTenant: { get: 'getTenant', param: 'tenant', field: 'name' },
  createEnvironment: { get: 'getEnvironment', param: 'environment', field: 'name' },
  publishRelease: { get: 'getRelease', param: 'number', field: 'number' },
  createConsumer: { get: 'getConsumer', param: 'consumer', field: 'name' },
  createKey: { get: 'getKey', param: 'key', field: 'id' },
  createCredential: { get: 'getCredential', param: 'credential', field: 'id' },
  createAgentGroup: { get: 'getAgentGroup', param: 'group', field: 'name' },
}

interface Answer {
  readonly id: OperationId
  readonly params: Readonly<Record<string, unknown>>
  /** Path and query of the request. */
  readonly url: string
  readonly output: unknown
}

/** @throws ZodError when the handler broke the contract: fields that the schema does not name never leave. */
export function sendAnswer(response: ServerResponse, { id, params, url, output }: Answer): void {
  const operation: Operation = operations[id]
  response.setHeader('Cache-Control', 'no-store')
  if (operation.response === null) {
    response.writeHead(operation.status).end()
    return
  }
  const checked = operation.response.parse(output) as Readonly<Record<string, unknown>>
  if (operation.etag && typeof checked['revision'] === 'number') response.setHeader('ETag', `"${checked['revision']}"`)
  if (operation.status === 201) setLocation(response, id, params, checked)
  if (typeof checked['next_cursor'] === 'string') response.setHeader('Link', nextLink(url, checked['next_cursor']))
  const body = Buffer.from(JSON.stringify(checked))
  response.writeHead(operation.status, { 'Content-Type': 'application/json', 'Content-Length': body.length })
  response.end(body)
}

function setLocation(
  response: ServerResponse,
  id: OperationId,
  params: Readonly<Record<string, unknown>>,
  output: Readonly<Record<string, unknown>>,
): void {
  const shown = created[id]
  if (shown === undefined) return
  const values: Record<string, unknown> = { ...params, [shown.param]: output[shown.field] }
  const path = operations[shown.get].path.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) =>
    encodeURIComponent(String(values[name])),
  )
  response.setHeader('Location', path)
}

/** RFC 8288. */
function nextLink(url: string, cursor: string): string {
  const [path = '', search = ''] = url.split('?', 2)
  const query = new URLSearchParams(search)
  query.set('cursor', cursor)
  return `<${path}?${query.toString()}>; rel="next"`
}
