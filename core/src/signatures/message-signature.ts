/**
 * Reads signed requests (HTTP Message Signatures) as far as they can be read without a key.
 *
 * A caller signs the parts of a request that matter with a key of its own, so that nothing of it can be changed or sent
 * again elsewhere. The policy says which parts must be signed; a signature over fewer proves too little and is refused.
 * The text that was signed is put together from the request as it will be forwarded, never from what the caller says.
 *
 * Not everything of the standard is here: parts of responses, of trailers, and fields in other forms than their own are
 * refused. That a body is what its `Content-Digest` says is for the service to check: bodies are not held here.
 *
 * Sources: RFC 9421 section 2 (components), 2.5 (signature base), 3.2 (verifying), RFC 9651 (structured fields).
 *
 * @module
 */
import { type InnerList, parseDictionary, serializeInnerList } from 'structured-headers'
import type { Facts } from '#core/decision.ts'

/** Longest `Signature-Input` or `Signature`, in characters. */
const FIELD_LENGTH_MAX = 4_096
/** Parts that one signature covers. */
const COMPONENTS_MAX = 32
/** How far the clock of a caller may be ahead, in milliseconds. */
export const AHEAD_MS_MAX = 5_000

export interface SignatureRules {
  /** Components that must be covered, such as `@method`, `@path`, `content-digest`. */
  readonly covered: readonly string[]
  /** Age of a signature, in milliseconds. */
  readonly ageMsMax: number
}

/** A signature as it says of itself. Nothing of it is proven. */
export interface MessageSignature {
  readonly keyId: string
  readonly components: readonly string[]
  readonly createdMs: number
  readonly expiresMs: number | null
  readonly nonce: string | null
  readonly algorithm: string | null
  readonly signature: Uint8Array
  /** What was signed. */
  readonly base: string
}

export type SignatureProblem = 'missing' | 'repeated' | 'malformed' | 'uncovered' | 'time' | 'signature'

export type ReadSignature =
  | { readonly kind: 'signature'; readonly signature: MessageSignature }
  | { readonly kind: 'refused'; readonly problem: SignatureProblem }

/** Reads the one signature of a request and puts together what it was made over. Never throws. */
export function readSignature(facts: Facts): ReadSignature {
  const [inputs, signatures] = [facts.header('signature-input'), facts.header('signature')]
  if (inputs.length === 0 && signatures.length === 0) return refused('missing')
  if (inputs.length !== 1 || signatures.length !== 1) return refused('repeated')
  const [input = '', text = ''] = [inputs[0], signatures[0]]
  if (input.length > FIELD_LENGTH_MAX || text.length > FIELD_LENGTH_MAX) return refused('malformed')
  if (DECIMAL_TIME.test(input)) return refused('malformed')
  if (!hasOneMember(input) || !hasOneMember(text)) return refused('repeated')
  try {
    const [described, given] = [parseDictionary(input), parseDictionary(text)]
    // Which of several counts would be a guess.
    if (described.size !== 1 || given.size !== 1) return refused('repeated')
    const [label, member] = [...described][0] ?? ['', undefined]
    const bytes: unknown = given.get(label)?.[0]
    if (member === undefined || !Array.isArray(member[0]) || !(bytes instanceof ArrayBuffer))
      return refused('malformed')
    return describe(member as InnerList, new Uint8Array(bytes), facts)
  } catch {
    return refused('malformed')
  }
}

/** RFC 9421 section 2.3: whole seconds. Once parsed, a decimal that is whole cannot be told apart. */
const DECIMAL_TIME = /;\s*(?:created|expires)=-?[0-9]+\./

/** Of two members with one name a parser keeps the last, and another reader may keep the first. */
function hasOneMember(text: string): boolean {
  let isQuoted = false
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (isQuoted && character === '\\') at++
    else if (character === '"') isQuoted = !isQuoted
    // Nothing else has a comma: inner lists are parted by spaces.
    else if (character === ',' && !isQuoted) return false
  }
  return true
}

function describe(list: InnerList, signature: Uint8Array, facts: Facts): ReadSignature {
  const [items, parameters] = list
  const names = items.map(([name, options]) => (typeof name === 'string' && options.size === 0 ? name : null))
  const components = names.filter((name) => name !== null)
  const isWhole = components.length === names.length && new Set(components).size === components.length
  if (!isWhole || components.length === 0 || components.length > COMPONENTS_MAX) return refused('malformed')
  const { created, expires, keyid, nonce, alg }: Record<string, unknown> = Object.fromEntries(parameters)
  if (typeof created !== 'number' || typeof keyid !== 'string' || keyid === '') return refused('malformed')
  if (expires !== undefined && typeof expires !== 'number') return refused('malformed')
  if (nonce !== undefined && typeof nonce !== 'string') return refused('malformed')
  if (alg !== undefined && typeof alg !== 'string') return refused('malformed')
  let base = ''
  for (const name of components) {
    const value = componentOf(name, facts)
    if (value === null) return refused('malformed')
    base += `"${name}": ${value}\n`
  }
  base += `"@signature-params": ${serializeInnerList(list)}`
  return {
    kind: 'signature',
    signature: {
      keyId: keyid,
      components,
      createdMs: created * 1_000,
      expiresMs: expires === undefined ? null : expires * 1_000,
      nonce: nonce ?? null,
      algorithm: alg ?? null,
      signature,
      base,
    },
  }
}

/** The value of a component (RFC 9421 section 2.1 and 2.2); null: it is not there, or is none that is read here. */
function componentOf(name: string, facts: Facts): string | null {
  switch (name) {
    case '@method':
      return facts.method
    case '@authority':
      return facts.host
    case '@scheme':
      return facts.scheme
    case '@path':
      return facts.path
    case '@query':
      return facts.query === '' ? '?' : facts.query
    case '@request-target':
      return facts.path + facts.query
    case '@target-uri':
      return `${facts.scheme}://${facts.host}${facts.path}${facts.query}`
    default: {
      if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) return null
      const values = facts.header(name)
      return values.length === 0 ? null : values.map((value) => value.trim()).join(', ')
    }
  }
}

/**
 * Judges everything about a signature but whether it was made with the key.
 *
 * @param algorithm of the key that it names.
 * @param nowMs wall clock.
 * @returns null: nothing speaks against it.
 */
export function judgeSignature(
  signature: MessageSignature,
  algorithm: string,
  rules: SignatureRules,
  nowMs: number,
): SignatureProblem | null {
  if (!rules.covered.every((name) => signature.components.includes(name))) return 'uncovered'
  const ageMs = nowMs - signature.createdMs
  // Written so that a time that is not a number is wrong.
  if (!(ageMs <= rules.ageMsMax && ageMs >= -AHEAD_MS_MAX)) return 'time'
  if (signature.expiresMs !== null && !(nowMs < signature.expiresMs)) return 'time'
  // The key says how it is used; what the signature says must be the same, and is not needed.
  return signature.algorithm !== null && signature.algorithm !== algorithm ? 'signature' : null
}

const refused = (problem: SignatureProblem): ReadSignature => ({ kind: 'refused', problem })
