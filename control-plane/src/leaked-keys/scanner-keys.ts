/**
 * The public keys of the programmes that report leaked keys, from a file in the form in which they publish them:
 * `{"public_keys": [{"key_identifier": "…", "key": "-----BEGIN PUBLIC KEY-----…"}]}`.
 *
 * Programmes change their keys: an identifier that is not known has the file read again, at most once in a while.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import { type KeyObject, createPublicKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** Pause between two readings of the file, in milliseconds. */
const PAUSE_MS = 30_000

export interface ScannerKeys {
  /** @returns null when no key has the identifier. */
  find(identifier: string): Promise<KeyObject | null>
}

interface ScannerKeyOptions {
  readonly file: string
  readonly clock: Clock
  readonly log: Log
}

/** @throws Error when the file cannot be used at the start. Later on, the keys that were read last stay. */
export async function openScannerKeys({ file, clock, log }: ScannerKeyOptions): Promise<ScannerKeys> {
  let keys = parseScannerKeys(await readFile(file, 'utf8'))
  let readAtMs = clock.monotonic()
  return {
    find: async (identifier) => {
      const known = keys.get(identifier)
      if (known !== undefined || clock.monotonic() - readAtMs < PAUSE_MS) return known ?? null
      readAtMs = clock.monotonic()
      try {
        keys = parseScannerKeys(await readFile(file, 'utf8'))
      } catch (thrown) {
        log.warn({ why: errorText(thrown) }, 'could not read the keys of scanners again')
      }
      return keys.get(identifier) ?? null
    },
  }
}

/** @throws Error that says what is wrong: a key that would not be used must not go unnoticed. */
export function parseScannerKeys(json: string): ReadonlyMap<string, KeyObject> {
  const { public_keys: list } = JSON.parse(json) as { readonly public_keys?: unknown }
  if (!Array.isArray(list) || list.length === 0) throw new Error('it has no list public_keys')
  return new Map(list.map((item: unknown, index) => readEntry(item, index)))
}

function readEntry(item: unknown, index: number): [string, KeyObject] {
  const { key_identifier: identifier, key: pem } = (item ?? {}) as Readonly<Record<string, unknown>>
  if (typeof identifier !== 'string' || identifier === '' || typeof pem !== 'string')
    throw new Error(`public_keys/${index} needs key_identifier and key`)
  const key = createPublicKey(pem)
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error(`public_keys/${index} is not a key of P-256`)
  return [identifier, key]
}
