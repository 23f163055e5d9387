/**
 * Where the programs are that the command starts, and what of the environment they see.
 *
 * From the repository they run as source; beside a bundled command lie bundles.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CliError } from '#cli/exit.ts'

export type ProgramName = 'agent' | 'control-plane' | 'headgate'

const SOURCES: Readonly<Record<ProgramName, string>> = {
  agent: '../../../agent/src/main.ts',
  'control-plane': '../../../control-plane/src/main.ts',
  headgate: '../main.ts',
}

/** Path of a program that the running Node can run. */
export function programPath(name: ProgramName): string {
  const found = [`./${name}.js`, SOURCES[name]]
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new CliError(`the program ${name} is not installed here`, { fix: `Put ${name}.js beside this command` })
}

/** Settings of this command. They mean nothing to the programs, which refuse names that they do not know. */
const OWN = /^HEADGATE_(?:URL|TOKEN|TOKEN_FILE|CA_FILE|CONTEXT|TENANT|ENVIRONMENT|DATA|DEV|PORT_[A-Z]+)$/

/**
 * The environment of a child: everything that is not ours, and the settings that `keep` names.
 *
 * An operator token is never handed on.
 */
export function childEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  keep: RegExp,
): Record<string, string> {
  const entries = Object.entries(env).flatMap(([name, value]) => {
    const handedOn = !name.startsWith('HEADGATE_') || (!OWN.test(name) && keep.test(name))
    return value !== undefined && handedOn ? [[name, value] as const] : []
  })
  return Object.fromEntries(entries)
}
