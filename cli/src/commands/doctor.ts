/**
 * `headgate doctor`: looks at everything between this command and the agents, and says what to do.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { type Check, examine } from '#cli/doctor/checks.ts'
import { exitCodes } from '#cli/exit.ts'
import { pad, printable, type Style } from '#cli/output/style.ts'

export function doctorCommand(cli: Cli): Command {
  return command('doctor', {
    summary: 'Check connection, certificate, clock, versions and agents',
    examples: ['headgate doctor', 'headgate doctor -o json'],
  }).action(async () => {
    const checks = await examine(cli)
    cli.print(checks, {
      text: (all, style) => all.map((check) => line(check, style)).join(''),
      names: (all) => all.filter(({ state }) => state !== 'good').map(({ name }) => name),
    })
    if (checks.some(({ state }) => state === 'bad')) cli.exit(exitCodes.failed)
  })
}

function line({ name, state, found, fix }: Check, style: Style): string {
  const sign =
    state === 'good'
      ? style.good(style.signs.done)
      : state === 'strange'
        ? style.warn('!')
        : style.bad(style.signs.failed)
  const head = `  ${pad(sign, 2)} ${pad(name, 14)} ${printable(found)}\n`
  return fix === null ? head : `${head}     ${pad('', 14)} ${style.dim('fix')} ${printable(fix)}\n`
}
