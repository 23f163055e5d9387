/**
 * By what a certificate names its holder, read out of its PEM.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { usageError } from '#cli/exit.ts'

/** Ways to name the holder. The first two are those that policies look for unless they say otherwise. */
export const identityKinds = ['uri', 'dns', 'email', 'subject', 'fingerprint'] as const
export type IdentityKind = (typeof identityKinds)[number]

export interface Identity {
  readonly kind: IdentityKind
  readonly value: string
}

/**
 * @param pem the leaf first; what follows it does not count.
 * @param by undefined: by a URI, else by a DNS name.
 * @throws CliError when the certificate has none or more than one of them.
 */
export function identityOf(pem: string, by: IdentityKind | undefined): Identity {
  const certificate = parse(pem)
  const kinds = by === undefined ? (['uri', 'dns'] as const) : [by]
  for (const kind of kinds) {
    const values = valuesOf(certificate, kind)
    const [value] = values
    if (value === undefined) continue
    if (values.length > 1) {
      throw usageError(
        `the certificate has ${values.length} names of the kind ${kind}`,
        `Choose: ${choices(kind, values)}`,
      )
    }
    return { kind, value }
  }
  const others = identityKinds.filter((kind) => valuesOf(certificate, kind).length > 0)
  throw usageError(`the certificate has no ${kinds.join(' and no ')}`, `It has --by ${others.join(', --by ')}`)
}

/** @throws CliError unless it is a kind, a colon and a value, such as `uri:spiffe://acme/ci`. */
export function parseIdentity(text: string): Identity {
  const colon = text.indexOf(':')
  const kind = identityKinds.find((each) => each === text.slice(0, colon))
  const value = text.slice(colon + 1)
  if (kind !== undefined && value !== '') return { kind, value }
  throw usageError(`--identity ${text} names nobody`, 'Such as uri:spiffe://acme/ci or dns:ci.acme.test')
}

function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw usageError('the file holds no certificate in PEM')
  }
}

function valuesOf(certificate: X509Certificate, kind: IdentityKind): readonly string[] {
  switch (kind) {
    case 'fingerprint':
      return [certificate.fingerprint256.replaceAll(':', '').toLowerCase()]
    case 'subject':
      // One attribute a line, in the order of the certificate.
      return certificate.subject === undefined ? [] : [certificate.subject.replaceAll('\n', ',')]
    case 'uri':
    case 'dns':
    case 'email':
      return alternativeNames(certificate.subjectAltName ?? '').flatMap(([name, value]) =>
        name === kind ? [value] : [],
      )
  }
}

/** `DNS:a, URI:b`; Node writes what could be misread as a JSON string. */
function alternativeNames(text: string): readonly (readonly [kind: string, value: string])[] {
  const entries = text.match(/[^,"\s:][^:,"]*:(?:"(?:[^"\\]|\\.)*"|[^,]*)/g) ?? []
  return entries.map((entry) => {
    const colon = entry.indexOf(':')
    const value = entry.slice(colon + 1)
    return [entry.slice(0, colon).toLowerCase(), value.startsWith('"') ? String(JSON.parse(value)) : value]
  })
}

const choices = (kind: IdentityKind, values: readonly string[]): string =>
  values.map((value) => `--identity ${kind}:${value}`).join(', ')
