/**
 * Runs commands in this process, signed in to a fake admin API, each in a folder of its own.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '#cli/program.ts'
import { FAKE_TOKEN, type FakeAdminApi, type Handlers, startFakeAdminApi } from './admin-api.ts'
import { fakeTerminal } from './terminal.ts'

export interface Printed {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Run extends Printed {
  readonly api: FakeAdminApi
}

/** Runs a command, and fails when a call or an answer is not in the contract. */
export async function headgate(
  args: readonly string[],
  handlers: Handlers = {},
  given: {
    readonly input?: string
    readonly files?: Readonly<Record<string, string>>
    readonly env?: Readonly<Record<string, string>>
  } = {},
): Promise<Run> {
  const cwd = await mkdtemp(join(tmpdir(), 'headgate-cli-'))
  try {
    for (const [name, text] of Object.entries(given.files ?? {})) await writeFile(join(cwd, name), text)
    await using api = await startFakeAdminApi(handlers)
    const env = {
      HEADGATE_URL: api.url,
      HEADGATE_TOKEN: FAKE_TOKEN,
      HEADGATE_TENANT: 'default',
      HEADGATE_ENVIRONMENT: 'dev',
    }
    const printed = await runInProcess(args, cwd, { ...env, ...given.env }, given.input)
    assert.deepEqual(api.violations, [])
    return { ...printed, api }
  } finally {
    await rm(cwd, { recursive: true, force: true })
  }
}

/** Runs a command that knows of no control plane but what the folder and `env` tell. */
export async function runInProcess(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Printed> {
  const terminal = fakeTerminal({ args, cwd, env, input })
  const code = await run(terminal)
  return { code, ...terminal.printed }
}
