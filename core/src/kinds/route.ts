/**
 * Kind `route`: host, path and methods that lead to a service.
 *
 * @module
 */
import { z } from 'zod'
import { hostPattern, objectName } from './common.ts'

/**
 * `/orders`, `/orders/{id}`, `/files/*`. A segment is literal, `{name}` for exactly one non-empty segment, or, last,
 * `*` for one or more segments. Literals are written decoded, without `%`, `?`, `#`, `;` and `\`.
 */
export const pathPattern = z
  .string()
  .max(2048)
  .regex(
    /^\/(?:(?:\{[a-z][a-z0-9_]*\}|[A-Za-z0-9._~!$&'()+,=:@-]+)(?:\/(?:\{[a-z][a-z0-9_]*\}|[A-Za-z0-9._~!$&'()+,=:@-]+))*(?:\/\*?)?|\*)?$/,
    'a path such as /orders, /orders/{id} or /files/*',
  )
  .refine((path) => !path.split('/').some((segment) => segment === '.' || segment === '..'), {
    error: 'a path with . or .. never matches: write the path that it stands for',
  })
  .describe('Path pattern; {name} is one segment, a trailing * is one or more')

/** Methods are case-sensitive (RFC 9110 section 9.1). CONNECT and TRACE are never proxied. */
export const methodName = z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

export const routeSpec = z
  .strictObject({
    service: objectName.describe('Name of the service'),
    exposure: z
      .enum(['public', 'internal'])
      .default('internal')
      .describe(
        'Who the route is meant for. internal: addresses of private networks only, unless the access policy has addresses',
      ),
    hosts: z.array(hostPattern).max(64).default([]).describe('Hosts; empty: every host of the environment'),
    methods: z.array(methodName).max(7).default([]).describe('Methods; empty: all. GET includes HEAD'),
    path: pathPattern,
    match: z
      .enum(['exact', 'prefix'])
      .default('exact')
      .describe('prefix: the path itself and everything below it, at segment boundaries'),
    websocket: z
      .boolean()
      .default(false)
      .describe('Whether a request may become a WebSocket connection (RFC 6455). Policies apply to its handshake'),
    trailers: z
      .boolean()
      .default(false)
      .describe('Whether trailers pass in both directions; those of gRPC calls always do'),
    description: z.string().max(2000).optional().describe('For people'),
  })
  .describe('Host, path and methods of a service')

/** A route as written. */
export type RouteSpec = z.input<typeof routeSpec>
