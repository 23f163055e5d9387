/**
 * Checks that an installation is the same everywhere and runs nothing: exact versions, hashes, no addresses, no
 * install scripts.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from '../tooling/paths.ts'

type Manifest = {
  readonly workspaces?: readonly string[]
  readonly allowScripts?: Readonly<Record<string, boolean>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

type Locked = Manifest & {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly hasInstallScript?: boolean
}

async function readJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(join(ROOT, file), 'utf8')) as T
}

/** @returns what is wrong, a sentence each. */
export async function checkLockFile(): Promise<string[]> {
  const root = await readJson<Manifest>('package.json')
  const lock = await readJson<{ readonly packages: Readonly<Record<string, Locked>> }>('package-lock.json')
  const manifests = ['package.json', ...(root.workspaces ?? []).map((name) => `${name}/package.json`)]
  const problems = await Promise.all(manifests.map(async (file) => inexactVersions(file, await readJson(file))))
  return [...problems.flat(), ...lockProblems(lock.packages, root.allowScripts ?? {})]
}

/** npm picks by the Node that runs it where a range leaves a choice. */
export function inexactVersions(
  file: string,
  { dependencies, devDependencies, optionalDependencies }: Manifest,
): string[] {
  return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
    .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.-]+)?$/.test(version))
    .map(([name, version]) => `${file}: ${name} is not an exact version: ${version}`)
}

/** @param packages of the lock file, by folder */
export function lockProblems(
  packages: Readonly<Record<string, Locked>>,
  allowScripts: Readonly<Record<string, boolean>>,
): string[] {
  const problems: string[] = []
  for (const [folder, locked] of Object.entries(packages)) {
    const where = `package-lock.json: ${folder}`
    if (locked.resolved?.includes('://')) problems.push(`${where} names a host: ${locked.resolved}`)
    if (!folder.includes('node_modules/') || locked.link) continue
    if (!locked.integrity) problems.push(`${where} has no hash`)
    const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
    if (locked.hasInstallScript && allowScripts[name] !== false) {
      problems.push(`${where} has an install script that allowScripts of package.json does not refuse`)
    }
    // A registry that lacks one platform's package makes npm write a lock file that `npm ci` refuses.
    for (const optional of Object.keys(locked.optionalDependencies ?? {})) {
      const isLocked = packages[`node_modules/${optional}`] ?? packages[`${folder}/node_modules/${optional}`]
      if (!isLocked) problems.push(`${where} wants ${optional}, which is not locked: npm ci will fail`)
    }
  }
  return problems
}
