/**
 * A real OpenID provider inside the test process: `oidc-provider`, with a client that gets tokens for itself.
 *
 * @module
 */
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider, { type ClientMetadata } from 'oidc-provider'

/** Whom tokens are for. */
export const AUDIENCE = 'https://orders.test'
export const CLIENT = { id: 'shop', secret: 'a secret of thirty-two characters' } as const
/** The client whose tokens are bound to its certificate. */
const BOUND_CLIENT = 'bound-shop'
/** A client that proves itself with a key of its own (RFC 7523), to ask about tokens. */
const asker = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const ASKER = { id: 'asker', key: asker.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() } as const
/** Carries a client certificate, in place of a TLS connection. */
const CERTIFICATE_FIELD = 'x-test-certificate'

export interface OpenIdProvider extends AsyncDisposable {
  /** `iss`. */
  readonly issuer: string
  /** Requests so far, by path. */
  readonly asked: ReadonlyMap<string, number>
  /** Answers 503 to everything while set. */
  down: boolean
  /** Signs with a new key from now on, and publishes it beside the earlier ones. */
  rotate(): void
  /** An access token by client credentials. @param format jwt: signed; opaque: to be asked about. */
  token(format: 'jwt' | 'opaque', scope?: string, binding?: Binding): Promise<string>
  revoke(token: string): Promise<void>
}

/** To what a token is to be bound: the key of a proof (RFC 9449), or a certificate in PEM (RFC 8705). */
export type Binding = { readonly proof: string } | { readonly certificate: string }

function newKey(): Record<string, unknown> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    ...privateKey.export({ format: 'jwk' }),
    use: 'sig',
    alg: 'ES256',
    kid: `key-${Math.random().toString(36).slice(2)}`,
  }
}

/** @returns once it listens on loopback. */
export async function startOpenIdProvider(): Promise<OpenIdProvider> {
  const asked = new Map<string, number>()
  let handle: ReturnType<Provider['callback']> = () => Promise.resolve()
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    asked.set(path, (asked.get(path) ?? 0) + 1)
    if (provider.down) response.writeHead(503).end()
    else void handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let keys = [newKey()]

  // Keys belong to a provider for as long as it is, so a new key makes a new one on the same address.
  const make = (): void => {
    const made = new Provider(issuer, {
      jwks: { keys: keys as never },
      clients: [
        ...[CLIENT.id, BOUND_CLIENT].map((id) => ({
          ...clientOf(id),
          client_secret: CLIENT.secret,
          token_endpoint_auth_method: 'client_secret_basic' as const,
          tls_client_certificate_bound_access_tokens: id === BOUND_CLIENT,
        })),
        {
          ...clientOf(ASKER.id),
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: { keys: [{ ...asker.publicKey.export({ format: 'jwk' }), kid: 'asker' } as never] },
        },
      ],
      // Longer than an issuer is down in a test.
      ttl: { ClientCredentials: 86_400 },
      clientAuthMethods: ['client_secret_basic', 'private_key_jwt'],
      scopes: ['orders:read', 'orders:write'],
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        introspection: { enabled: true },
        revocation: { enabled: true },
        mTLS: {
          enabled: true,
          certificateBoundAccessTokens: true,
          getCertificate: (context: { get(name: string): string }) =>
            decodeURIComponent(context.get(CERTIFICATE_FIELD)) || undefined,
        },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => AUDIENCE,
          getResourceServerInfo: (_context: unknown, resource: string) => ({
            audience: AUDIENCE,
            scope: 'orders:read orders:write',
            accessTokenFormat: resource.endsWith('/opaque') ? 'opaque' : 'jwt',
            jwt: { sign: { alg: 'ES256' } },
          }),
        },
      },
    })
    handle = made.callback()
  }
  make()

  async function post(
    path: string,
    parameters: Record<string, string>,
    client: string = CLIENT.id,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return await fetch(issuer + path, {
      method: 'POST',
      headers: {
        ...headers,
        authorization: `Basic ${Buffer.from(`${client}:${encodeURIComponent(CLIENT.secret)}`).toString('base64')}`,
      },
      body: new URLSearchParams(parameters),
    })
  }

  const provider: OpenIdProvider = {
    issuer,
    asked,
    down: false,
    rotate: () => {
      keys = [newKey(), ...keys]
      make()
    },
    token: async (format, scope = 'orders:read', binding) => {
      const resource = format === 'opaque' ? `${AUDIENCE}/opaque` : AUDIENCE
      const parameters = { grant_type: 'client_credentials', scope, resource }
      const [client, headers] = bindingOf(binding)
      const response = await post('/token', parameters, client, headers)
      const body = (await response.json()) as Record<string, unknown>
      const { access_token: token } = body
      if (typeof token !== 'string') throw new Error(JSON.stringify(body))
      return token
    },
    revoke: async (token) => void (await post('/token/revocation', { token })),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  return provider
}

const clientOf = (id: string) =>
  ({
    client_id: id,
    id_token_signed_response_alg: 'ES256',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  }) satisfies ClientMetadata

function bindingOf(binding: Binding | undefined): [client: string, headers: Record<string, string>] {
  if (binding === undefined) return [CLIENT.id, {}]
  return 'proof' in binding
    ? [CLIENT.id, { dpop: binding.proof }]
    : [BOUND_CLIENT, { [CERTIFICATE_FIELD]: encodeURIComponent(binding.certificate) }]
}
