/**
 * Text that an option names: a file, or standard input. The way in for secrets, which others could read in a list of
 * processes.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { usageError } from '#cli/exit.ts'
import { readStdin, type Terminal } from '#cli/terminal.ts'

/**
 * @param name of a file, or `-` for standard input.
 * @throws CliError when it cannot be read.
 */
export async function readInput(terminal: Terminal, name: string): Promise<string> {
  if (name === '-') return readStdin(terminal)
  try {
    return await readFile(resolve(terminal.cwd, name), 'utf8')
  } catch (thrown) {
    throw usageError(`${name} cannot be read: ${(thrown as NodeJS.ErrnoException).code ?? String(thrown)}`)
  }
}
