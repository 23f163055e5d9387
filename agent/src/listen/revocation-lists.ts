/**
 * What the lists of revoked client certificates of a release say, for what a handshake does not judge: when a list ends,
 * and whether a client whose connection is open already would still be believed.
 *
 * Handshakes are judged by the TLS library, which checks the signatures of the lists too. Names of issuers are compared
 * by their bytes here: an issuer that spells itself in two ways is judged at the next handshake.
 *
 * Source: RFC 5280 section 4.1 and 5.1 (fields of certificates and lists), 4.1.2.5 (times); X.690 section 8 (DER).
 *
 * @module
 */
import { X509Certificate } from 'node:crypto'

/** A certificate, as lists name it. */
export interface CertificateId {
  /** Hexadecimal DER of the issuer's name. */
  readonly issuer: string
  /** Hexadecimal. */
  readonly serial: string
}

export interface RevocationLists {
  /** PEM, one list each: a TLS library takes the first of a text only. */
  readonly blocks: readonly string[]
  /** Why lists do not count at a time, so that no certificate of their issuers does; empty: all count. */
  problems(nowMs: number): readonly string[]
  /** Whether no certificate of a chain is revoked, or of an issuer whose list has ended. */
  accepts(chain: readonly CertificateId[], nowMs: number): boolean
}

interface RevocationList {
  readonly issuer: string
  readonly fromMs: number
  /** Infinity: it does not say. */
  readonly toMs: number
  readonly serials: ReadonlySet<string>
}

/**
 * @param crl one or more lists in PEM.
 * @param authorities in PEM, to call issuers by a name that people read.
 * @throws when one of them cannot be read.
 */
export function readRevocationLists(crl: string, authorities: readonly string[]): RevocationLists {
  const blocks = crl.split(/(?<=-----END X509 CRL-----)\s*/).filter((block) => block.trim() !== '')
  // Of several by one issuer the newest counts.
  const byIssuer = new Map<string, RevocationList>()
  for (const block of blocks) {
    const list = readList(block)
    const other = byIssuer.get(list.issuer)
    if (other === undefined || other.fromMs < list.fromMs) byIssuer.set(list.issuer, list)
  }
  const names = new Map(
    authorities.map((authority) => {
      const { raw, subject } = new X509Certificate(authority)
      return [subjectOf(raw), (subject ?? '').replaceAll('\n', ', ')]
    }),
  )
  return {
    blocks,
    problems: (nowMs) =>
      [...byIssuer.values()].flatMap((list) => {
        const why = outdatedWhy(list, nowMs)
        return why === null ? [] : [`the list of revoked client certificates of ${nameOf(names, list)} ${why}`]
      }),
    accepts: (chain, nowMs) =>
      chain.every(({ issuer, serial }) => {
        const list = byIssuer.get(issuer)
        return list === undefined || (!list.serials.has(serial) && outdatedWhy(list, nowMs) === null)
      }),
  }
}

/** What is read of a certificate here. */
export type ChainLink = Pick<X509Certificate, 'raw'> & { readonly issuerCertificate?: ChainLink | undefined }

/**
 * The certificate, and those that the client sent to vouch for it.
 *
 * @returns null when one of them cannot be read: a TLS library is more lenient than DER.
 */
export function chainOf(leaf: ChainLink): readonly CertificateId[] | null {
  const chain: CertificateId[] = []
  let one: ChainLink | undefined = leaf
  try {
    while (one !== undefined && chain.length < CHAIN_MAX) {
      const { serial, issuer } = fieldsOf(one.raw)
      chain.push({ issuer, serial })
      one = one.issuerCertificate
    }
  } catch {
    return null
  }
  return chain
}

/** Longer than any that a handshake accepts. */
const CHAIN_MAX = 16

function outdatedWhy({ fromMs, toMs }: RevocationList, nowMs: number): string | null {
  if (nowMs > toMs) return `ended at ${new Date(toMs).toISOString()}`
  return nowMs < fromMs ? `does not begin before ${new Date(fromMs).toISOString()}` : null
}

function nameOf(names: ReadonlyMap<string, string>, { issuer }: RevocationList): string {
  return names.get(issuer) ?? 'an issuer that is not among the authorities'
}

/** Of DER: what kind an element is, and where its content lies. */
interface Element {
  readonly tag: number
  readonly at: number
  readonly start: number
  readonly end: number
}

const INTEGER = 0x02
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const SEQUENCE = 0x30

function readList(block: string): RevocationList {
  const der = derOf(block)
  const content = signedPart(der)
  // The version may be left out.
  const [, name, from, ...rest] = content[0]?.tag === INTEGER ? content.slice(1) : content
  const [to] = rest
  const hasEnd = to !== undefined && isTime(to)
  const entries = rest[hasEnd ? 1 : 0]
  const serials = new Set<string>()
  if (entries?.tag === SEQUENCE) {
    for (const entry of inside(der, entries)) {
      const [serial] = inside(der, entry)
      if (serial?.tag !== INTEGER) throw new Error(UNREADABLE)
      serials.add(der.toString('hex', serial.start, serial.end))
    }
  }
  if (name === undefined || from === undefined || !isTime(from)) throw new Error(UNREADABLE)
  return {
    issuer: der.toString('hex', name.at, name.end),
    fromMs: timeOf(der, from),
    toMs: hasEnd ? timeOf(der, to) : Infinity,
    serials,
  }
}

const UNREADABLE = 'a list of revoked certificates cannot be read'

function derOf(block: string): Buffer {
  const body = /^-----BEGIN X509 CRL-----([0-9A-Za-z+/=\s]+)-----END X509 CRL-----\s*$/.exec(block)?.[1]
  if (body === undefined) throw new Error(UNREADABLE)
  return Buffer.from(body, 'base64')
}

/** Serial number, and the names of issuer and subject, of a certificate. */
function fieldsOf(der: Buffer): { readonly serial: string; readonly issuer: string; readonly subject: string } {
  const content = signedPart(der)
  // The version is there unless it is the first one.
  const [serial, , issuer, , subject] = content[0]?.tag === INTEGER ? content : content.slice(1)
  const hex = (element: Element | undefined, isWhole: boolean): string =>
    element === undefined ? '' : der.toString('hex', isWhole ? element.at : element.start, element.end)
  return { serial: hex(serial, false), issuer: hex(issuer, true), subject: hex(subject, true) }
}

const subjectOf = (der: Buffer): string => fieldsOf(der).subject

const isTime = ({ tag }: Element): boolean => tag === UTC_TIME || tag === GENERALIZED_TIME

/** In milliseconds since 1970-01-01 UTC. RFC 5280 allows this one form of each of the two. */
function timeOf(der: Buffer, { tag, start, end }: Element): number {
  const text = der.toString('latin1', start, end)
  const century = Number(text.slice(0, 2)) < 50 ? '20' : '19'
  const full = tag === UTC_TIME ? century + text : text
  const found = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full)
  if (found === null) throw new Error(UNREADABLE)
  const [, year, month, day, hour, minute, second] = found
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

/** The fields of what is signed, in certificates and lists alike. */
function signedPart(der: Buffer): readonly Element[] {
  return inside(der, inside(der, elementAt(der, 0))[0])
}

/** What a sequence holds. */
function inside(der: Buffer, outer: Element | undefined): readonly Element[] {
  if (outer === undefined || outer.tag !== SEQUENCE) throw new Error(UNREADABLE)
  const found: Element[] = []
  for (let at = outer.start; at < outer.end;) {
    const element = elementAt(der, at)
    if (element.end > outer.end) throw new Error(UNREADABLE)
    found.push(element)
    at = element.end
  }
  return found
}

function elementAt(der: Buffer, at: number): Element {
  const [tag = 0, first = 0] = [der[at], der[at + 1]]
  const bytes = first < 0x80 ? 0 : first & 0x7f
  const start = at + 2 + bytes
  // The form without a length, and one that is longer than anything here, are not DER.
  if (first === 0x80 || bytes > 4 || start > der.length) throw new Error(UNREADABLE)
  const end = start + (bytes === 0 ? first : der.readUIntBE(at + 2, bytes))
  if (end > der.length) throw new Error(UNREADABLE)
  return { tag, at, start, end }
}
