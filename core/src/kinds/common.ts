/**
 * Pieces that the schemas of the configuration kinds share.
 *
 * The schema of a kind is the single definition of its spec: REST validation, OpenAPI, YAML, the CLI and
 * `compile` use it as it is. Field names are snake_case, as everywhere outside our code. Objects are strict:
 * an unknown field is refused, because ignoring a field that an operator wrote would open what they meant to close.
 *
 * @module
 */
import { z } from 'zod'

/** What `objectName` accepts, for code that runs per request. */
export const OBJECT_NAME = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/

/** Name of a configuration object, consumer, tenant or environment reference. */
export const objectName = z
  .string()
  .regex(OBJECT_NAME, 'use 1-63 of a-z, 0-9, ".", "_", "-"; start and end with a letter or digit')
  .describe('Lower-case name, unique per kind and environment')

/** Name of a scope, such as `orders:read`. RFC 6749 section 3.3 allows more; quotes and spaces help nobody. */
export const scopeName = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._:/-]{0,126}[A-Za-z0-9*])?$/,
    'use 1-128 of letters, digits, ".", "_", ":", "/", "-"',
  )
  .describe('A right, such as orders:read')

/** Exact host name, or `*.` and a host name for exactly one more label. Lower case, no port. */
export const hostPattern = z
  .string()
  .max(255)
  .regex(
    /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'a lower-case host name without a port; "*." in front stands for one label',
  )
  .describe('Host name such as api.example.com or *.example.com')

/** Pointer to a value that the process which needs it reads by itself; it never passes through the control plane. */
export const secretReference = z
  .string()
  .max(1024)
  .regex(
    /^(?:env:\/\/[A-Za-z_][A-Za-z0-9_]*|file:\/\/\/[^\0]+)$/,
    'a secret reference: env://NAME or file:///absolute/path',
  )
  .describe('env://NAME or file:///path, read on the agent')

const BEGIN_CERTIFICATE = /^-----BEGIN CERTIFICATE-----/

/** One or more certificates of authorities. */
export const certificatesPem = z
  .string()
  .max(100_000)
  .regex(BEGIN_CERTIFICATE, 'certificates in PEM')
  .refine((pem) => !pem.includes('PRIVATE KEY'), { error: 'holds a private key, which nobody here needs' })

/** One or more lists of revoked certificates. */
export const revocationListsPem = z
  .string()
  .max(1_000_000)
  .regex(/^-----BEGIN X509 CRL-----/, 'lists of revoked certificates in PEM')
  .refine((pem) => !pem.includes('PRIVATE KEY'), { error: 'holds a private key, which nobody here needs' })

/** What is presented, with what leads to its authority. */
export const certificateChain = z
  .string()
  .max(100_000)
  .regex(BEGIN_CERTIFICATE, 'PEM, the leaf first')
  .refine((pem) => !pem.includes('PRIVATE KEY'), {
    error: 'holds a private key: give it as a secret reference in key',
  })
  .describe('Certificate chain in PEM, the leaf first')

/** The key that belongs to a chain. */
export const privateKeyReference = secretReference.describe('Where the agent reads the private key (PEM)')

/** Where a policy sits. For `access`, `https` and `size` the nearest wins as a whole; `limit` policies add up. */
export const attachment = z
  .union(
    [
      z.strictObject({ environment: z.literal(true) }),
      z.strictObject({ service: objectName }),
      z.strictObject({ route: objectName }),
    ],
    { error: 'give environment: true, or the name of one service or route' },
  )
  .describe('environment: true, or the name of a service or route')
