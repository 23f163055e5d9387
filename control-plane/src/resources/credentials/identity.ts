/**
 * By what a client certificate names its holder, as text: `uri:spiffe://acme/ci`.
 *
 * Agents make the same text from the certificate and compare letter by letter, so what could be written in two ways is
 * brought to one here, or refused. The forms are those of directory.proto.
 *
 * Sources: RFC 5280 section 4.2.1.6 (alternative names), RFC 4514 (subjects as text).
 *
 * @module
 */
import type { CertificateIdentity } from '@headgate/core'
import { refuseInput } from '#control-plane/rest/refusal.ts'

interface Given {
  readonly kind: CertificateIdentity
  readonly value: string
}

interface Form {
  /** Brings it to the one way in which it is compared. */
  readonly canonical: (value: string) => string
  readonly pattern: RegExp
  readonly fix: string
}

const asIs = (value: string): string => value
const lowerCase = (value: string): string => value.toLowerCase()

/** Tools write `CN = ci, O = acme`; agents write `CN=ci,O=acme`, and a backslash in front of a comma within a value. */
function withoutSpaces(subject: string): string {
  return subject
    .trim()
    .replaceAll(/(^|(?<!\\),)\s*([A-Za-z0-9.]+)\s*=\s*/g, '$1$2=')
    .replaceAll(/\s+(?=,[A-Za-z0-9.]+=)/g, '')
}

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'

const FORMS: Readonly<Record<CertificateIdentity, Form>> = {
  uri: {
    canonical: asIs,
    pattern: /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/,
    fix: 'Give a URI with its scheme, such as spiffe://acme/ci',
  },
  dns: {
    canonical: lowerCase,
    pattern: new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`),
    fix: 'Give a host name without wildcard, such as ci.acme.test',
  },
  email: {
    canonical: asIs,
    pattern: new RegExp(`^[\\x21\\x23-\\x3f\\x41-\\x7e]{1,64}@${LABEL}(?:\\.${LABEL})*$`),
    fix: 'Give an address whose host is in small letters, such as ci@acme.test',
  },
  subject: {
    canonical: withoutSpaces,
    // Attributes with an equals sign, none of them empty. What agents compare is their own spelling of the whole.
    pattern: /^[A-Za-z0-9.]+=[^\p{Cc}]*[^\p{Cc}\s,]$/u,
    fix: 'Give the attributes in the order of the certificate, such as CN=ci,O=acme',
  },
  fingerprint: {
    canonical: (value) => value.replaceAll(':', '').toLowerCase(),
    pattern: /^[0-9a-f]{64}$/,
    fix: 'Give the SHA-256 of the certificate as 64 hexadecimal digits: openssl x509 -noout -fingerprint -sha256',
  },
}

/** @returns the text, as in directory.proto. @throws Refusal `input_invalid`. */
export function identityText({ kind, value }: Given): string {
  const { canonical, pattern, fix } = FORMS[kind]
  const text = canonical(value)
  if (!pattern.test(text)) refuseInput('/identity/value', 'value_invalid', `It is no ${kind}`, fix)
  return `${kind}:${text}`
}

/** The other way round. @param text as `identityText` made it. */
export function readIdentity(text: string): { kind: CertificateIdentity; value: string } {
  const at = text.indexOf(':')
  // Written by `identityText` only.
  return { kind: text.slice(0, at) as CertificateIdentity, value: text.slice(at + 1) }
}
