/**
 * Checks the contract between control plane and agents: its style, that it only grew since the baseline, and that the
 * generated messages are those of the files.
 *
 * @module
 */
import { glob, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, commandOrThrow } from '../tooling/command.ts'
import { ROOT } from '../tooling/paths.ts'

/** @returns the output of `buf lint` when it found something. */
export async function checkProtoStyle(): Promise<string[]> {
  return buf(['lint'])
}

/** The baseline is the contract that agents in the field may speak; it is replaced with a release. */
export async function checkProtoCompatible(): Promise<string[]> {
  return buf(['breaking', '--against', 'baseline.binpb'])
}

async function buf(args: readonly string[]): Promise<string[]> {
  const { code, output } = await command('buf', args, { cwd: 'proto' })
  return code === 0 ? [] : [output.trim()]
}

/** @returns generated files that are missing, left over or different. */
export async function checkProtoFresh(): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-proto-'))
  try {
    await commandOrThrow('buf', ['generate', '--output', folder], { cwd: 'proto' })
    const [wanted, found] = await Promise.all([contents(folder), contents(join(ROOT, 'proto'))])
    const names = new Set([...wanted.keys(), ...found.keys()])
    return [...names]
      .filter((name) => wanted.get(name) !== found.get(name))
      .map((name) => `proto/${name} is not what buf generates: npm run generate`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function contents(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for await (const file of glob('src/gen/**/*.ts', { cwd: folder })) {
    files.set(file, await readFile(join(folder, file), 'utf8'))
  }
  return files
}
