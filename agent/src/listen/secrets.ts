/**
 * Reads secret references: `env://NAME` and `file:///absolute/path`.
 *
 * The value is read where it is needed, on the agent; it never passes through the control plane, a release or a log.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import type { Setting } from '@headgate/kit/settings.ts'

/** Longest secret, in bytes: a mistaken path must not fill the memory. */
const SECRET_BYTES_MAX = 1_048_576

/** A setting that names a secret. @param isKey what is given by mistake in place of a reference is not printed. */
export function secretReference({ doc, isKey = false }: ReferenceOptions): Setting<string | undefined> {
  return {
    doc,
    secret: isKey,
    fallback: undefined,
    parse: (value) => (REFERENCE.test(value) ? { value } : { problem: 'must be file:///path or env://NAME' }),
    absent: { value: undefined },
  }
}

interface ReferenceOptions {
  readonly doc: string
  readonly isKey?: boolean
}

const REFERENCE = /^(?:file:\/\/|env:\/)\/[^\r\n]+$/

export type SecretRead =
  | { readonly kind: 'secret'; readonly value: string }
  /** `why` names the reference and the problem, never a value. */
  | { readonly kind: 'missing'; readonly why: string }

/** @param env where `env://` looks; `process.env` in production. */
export async function readSecret(
  reference: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<SecretRead> {
  if (reference.startsWith('env://')) {
    const value = env[reference.slice('env://'.length)]
    return value === undefined ? { kind: 'missing', why: `${reference} is not set` } : { kind: 'secret', value }
  }
  if (!reference.startsWith('file:///')) return { kind: 'missing', why: `${reference} is no reference that is known` }
  try {
    const bytes = await readFile(reference.slice('file://'.length))
    if (bytes.length > SECRET_BYTES_MAX) return { kind: 'missing', why: `${reference} is too large` }
    return { kind: 'secret', value: bytes.toString('utf8') }
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown'
    return { kind: 'missing', why: `${reference} cannot be read: ${code}` }
  }
}
