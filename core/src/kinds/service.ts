/**
 * Kind `service`: an API that we protect.
 *
 * @module
 */
import { z } from 'zod'

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

export const serviceSpec = z
  .strictObject({
    owner: z.string().min(1).max(200).describe('Person or team that answers for the service'),
    data_label: dataLabel.default('internal').describe('What data it carries'),
    targets: z
      .array(z.strictObject({ url: targetUrl }))
      .min(1)
      .max(64)
      .describe('Addresses behind the service'),
    protocol: z
      .enum(['http1', 'http2'])
      .default('http1')
      .describe('What the targets speak: HTTP/1.1, or HTTP/2 (over http:// with prior knowledge), as gRPC needs'),
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
    description: z.string().max(2000).optional().describe('For people'),
  })
  .describe('An API that is protected')

/** A service as written. */
export type ServiceSpec = z.input<typeof serviceSpec>
