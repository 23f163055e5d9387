/**
 * Where the keys of an issuer come from: its metadata, or the address of its key set.
 *
 * Sources: OpenID Connect Discovery 1.0 section 4.1 and 4.3, RFC 8414 section 3.1 and 3.3.
 *
 * @module
 */
import { sendOutbound } from '@headgate/kit/outbound.ts'
import type { FetchKeys } from './key-source.ts'

/** Longest answer, in bytes. */
const ANSWER_BYTES_MAX = 262_144
/** Longest time for one answer, in milliseconds. */
const TIMEOUT_MS = 5_000

export interface KeyAddress {
  /** `iss`. Its metadata tell where the keys are when `jwksUrl` does not. */
  readonly issuer: string
  readonly jwksUrl: string | null
  readonly allowPrivate: boolean
  /** Authorities in PEM; null: the public ones. */
  readonly ca: string | null
}

/** @returns what fetches the keys, from the same place each time that the issuer names the same place. */
export function fetchKeysFrom(address: KeyAddress): FetchKeys {
  return async (signal) => await text(address, address.jwksUrl ?? (await discover(address, signal)), signal)
}

/** The address of the key set, as the issuer's metadata have it. */
async function discover(address: KeyAddress, signal: AbortSignal): Promise<string> {
  const base = address.issuer.replace(/\/$/, '')
  const metadata: unknown = JSON.parse(await text(address, `${base}/.well-known/openid-configuration`, signal))
  if (typeof metadata !== 'object' || metadata === null) throw new Error('the metadata of the issuer are no object')
  const { issuer, jwks_uri: url } = metadata as Record<string, unknown>
  // Metadata of somebody else would bring the keys of somebody else.
  if (issuer !== address.issuer) throw new Error(`the metadata are those of ${String(issuer)}`)
  if (typeof url !== 'string') throw new Error('the metadata do not say where the keys are')
  return url
}

async function text({ allowPrivate, ca }: KeyAddress, url: string, signal: AbortSignal): Promise<string> {
  const answer = await sendOutbound({
    url,
    headers: { accept: 'application/json' },
    timeoutMs: TIMEOUT_MS,
    bytesMax: ANSWER_BYTES_MAX,
    allowPrivate,
    signal,
    ...(ca !== null && { ca }),
  })
  if (answer.kind === 'failed') throw new Error(`${url}: ${answer.why}`)
  if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}`)
  return answer.body.toString('utf8')
}
