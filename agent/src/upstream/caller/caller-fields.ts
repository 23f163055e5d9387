/**
 * What a service is told about the caller in fields of the request.
 *
 * A value arrives as it is or not at all: a text that a field cannot hold, or that two readers could understand
 * differently (other letters than ASCII, blanks at the ends, a scope with a space in it), is not changed into another
 * one, because it could then be the name of somebody else. Pure.
 *
 * @module
 */
import { claimAt, type CompiledIdentity, type Principal } from '@headgate/core'

/** Fields that are being put together. */
export type FieldList = (readonly [name: string, value: string])[]

/** Fields about the caller of one request together, in bytes: with a head of the longest kind they still fit. */
export const CALLER_BYTES_MAX = 8_192

/**
 * Adds the fields of an identity, without its token.
 *
 * @returns false when one of them cannot be said; nothing is to be sent then.
 */
export function addCallerFields(into: FieldList, { headers, claims }: CompiledIdentity, principal: Principal): boolean {
  const { consumer, credential, scopes, roles } = headers
  let left = CALLER_BYTES_MAX
  const add = (name: string, value: string): boolean => {
    if (!canBeSaid(value)) return false
    left -= name.length + value.length
    into.push([name, value])
    return left >= 0
  }
  if (consumer !== null && !add(consumer, principal.consumer)) return false
  if (credential !== null && !add(credential, principal.credentialId)) return false
  if (scopes !== null && principal.scopes.length > 0) {
    if (!principal.scopes.every(isWord) || !add(scopes, principal.scopes.join(' '))) return false
  }
  if (roles !== null && principal.roles.length > 0) {
    if (!principal.roles.every(isWord) || !add(roles, principal.roles.join(' '))) return false
  }
  if (principal.claims === null) return true
  for (const { path, header } of claims) {
    const value = claimAt(principal.claims, path)
    if (value === undefined || value === null) continue
    if (!add(header, typeof value === 'string' ? value : asciiJson(value))) return false
  }
  return true
}

/** Visible ASCII, with spaces inside only: the one form that no reader changes. */
export function canBeSaid(text: string): boolean {
  if (text === '' || text.startsWith(' ') || text.endsWith(' ')) return false
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x20 || code > 0x7e) return false
  }
  return true
}

const isWord = (text: string): boolean => text !== '' && !text.includes(' ')

/** JSON has a spelling for every letter. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
