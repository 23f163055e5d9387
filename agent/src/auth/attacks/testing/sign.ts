/**
 * Signs requests as callers do (RFC 9421), and as nobody should.
 *
 * The text that is signed is put together here anew, so that a mistake of the agent cannot hide itself.
 *
 * @module
 */
import { createHmac, type KeyObject, sign } from 'node:crypto'
import { type AttackRequest, type Field, plain } from '#agent/auth/attacks/attack.ts'
import { nowS } from './forge.ts'
import { HOST, signingKeys } from './people.ts'

/** What makes the bytes of a signature. */
export type MessageSigner = (base: string) => Uint8Array

export const withEd25519 =
  (key: KeyObject = signingKeys.ed25519.privateKey): MessageSigner =>
  (base) =>
    sign(null, Buffer.from(base), key)

export const withHmac =
  (secret: string = signingKeys.secret): MessageSigner =>
  (base) =>
    createHmac('sha256', secret).update(base).digest()

export interface Signing {
  readonly method?: string
  readonly target?: string
  /** As written in `Signature-Input`, between the brackets. */
  readonly covered?: readonly string[]
  readonly keyId?: string
  readonly created?: number
  /** Behind `created` and `keyid`, such as `;alg="ed25519"`. */
  readonly more?: string
  /** Instead of all parameters. */
  readonly parameters?: string
  readonly signer?: MessageSigner
  readonly fields?: readonly Field[]
  /** Changes what is sent; what was signed stays. */
  readonly send?: Partial<AttackRequest>
}

export const ALL = ['"@method"', '"@authority"', '"@path"', '"@query"'] as const

/** The two fields of a signature. */
export function signatureFields(signing: Signing, label = 'sig'): readonly Field[] {
  const { covered = ALL, keyId = 'ed', created = nowS(), more = '', signer = withEd25519() } = signing
  const parameters = signing.parameters ?? `;created=${created};keyid="${keyId}"${more}`
  const lines = covered.map((item) => `${item}: ${valueOf(item, signing)}\n`)
  const described = `(${covered.join(' ')})${parameters}`
  const bytes = signer(`${lines.join('')}"@signature-params": ${described}`)
  return [
    ['signature-input', `${label}=${described}`],
    ['signature', `${label}=:${Buffer.from(bytes).toString('base64')}:`],
  ]
}

export function signedRequest(signing: Signing = {}): AttackRequest {
  const { method = 'GET', target = '/signed', fields = [], send = {} } = signing
  return plain(target, [...fields, ...signatureFields(signing)], [], { method, ...send })
}

function valueOf(item: string, { method = 'GET', target = '/signed', fields = [] }: Signing): string {
  const [path = '', query] = target.split('?')
  switch (item) {
    case '"@method"':
      return method
    case '"@authority"':
      return HOST
    case '"@path"':
      return path
    case '"@query"':
      return query === undefined ? '?' : `?${query}`
    case '"@scheme"':
      return 'http'
    case '"@target-uri"':
      return `http://${HOST}${target}`
    default:
      return fields
        .filter(([name]) => `"${name}"` === item)
        .map(([, value]) => value)
        .join(', ')
  }
}
