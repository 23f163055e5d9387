/**
 * A real OpenID provider over HTTPS, with an authority of its own: `oidc-provider`, whose clients get tokens for
 * themselves.
 *
 * @module
 */
import { type KeyedCertificate, createAuthority, issueServerCertificate, pem } from '@headgate/kit/pki.ts'
import { generateKeyPairSync, randomBytes, randomUUID, X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import Provider, { type KoaContextWithOIDC } from 'oidc-provider'

/** Whom tokens are for. */
export const AUDIENCE = 'https://orders.test'

/** Of a client: how its tokens are bound. */
const CLIENTS = {
  shop: {},
  'shop-dpop': { dpop_bound_access_tokens: true },
  'shop-mtls': { tls_client_certificate_bound_access_tokens: true },
  agent: {},
} as const

export type ClientName = keyof typeof CLIENTS

interface Certified {
  readonly cert: string
  readonly key: string
}

export interface OpenIdProvider extends AsyncDisposable {
  /** `iss`. */
  readonly issuer: string
  /** Its authority in PEM. */
  readonly ca: string
  /** The secret of every client. */
  readonly secret: string
  /** Requests for its keys. */
  readonly keyRequests: number
  /** Signs with a new key from now on, and publishes it beside the earlier ones. */
  rotate(): void
  /** An access token by client credentials. */
  token(client: ClientName, options?: TokenOptions): Promise<string>
  revoke(client: ClientName, token: string): Promise<void>
}

interface TokenOptions {
  /** Not signed, but to be asked about. */
  readonly opaque?: boolean
  /** Presented in the handshake. */
  readonly certificate?: Certified
  /** Proof of a key, for the address of tokens. */
  readonly dpop?: string
}

/** @returns once it listens on loopback. */
export async function startOpenIdProvider(): Promise<OpenIdProvider> {
  const life = { nowMs: Date.now(), lifeMs: 3_600_000 }
  const authority: KeyedCertificate = await createAuthority({ name: 'authority of the provider', ...life })
  const own = await issueServerCertificate(authority, { hosts: ['127.0.0.1'], ...life })
  const ca = pem('CERTIFICATE', authority.certificate)
  const secret = randomBytes(32).toString('base64url')
  let keyRequests = 0
  let handle: ReturnType<Provider['callback']> = () => Promise.resolve()
  const server = createServer(
    {
      cert: pem('CERTIFICATE', own.certificate),
      key: pem('PRIVATE KEY', own.privateKey),
      // Any certificate: a token is bound to it, whoever vouches for it (RFC 8705 section 3).
      requestCert: true,
      rejectUnauthorized: false,
    },
    (incoming: IncomingMessage, response: ServerResponse) => {
      if (incoming.url?.startsWith('/jwks') === true) keyRequests += 1
      void handle(incoming, response)
    },
  )
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  const { port } = server.address() as AddressInfo
  const issuer = `https://127.0.0.1:${port}`
  let keys = [newKey()]

  // Keys belong to a provider for as long as it is, so a new key makes a new one on the same address.
  const make = (): void => {
    const clients = Object.entries(CLIENTS).map(([client_id, more]) => clientOf(client_id, secret, more))
    handle = new Provider(issuer, { jwks: { keys: keys as never }, clients, ...CONFIGURATION }).callback()
  }
  make()

  async function post(
    path: string,
    client: ClientName,
    form: Record<string, string>,
    { certificate, dpop }: TokenOptions = {},
  ): Promise<string> {
    const headers = {
      authorization: `Basic ${Buffer.from(`${client}:${secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
      ...(dpop !== undefined && { dpop }),
    }
    const options = { host: '127.0.0.1', port, path, method: 'POST', headers, ca, agent: false, ...certificate }
    return await new Promise((settle, reject) => {
      const outgoing = request(options, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body += text))
        response.on('error', reject).on('end', () => settle(body))
      })
      outgoing.on('error', reject).end(new URLSearchParams(form).toString())
    })
  }

  return {
    issuer,
    ca,
    secret,
    get keyRequests() {
      return keyRequests
    },
    rotate: () => {
      keys = [newKey(), ...keys]
      make()
    },
    token: async (client, options = {}) => {
      const resource = options.opaque === true ? `${AUDIENCE}/opaque` : AUDIENCE
      const form = { grant_type: 'client_credentials', scope: 'orders:read', resource }
      const answer = await post('/token', client, form, options)
      const { access_token: token } = JSON.parse(answer) as Record<string, unknown>
      if (typeof token !== 'string') throw new Error(answer)
      return token
    },
    revoke: async (client, token) => void (await post('/token/revocation', client, { token })),
    [Symbol.asyncDispose]: () =>
      new Promise((settle) => {
        server.close(() => settle())
        server.closeAllConnections()
      }),
  }
}

function newKey(): Record<string, unknown> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: randomUUID() }
}

const clientOf = (client_id: string, client_secret: string, more: object) => ({
  client_id,
  client_secret,
  id_token_signed_response_alg: 'ES256' as const,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_basic' as const,
  ...more,
})

const CONFIGURATION: ConstructorParameters<typeof Provider>[1] = {
  scopes: ['orders:read'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
    dPoP: { enabled: true },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      getCertificate: (context: KoaContextWithOIDC) => {
        const { raw } = (context.req.socket as TLSSocket).getPeerCertificate()
        // Typed as if there always was one.
        return (raw as Buffer | undefined) === undefined ? undefined : new X509Certificate(raw)
      },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => AUDIENCE,
      getResourceServerInfo: (_context: unknown, resource: string) => ({
        audience: AUDIENCE,
        scope: 'orders:read',
        accessTokenFormat: resource.endsWith('/opaque') ? 'opaque' : 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
}
