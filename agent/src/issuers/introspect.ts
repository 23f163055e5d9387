/**
 * Asks an issuer about a token (RFC 7662).
 *
 * Says what the issuer said and nothing more: whether the token counts here is judged elsewhere, by the same rules as
 * for signed tokens. An answer that is not clear is no answer: only `active: true` is active.
 *
 * Sources: RFC 7662 section 2, RFC 6749 section 2.3.1 (client_secret_basic), RFC 7523 section 2.2 and 3
 * (private_key_jwt), RFC 9700 section 2.5.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { JsonObject } from '@headgate/core'
import { parseStrictObject } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import { sendOutbound } from '@headgate/kit/outbound.ts'

/** Longest answer, in bytes. */
const ANSWER_BYTES_MAX = 65_536
/** How long a statement about ourselves counts, in seconds. */
const ASSERTION_S = 60

/** Who the agent is to an issuer. Secrets are in the open here: never logged. */
export type IssuerClient =
  | { readonly method: 'client_secret_basic'; readonly clientId: string; readonly secret: string }
  | {
      readonly method: 'private_key_jwt'
      readonly clientId: string
      /** PKCS #8 in PEM. */
      readonly key: string
      readonly keyId: string | null
      readonly algorithm: 'ES256' | 'PS256' | 'RS256' | 'EdDSA'
    }

export interface IntrospectionAddress {
  readonly url: string
  /** `iss`; whom a statement about ourselves is for. */
  readonly issuer: string
  readonly client: IssuerClient
  readonly timeoutMs: number
  readonly allowPrivate: boolean
  /** Authorities in PEM; null: the public ones. */
  readonly ca: string | null
}

export type Introspected =
  | { readonly kind: 'active'; readonly claims: JsonObject }
  | { readonly kind: 'inactive' }
  /** `why` is for operators, and holds nothing of the token. */
  | { readonly kind: 'unavailable'; readonly why: string }

/** Never throws. */
export async function introspect(token: string, address: IntrospectionAddress, clock: Clock): Promise<Introspected> {
  const { url, client, timeoutMs, allowPrivate, ca } = address
  let proof: ClientProof
  try {
    proof = await proofOf(client, address.issuer, clock)
  } catch {
    // What is thrown may hold the key.
    return unavailable('the private key of the agent for this issuer cannot be used')
  }
  const body = new URLSearchParams({ token, token_type_hint: 'access_token', ...proof.parameters }).toString()
  const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded', ...proof.headers }
  const answer = await sendOutbound({
    url,
    method: 'POST',
    headers,
    body,
    timeoutMs,
    bytesMax: ANSWER_BYTES_MAX,
    allowPrivate,
    ...(ca !== null && { ca }),
  })
  if (answer.kind === 'failed') return unavailable(answer.why)
  if (answer.status !== 200) return unavailable(`the issuer answers ${answer.status}`)
  const claims = parseStrictObject(answer.body)
  if (claims === null) return unavailable('the issuer answers with something else than one JSON object')
  if (typeof claims['active'] !== 'boolean') return unavailable('the issuer does not say whether the token is active')
  return claims['active'] ? { kind: 'active', claims } : { kind: 'inactive' }
}

/** What goes with a request to prove who asks. */
export interface ClientProof {
  readonly headers: Readonly<Record<string, string>>
  readonly parameters: Readonly<Record<string, string>>
}

/** @throws when the key cannot be used; what is thrown may hold it. */
export async function proofOf(client: IssuerClient, issuer: string, clock: Clock): Promise<ClientProof> {
  if (client.method === 'client_secret_basic') {
    const pair = `${formEncoded(client.clientId)}:${formEncoded(client.secret)}`
    return { headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }, parameters: {} }
  }
  const { clientId, key, keyId, algorithm } = client
  // Few need it, and it takes longer to load than the rest of this folder.
  const { importPKCS8, SignJWT } = await import('jose')
  const nowS = Math.floor(clock.now() / 1_000)
  const assertion = await new SignJWT()
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(keyId !== null && { kid: keyId }) })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(issuer)
    .setJti(randomUUID())
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + ASSERTION_S)
    .sign(await importPKCS8(key, algorithm))
  return {
    headers: {},
    parameters: {
      client_id: clientId,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    },
  }
}

/** RFC 6749 appendix B: as in a form, before both are joined. */
const formEncoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)

const unavailable = (why: string): Introspected => ({ kind: 'unavailable', why })
