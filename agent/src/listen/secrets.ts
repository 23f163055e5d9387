/**
 * Reads secret references: `env://NAME` and `file:///absolute/path`.
 *
 * The value is read where it is needed, on the agent; it never passes through the control plane, a release or a log.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'

/** Longest secret, in bytes: a mistaken path must not fill the memory. */
const SECRET_BYTES_MAX = 1_048_576

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
