/**
 * A Redis for the tests: the one of `REDIS_URL`, else one that is installed, else Debian's packages unpacked into the
 * cache, else (as root) installed. And the program itself, for tests that kill and pause servers of their own.
 *
 * Unpacking needs no rights and changes nothing on the machine, so it comes before installing.
 *
 * @module
 */
import { type RedisProgram, startTestRedis } from '@headgate/kit/redis-testing.ts'
import { glob, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CACHE } from '../tooling/paths.ts'
import { aptInstall, canApt, execute, onPath } from './system.ts'

/** `redis-server` and the libraries that it needs and a small system may lack. */
const PACKAGES = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1']

export interface Redis extends AsyncDisposable {
  readonly url: string
  /** Undefined: only the server of `REDIS_URL` is there. */
  readonly program: RedisProgram | undefined
}

/** @returns undefined when there is no Redis and no way to get one here. */
export async function startRedis(): Promise<Redis | undefined> {
  const given = process.env['REDIS_URL']
  const program = await findProgram()
  if (given !== undefined) return { url: given, program, [Symbol.asyncDispose]: () => Promise.resolve() }
  if (program === undefined) return undefined
  const server = await startTestRedis(program)
  return { url: server.url, program, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

async function findProgram(): Promise<RedisProgram | undefined> {
  const installed = (await onPath('redis-server')) ?? (await onPath('valkey-server'))
  if (installed !== undefined) return { path: installed }
  const unpacked = await unpack()
  if (unpacked !== undefined) return unpacked
  if (!(await aptInstall('redis-server'))) return undefined
  const path = await onPath('redis-server')
  return path === undefined ? undefined : { path }
}

async function unpack(): Promise<RedisProgram | undefined> {
  const folder = join(CACHE, 'redis')
  const found = await unpackedIn(folder)
  if (found !== undefined) return found
  if (!canApt() || (await onPath('dpkg')) === undefined) return undefined
  await mkdir(folder, { recursive: true })
  const download = await execute('apt-get', ['download', ...PACKAGES], { cwd: folder })
  if (!download) return undefined
  for await (const file of glob('*.deb', { cwd: folder })) {
    if (!(await execute('dpkg', ['-x', file, folder], { cwd: folder }))) return undefined
  }
  return unpackedIn(folder)
}

async function unpackedIn(folder: string): Promise<RedisProgram | undefined> {
  const program = await first(glob('usr/bin/redis-server', { cwd: folder }))
  const library = await first(glob('usr/lib/*/liblzf.so.1', { cwd: folder }))
  if (program === undefined || library === undefined) return undefined
  return { path: join(folder, program), libraries: join(folder, library, '..') }
}

async function first(files: AsyncIterable<string>): Promise<string | undefined> {
  for await (const file of files) return file
  return undefined
}
