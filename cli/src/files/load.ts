/**
 * Finds the files that `-f` names and reads the objects in them.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { CliError, usageError } from '#cli/exit.ts'
import { readStdin, type Terminal } from '#cli/terminal.ts'
import { type ObjectFile, readObjects, type SourceText } from './objects.ts'

/** What is read when no file is named. */
export const DEFAULT_FILE = 'headgate.yaml'

/**
 * @param names file names, or `-` for standard input; empty: `headgate.yaml`.
 * @throws CliError with one line per mistake.
 */
export async function loadObjects(terminal: Terminal, names: readonly string[]): Promise<ObjectFile> {
  const texts: SourceText[] = []
  for (const name of names.length === 0 ? [DEFAULT_FILE] : names) {
    texts.push(
      name === '-' ? { label: 'stdin', text: await readStdin(terminal) } : await readSource(terminal.cwd, name),
    )
  }
  const file = readObjects(texts)
  if (file.problems.length > 0) {
    const many = file.problems.length === 1 ? 'a mistake' : `${file.problems.length} mistakes`
    throw new CliError(`${texts.map(({ label }) => label).join(', ')}: ${many}`, { details: file.problems })
  }
  return file
}

async function readSource(cwd: string, name: string): Promise<SourceText> {
  const path = resolve(cwd, name)
  try {
    return { label: relative(cwd, path) || name, text: await readFile(path, 'utf8') }
  } catch (thrown) {
    throw usageError(
      `${name} cannot be read: ${(thrown as NodeJS.ErrnoException).code ?? String(thrown)}`,
      'Name a file with -f',
    )
  }
}
