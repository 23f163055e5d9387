/**
 * The OpenAPI 3.1 document, made from the table that also validates.
 *
 * @module
 */
import { createDocument } from 'zod-openapi'
import { type Operation, bodyProblems, commonProblems } from './operation.ts'
import { operations } from './operations.ts'
import { type ProblemCode, problem, problemCodes } from './problem.ts'
import { specs } from './schemas/objects.ts'

/** Every code that an operation can answer, in the order of the status. */
export function problemsOf(operation: Operation): readonly ProblemCode[] {
  const codes: ProblemCode[] = [
    ...(operation.role === 'anyone'
      ? commonProblems.filter((code) => code !== 'not_signed_in' && code !== 'not_allowed')
      : commonProblems),
    ...(operation.body === null ? [] : bodyProblems),
    ...operation.problems,
  ]
  return codes.toSorted((a, b) => problemCodes[a].status - problemCodes[b].status)
}

/** @param version of the product. */
export function openApiDocument(version: string): ReturnType<typeof createDocument> {
  const paths: Record<string, Record<string, object>> = {}
  for (const [id, operation] of Object.entries(operations)) {
    ;(paths[operation.path] ??= {})[operation.method.toLowerCase()] = describe(id, operation)
  }
  const document: Parameters<typeof createDocument>[0] = {
    openapi: '3.1.0',
    info: { title: 'Headgate admin API', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    security: [{ operator_token: [] }, { session: [] }],
    paths,
    components: {
      schemas: { ...specs },
      securitySchemes: {
        operator_token: { type: 'http', scheme: 'bearer', description: 'hgp_… of a person, hgs_… of a service' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-headgate', description: 'The dashboard only' },
      },
    },
  }
  // A spec is shown as it is written. What the library makes of it as an answer besides is thrown away, and may be empty.
  return createDocument(document, { allowEmptySchema: { pipe: { output: true }, transform: { output: true } } })
}

function describe(id: string, operation: Operation): object {
  const byStatus = Map.groupBy(problemsOf(operation), (code) => problemCodes[code].status)
  const refusals = [...byStatus].map(([status, codes]): [string, object] => [
    String(status),
    {
      description: codes.map((code) => `${code}: ${problemCodes[code].title}`).join('; '),
      content: { 'application/problem+json': { schema: problem } },
    },
  ])
  return {
    operationId: id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.role === 'anyone' ? { security: [] } : { description: `Role: ${operation.role}.` }),
    requestParams: { path: operation.params, query: operation.query },
    ...(operation.body === null
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: operation.body } } } }),
    responses: {
      [String(operation.status)]:
        operation.response === null
          ? { description: 'Done' }
          : { description: 'Success', content: { 'application/json': { schema: operation.response } } },
      ...Object.fromEntries<object>(refusals),
    },
  }
}
