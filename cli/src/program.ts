/**
 * The tree of commands, and the one place where their errors become text and an exit code.
 *
 * @module
 */
import { type Command, CommanderError } from 'commander'
import { type Cli, createCli } from './cli.ts'
import { command, globalOptions } from './command.ts'
import { agentCommand } from './commands/agent.ts'
import { agentsCommand } from './commands/agents.ts'
import { applyCommand } from './commands/apply.ts'
import { completionCommand } from './commands/completion.ts'
import { consumersCommand } from './commands/consumers.ts'
import { contextCommand } from './commands/context.ts'
import { bansCommand } from './commands/bans.ts'
import { credentialsCommand } from './commands/credentials.ts'
import { diffCommand } from './commands/diff.ts'
import { doctorCommand } from './commands/doctor.ts'
import { downCommand } from './commands/down.ts'
import { environmentsCommand } from './commands/environments.ts'
import { explainCommand } from './commands/explain.ts'
import { exportCommand } from './commands/export.ts'
import { keysCommand } from './commands/keys.ts'
import { limitsCommand } from './commands/limits.ts'
import { loginCommand } from './commands/login.ts'
import { objectCommands } from './commands/objects.ts'
import { openCommand } from './commands/open.ts'
import { protectCommand } from './commands/protect.ts'
import { releasesCommand, rollbackCommand } from './commands/releases.ts'
import { tailCommand } from './commands/tail.ts'
import { tenantsCommand } from './commands/tenants.ts'
import { upCommand } from './commands/up.ts'
import { validateCommand } from './commands/validate.ts'
import { whoamiCommand } from './commands/whoami.ts'
import { type ExitCode, exitCodeOf, exitCodes } from './exit.ts'
import type { GlobalOptions } from './cli.ts'
import { renderFailure } from './output/problem.ts'
import { styleFor } from './output/style.ts'
import type { Terminal } from './terminal.ts'
import { VERSION } from './version.ts'

/** Runs the command line that the terminal holds. */
export async function run(terminal: Terminal): Promise<ExitCode> {
  let options: GlobalOptions = {}
  await using cli = createCli(terminal, () => options)
  const program = createProgram(cli)
  program.hook('preAction', () => {
    options = program.opts<GlobalOptions>()
  })
  try {
    await program.parseAsync([...terminal.args], { from: 'user' })
    return cli.exitCode
  } catch (thrown) {
    if (thrown instanceof CommanderError) return exitCodeOfParser(thrown)
    if (terminal.signal.aborted) return exitCodes.interrupted
    terminal.err.stream.write(renderFailure(thrown, styleFor(terminal.err, terminal, options.ascii ?? false)))
    return exitCodeOf(thrown)
  }
}

function exitCodeOfParser({ code, exitCode }: CommanderError): ExitCode {
  // Help that was asked for, and the version.
  if (exitCode === 0 || code === 'commander.helpDisplayed' || code === 'commander.version') return exitCodes.ok
  return exitCodes.usage
}

/** The whole tree. */
export function createProgram(cli: Cli): Command {
  const { out, err } = cli.terminal
  const program = globalOptions(
    command('headgate', {
      summary: 'Secure API access in production, set up in minutes',
      examples: ['headgate up', 'headgate protect http://localhost:3000 --name billing'],
    }).version(VERSION, '-V, --version', 'Show the version'),
  )
  for (const [heading, commands] of groups(cli)) {
    for (const one of commands) program.addCommand(one.helpGroup(heading))
  }
  const configure = (one: Command): void => {
    one.configureOutput({
      writeOut: (text) => void out.stream.write(text),
      writeErr: (text) => void err.stream.write(text),
      getOutHelpWidth: () => (out.isTerminal ? out.columns : 100),
      getErrHelpWidth: () => (err.isTerminal ? err.columns : 100),
      outputError: (text, write) => write(`${text.trimEnd()}\n`),
    })
    one.commands.forEach(configure)
  }
  configure(program)
  return program
}

function groups(cli: Cli): readonly (readonly [string, readonly Command[]])[] {
  return [
    ['Start:', [upCommand(cli), downCommand(cli), openCommand(cli), protectCommand(cli)]],
    ['Callers:', [keysCommand(cli), credentialsCommand(cli), consumersCommand(cli), bansCommand(cli)]],
    ['See:', [explainCommand(cli), limitsCommand(cli), tailCommand(cli), doctorCommand(cli)]],
    [
      'Configuration:',
      [
        exportCommand(cli),
        validateCommand(cli),
        diffCommand(cli),
        applyCommand(cli),
        releasesCommand(cli),
        rollbackCommand(cli),
        ...objectCommands(cli),
      ],
    ],
    ['Agents:', [agentsCommand(cli), agentCommand(cli)]],
    [
      'Operators:',
      [loginCommand(cli), whoamiCommand(cli), contextCommand(cli), tenantsCommand(cli), environmentsCommand(cli)],
    ],
    ['Shell:', [completionCommand(cli)]],
  ]
}
