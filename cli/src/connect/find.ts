/**
 * Finds out which control plane is meant.
 *
 * Order: `--context`, `HEADGATE_URL`, the nearest `.headgate/context.json` upward, the file of the user. A token
 * of a file is never sent to an address that came from elsewhere.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { CliError, usageError } from '#cli/exit.ts'
import type { Terminal } from '#cli/terminal.ts'
import { type Context, readContext } from './context.ts'

/** Name of the folder that `headgate up` makes, and of the context file in it. */
export const LOCAL_CONTEXT = join('.headgate', 'context.json')

export interface Found {
  readonly context: Context
  /** A file, or `environment`. */
  readonly source: string
}

type Place = Pick<Terminal, 'env' | 'cwd' | 'home'>

/** @throws CliError when there is none, or it is damaged. */
export async function findContext(place: Place, file: string | undefined): Promise<Found> {
  const found = await search(place, file)
  const token = await fromEnvironment(place, 'HEADGATE_TOKEN')
  const caFile = place.env['HEADGATE_CA_FILE']
  const tenant = place.env['HEADGATE_TENANT']
  const environment = place.env['HEADGATE_ENVIRONMENT']
  return {
    source: found.source,
    context: {
      ...found.context,
      ...(token === undefined ? {} : { token }),
      ...(caFile === undefined ? {} : { ca: await readText(resolve(place.cwd, caFile)) }),
      ...(tenant === undefined ? {} : { tenant }),
      ...(environment === undefined ? {} : { environment }),
    },
  }
}

async function search(place: Place, file: string | undefined): Promise<Found> {
  if (file !== undefined) {
    const path = resolve(place.cwd, file)
    const context = await readContext(path)
    if (context === undefined) throw usageError(`there is no context file ${path}`)
    return { context, source: path }
  }
  const url = place.env['HEADGATE_URL']
  if (url !== undefined && url !== '') return { context: { url }, source: 'environment' }
  for (const path of candidates(place)) {
    const context = await readContext(path)
    if (context !== undefined) return { context, source: path }
  }
  throw new CliError('no control plane is known here', {
    fix: 'Start one with `headgate up`, or sign in to one with `headgate login <url>`',
  })
}

/** Where a context file may be, nearest first. */
export function candidates({ cwd, home, env }: Place): readonly string[] {
  const found: string[] = []
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    found.push(join(folder, LOCAL_CONTEXT))
    if (dirname(folder) === folder) break
  }
  return [...found, userContext({ home, env })]
}

/** The context file of the user. */
export function userContext({ home, env }: Pick<Place, 'home' | 'env'>): string {
  return join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'headgate', 'context.json')
}

async function fromEnvironment(place: Place, name: string): Promise<string | undefined> {
  const value = place.env[name]
  const file = place.env[`${name}_FILE`]
  if (value !== undefined && value !== '') return value
  return file === undefined || file === '' ? undefined : (await readText(resolve(place.cwd, file))).trim()
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (thrown) {
    throw new CliError(`${path} cannot be read`, { cause: thrown })
  }
}
