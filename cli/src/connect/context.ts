/**
 * The context file: which control plane, as whom, and how its certificate is recognised.
 *
 * Holds an operator token, so it is readable by its owner alone and is replaced as a whole, never written in place.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { platform } from 'node:os'
import { dirname } from 'node:path'
import { CliError } from '#cli/exit.ts'

/** Content of a context file. */
export interface Context {
  /** Such as `https://localhost:7600`. */
  readonly url: string
  /** Operator token. Secret. */
  readonly token?: string
  /** Certificates (PEM) that may vouch for the control plane; absent: those that the system trusts. */
  readonly ca?: string
  readonly tenant?: string
  readonly environment?: string
  /** Where requests enter on this machine, such as `http://localhost:8080`; only written by `headgate up`. */
  readonly proxy?: string
}

const FIELDS = ['url', 'token', 'ca', 'tenant', 'environment', 'proxy'] as const

/**
 * @returns undefined when there is no such file.
 * @throws CliError when it is damaged or readable by others.
 */
export async function readContext(path: string): Promise<Context | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new CliError(`${path} cannot be read`, { cause: thrown, fix: 'Check who owns it' })
  }
  // Windows has no such bits.
  if (platform() !== 'win32' && ((await stat(path)).mode & 0o077) !== 0) {
    throw new CliError(`${path} holds an operator token and can be read by others`, { fix: `chmod 600 ${path}` })
  }
  return parseContext(text) ?? damaged(path)
}

function damaged(path: string): never {
  throw new CliError(`${path} is not a context file`, { fix: 'Remove it and sign in again: headgate login' })
}

function parseContext(text: string): Context | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const given: Record<string, unknown> = { ...parsed }
  const entries = FIELDS.flatMap((field) => (given[field] === undefined ? [] : [[field, given[field]] as const]))
  if (!entries.every(([, value]) => typeof value === 'string') || typeof given['url'] !== 'string') return undefined
  return { url: given['url'], ...(Object.fromEntries(entries) as Partial<Context>) }
}

/** Writes the file for its owner alone; a reader sees the old one or the new one. */
export async function writeContext(path: string, context: Context): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${randomUUID()}`
  // Always in the same order, so that the same context is the same file.
  const ordered = Object.fromEntries(
    FIELDS.flatMap((field) => (context[field] === undefined ? [] : [[field, context[field]]])),
  )
  try {
    await writeFile(temporary, `${JSON.stringify(ordered, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    await chmod(temporary, 0o600)
    await rename(temporary, path)
  } catch (thrown) {
    await rm(temporary, { force: true })
    throw thrown
  }
}
