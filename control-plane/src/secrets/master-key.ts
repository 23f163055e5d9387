/**
 * The key that opens every sealed value: 32 bytes that live outside Postgres.
 *
 * Production gives it as a setting or a file; for a first look and for development a file is made when there is none.
 *
 * @module
 */
import { errorText } from '@headgate/kit/errors.ts'
import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MASTER_KEY_BYTES } from './seal.ts'

export type MasterKeyRead =
  | { readonly kind: 'ok'; readonly masterKey: Uint8Array }
  | { readonly kind: 'invalid'; readonly problem: string }

const HEX = /^[0-9a-fA-F]{64}$/
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/

/** @param written 32 bytes as 64 hex digits or as base64 (either alphabet); space around them is ignored. */
export function readMasterKey(written: string): MasterKeyRead {
  const value = written.trim()
  if (HEX.test(value)) return { kind: 'ok', masterKey: Buffer.from(value, 'hex') }
  if (BASE64.test(value)) return { kind: 'ok', masterKey: Buffer.from(value, 'base64') }
  return {
    kind: 'invalid',
    problem: `must be ${MASTER_KEY_BYTES} bytes as 64 hex digits or base64: openssl rand -base64 ${MASTER_KEY_BYTES}`,
  }
}

/** Reads the file, or makes it with a new key that only its owner may read. Two processes at once get one key. */
export async function ensureMasterKeyFile(path: string): Promise<MasterKeyRead> {
  try {
    const written = await readFile(path, 'utf8').catch(ignoreMissing)
    return readMasterKey(written ?? (await makeFile(path)))
  } catch (error) {
    return { kind: 'invalid', problem: errorText(error) }
  }
}

async function makeFile(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  // Linked into place when it is whole: a process that starts at the same time never reads half a key.
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, `${randomBytes(MASTER_KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flush: true })
  try {
    await link(draft, path).catch(ignoreExisting)
  } finally {
    await rm(draft)
  }
  return readFile(path, 'utf8')
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}
