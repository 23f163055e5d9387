/**
 * `headgate agent`: an agent in the foreground, such as a second one on this machine.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { type ExitCode, exitCodes, usageError } from '#cli/exit.ts'
import { childEnvironment, programPath } from '#cli/local/programs.ts'
import { refuseTakenPorts } from '#cli/local/ports.ts'

interface Options {
  readonly http: string
  readonly https: string
  readonly name?: string
  readonly stateDir?: string
}

export function agentCommand(cli: Cli): Command {
  return command('agent', {
    summary: 'Run an agent in the foreground; it joins with HEADGATE_JOIN_TOKEN once and remembers',
    examples: ['HEADGATE_JOIN_TOKEN=hgj_... headgate agent', 'headgate agent --name us-east-1 --http 0.0.0.0:8080'],
  })
    .option('--http <address>', 'Where to serve HTTP, or off', '127.0.0.1:8180')
    .option('--https <address>', 'Where to serve HTTPS, or off', '127.0.0.1:8543')
    .option('--name <name>', 'Name that it asks for; default: the host name')
    .option('--state-dir <folder>', 'Identity and last known release; default: .headgate/agents/<name>')
    .action((options: Options) => runAgent(cli, options))
}

async function runAgent(cli: Cli, options: Options): Promise<void> {
  const { terminal } = cli
  const name =
    options.name ??
    hostname()
      .toLowerCase()
      .replaceAll(/[^a-z0-9.-]/g, '-')
  const stateDir = resolve(terminal.cwd, options.stateDir ?? join('.headgate', 'agents', name))
  const hasToken = terminal.env['HEADGATE_JOIN_TOKEN'] ?? terminal.env['HEADGATE_JOIN_TOKEN_FILE']
  if (!hasToken && !existsSync(stateDir)) {
    throw usageError(
      'an agent joins once, with a join token',
      'On the control plane: headgate agents invite --region <region>',
    )
  }
  await refuseTakenPorts([
    { what: 'HTTP', address: options.http, setting: '--http' },
    { what: 'HTTPS', address: options.https, setting: '--https' },
  ])
  const env = {
    ...childEnvironment(terminal.env, /^HEADGATE_/),
    HEADGATE_HTTP_LISTEN: options.http,
    HEADGATE_HTTPS_LISTEN: options.https,
    HEADGATE_STATE_DIR: stateDir,
    HEADGATE_AGENT_NAME: name,
  }
  const args = ['--disable-warning=ExperimentalWarning', programPath('agent')]
  // The same process, so that whoever started it, stops it.
  terminal.become?.(terminal.execPath, args, env)
  const child = spawn(terminal.execPath, args, { env, stdio: 'inherit', cwd: terminal.cwd })
  // A terminal tells the child by itself; whoever signals this process alone means the agent.
  terminal.signal.addEventListener('abort', () => {
    if (!terminal.in.isTerminal) child.kill('SIGTERM')
  })
  const { promise, resolve: settle, reject } = Promise.withResolvers<ExitCode>()
  child.once('error', reject)
  child.once('exit', (code) => settle(code === 0 ? exitCodes.ok : exitCodes.failed))
  cli.exit(await promise)
}
