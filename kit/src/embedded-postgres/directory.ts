/**
 * Prepares the directory of an embedded Postgres: the data with its owner, and the generated password.
 *
 * Layout below the caller's directory: `data/` (Postgres'), `password` (mode 0600), `postgres.log` (of the last
 * start) and `owner` (number of the process that stops the server).
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chown, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Binaries } from './binaries.ts'
import { type ServerUser, canEnter } from './user.ts'

/** How a program of Postgres is started on a data directory. */
export type Launch = {
  /** What follows `-D`. */
  readonly argument: string
  readonly options: {
    readonly cwd: string
    readonly env: NodeJS.ProcessEnv
    readonly uid?: number
    readonly gid?: number
  }
}

/** Nothing of this process's environment reaches Postgres: a PGDATA or PGPORT there would change what it does. */
const ENVIRONMENT = {
  LC_ALL: 'C',
  TZ: 'UTC',
  ...(process.env['SystemRoot'] && { SystemRoot: process.env['SystemRoot'] }),
}

/**
 * A user who cannot pass the folders above the data directory can still work in it when the process is put there
 * before it changes its user: Linux names that place `/proc/self/cwd`. Other systems have no such name.
 *
 * @throws when that user cannot get at the directory
 */
export function launchOn(data: string, user: ServerUser | undefined): Launch {
  if (user === undefined) return { argument: data, options: { cwd: data, env: ENVIRONMENT } }
  const options = { cwd: data, env: ENVIRONMENT, uid: user.uid, gid: user.gid }
  if (canEnter(user, data)) return { argument: data, options }
  if (process.platform === 'linux') return { argument: '/proc/self/cwd', options }
  throw new Error(
    `the user ${user.name}, who runs Postgres when this program is started as root, cannot enter ${data}: ` +
      'start as another user, or set DATABASE_URL',
  )
}

/** The password of the kept data; made by the first start. */
export async function keptPassword(directory: string): Promise<string> {
  const file = join(directory, 'password')
  const password = randomBytes(24).toString('base64url')
  try {
    // Exclusive, so that two first starts at once agree on one password.
    await writeFile(file, password, { flag: 'wx', mode: 0o600 })
    return password
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return (await readFile(file, 'utf8')).trim()
  }
}

/**
 * Makes the data directory unless it is there. It gets its name when it is complete, so that an interrupted first
 * start leaves nothing that looks like data.
 *
 * @param password undefined: connections are trusted, for data that is thrown away
 */
export async function ensureData(
  directory: string,
  binaries: Binaries,
  user: ServerUser | undefined,
  password: string | undefined,
): Promise<void> {
  const data = join(directory, 'data')
  if (existsSync(join(data, 'PG_VERSION'))) return
  const partial = await mkdtemp(`${data}-`)
  const secret = await mkdtemp(join(user === undefined ? tmpdir() : '/tmp', 'headgate-initdb-'))
  try {
    if (user !== undefined) await chown(partial, user.uid, user.gid)
    const authentication =
      password === undefined
        ? ['--auth=trust']
        : ['--auth=scram-sha-256', `--pwfile=${await secretFile(secret, user, password)}`]
    const launch = launchOn(partial, user)
    await initdb(binaries.initdb, launch, authentication)
    await rename(partial, data).catch((error: NodeJS.ErrnoException) => {
      // Another start was faster.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(secret, { recursive: true, force: true })
    await rm(partial, { recursive: true, force: true })
  }
}

async function secretFile(folder: string, user: ServerUser | undefined, password: string): Promise<string> {
  const file = join(folder, 'password')
  await writeFile(file, password, { mode: 0o600 })
  if (user !== undefined) {
    await chown(file, user.uid, user.gid)
    await chown(folder, user.uid, user.gid)
  }
  return file
}

async function initdb(
  program: string,
  { argument, options }: Launch,
  authentication: readonly string[],
): Promise<void> {
  const fixed = ['--username=postgres', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions']
  const child = spawn(program, ['-D', argument, ...fixed, ...authentication], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`initdb failed with code ${code}\n${Buffer.concat(output).toString()}`)
}

/** The caller's directory, for this user's eyes only where it is new. */
export async function ensureDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
}
