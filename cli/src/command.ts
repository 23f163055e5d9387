/**
 * Makes a command of the tree, with everything that all of them have in common.
 *
 * @module
 */
import { Command, Option } from 'commander'
import { formats } from './output/print.ts'

export interface CommandText {
  readonly summary: string
  /** Two command lines that work when pasted; help begins with them. */
  readonly examples: readonly [string, string]
}

/** A command without options. Parse errors are thrown, never exits. */
export function command(name: string, { summary, examples }: CommandText): Command {
  return new Command(name)
    .description(summary)
    .addHelpText('before', `Examples:\n${examples.map((line) => `  $ ${line}\n`).join('')}`)
    .exitOverride()
    .showSuggestionAfterError()
    .helpOption('-h, --help', 'Show this help')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .allowExcessArguments(false)
}

/** Options that may stand before or after the name of any command. */
export function globalOptions(program: Command): Command {
  return program
    .addOption(new Option('--context <file>', 'Context file').env('HEADGATE_CONTEXT'))
    .option('--tenant <name>', 'Tenant')
    .option('-e, --environment <name>', 'Environment')
    .addOption(new Option('-o, --output <form>', 'Form of data').choices(formats))
    .option('--timeout <duration>', 'Longest wait, such as 30s')
    .option('-y, --yes', 'Answer every question with yes')
    .option('--ascii', 'Draw with ASCII only')
}

/** Collects an option that may be given many times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}
