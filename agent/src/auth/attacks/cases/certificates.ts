/**
 * Client certificates that prove nobody, and certificates beside other credentials.
 *
 * Sources: RFC 8705 section 2 and 7, RFC 5280 section 6, CVE-2021-44532 (a name within a name), RFC 9440 (fields that say what a connection had).
 *
 * @module
 */
import { type Attack, admitted, bearer, keyed, plain, refused } from '#agent/auth/attacks/attack.ts'
import { tokenWith } from '#agent/auth/attacks/testing/forge.ts'
import { certificateNamed, clients, keys } from '#agent/auth/attacks/testing/people.ts'
import { signedRequest } from '#agent/auth/attacks/testing/sign.ts'

const pem = (certificate: { readonly cert: string }): string => encodeURIComponent(certificate.cert)

/** Names that an authority might vouch for, and that are read as another one by whoever reads them carelessly. */
const names = [
  'spiffe://acme/ci/',
  'spiffe://acme/CI',
  'SPIFFE://acme/ci',
  'spiffe://ACME/ci',
  'spiffe://acme/c%69',
  'spiffe://acme/ci?',
  'spiffe://acme/ci#x',
  'spiffe://acme/./ci',
  'spiffe://acme@evil/ci',
  'spiffe://acme:443/ci',
  'spiffe://evil/x, URI:spiffe://acme/ci',
  'spiffe://evil/x", URI:"spiffe://acme/ci',
  'spiffe://evil/x\\", URI:spiffe://acme/ci',
  'spiffe://evil/x\nURI:spiffe://acme/ci',
  'spiffe://acme/ci\u0000.evil',
  'uri:spiffe://acme/ci',
] as const

export const certificates: readonly Attack[] = [
  admitted('a certificate that names a consumer', () => plain('/mtls', [], [], { certificate: clients.acme })),
  ...names.map((name) =>
    refused(`a certificate of ${JSON.stringify(name)}`, 'certificate_unknown', async () =>
      plain('/mtls', [], [], { certificate: await certificateNamed(name) }),
    ),
  ),
  refused('a connection without a certificate', 'credential_missing', () =>
    plain('/mtls', [], [], { certificate: clients.none }),
  ),
  refused('a request in clear', 'credential_missing', () => plain('/mtls', [])),
  refused('a certificate of another authority for the same name', 'certificate_untrusted', () =>
    plain('/mtls', [], [], { certificate: clients.stranger }),
  ),
  refused('a certificate that has expired', 'certificate_untrusted', () =>
    plain('/mtls', [], [], { certificate: clients.expired }),
  ),
  refused('a certificate that a field says', 'credential_missing', () =>
    plain(
      '/mtls',
      [
        ['client-cert', `:${Buffer.from(clients.acme.cert).toString('base64')}:`],
        ['x-forwarded-client-cert', `URI=spiffe://acme/ci;Cert="${pem(clients.acme)}"`],
        ['x-ssl-client-cert', pem(clients.acme)],
        ['x-client-verify', 'SUCCESS'],
        ['ssl-client-verify', 'SUCCESS'],
        ['x-ssl-client-s-dn', 'CN=ci'],
      ],
      [],
      { certificate: clients.none },
    ),
  ),
  refused('a key beside a certificate', 'credential_repeated', () => ({
    ...keyed(keys.good, '/mtls-or-more'),
    certificate: clients.acme,
  })),
  refused('a token beside a certificate to which it is not bound', 'credential_repeated', () =>
    bearer(tokenWith({}), '/mtls-or-more', { certificate: clients.acme }),
  ),
  refused('a signature beside a certificate', 'credential_repeated', () => ({
    ...signedRequest({ target: '/mtls-or-more' }),
    certificate: clients.acme,
  })),
  refused('a certificate of another authority beside a key', 'credential_repeated', () => ({
    ...keyed(keys.good, '/mtls-or-more'),
    certificate: clients.stranger,
  })),
  admitted('a key over TLS without a certificate', () => ({
    ...keyed(keys.good, '/mtls-or-more'),
    certificate: clients.none,
  })),
]
