/**
 * Writes a new configuration object into the draft.
 *
 * @module
 */
import { ProblemError } from '@headgate/admin-api'
import type { Cli } from '#cli/cli.ts'
import { CliError, exitCodes } from '#cli/exit.ts'
import { renderObjects } from '#cli/files/render.ts'
import type { ConfigObject } from './kinds.ts'

/**
 * @param plural as the command is called.
 * @throws CliError when there is one of that name.
 */
export async function createObject(
  cli: Cli,
  { kind, plural, name }: { readonly kind: ConfigObject['kind']; readonly plural: string; readonly name: string },
  spec: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { client, where } = await cli.session()
  const params = { ...where(), kind, name }
  const written = await client.call('putObject', { params, body: { spec } }).catch((thrown: unknown) => {
    // Without If-Match only what is new may be written.
    if (!(thrown instanceof ProblemError) || thrown.problem.code !== 'precondition_needed') throw thrown
    throw new CliError(`the draft of ${params.environment} has a ${kind} ${name} already`, {
      exitCode: exitCodes.conflict,
      fix: `See it: headgate ${plural} get ${name}; change it in a file: headgate export, headgate apply`,
    })
  })
  if (cli.options.output === undefined) cli.talk.line(`  ${cli.talkStyle.good('+')} ${kind} ${written.name}`)
  else cli.print(written, { text: (value) => renderObjects([value]), names: (value) => [value.name] })
  cli.talk.line(`  in the draft of ${params.environment}; live after: headgate releases publish`)
}
