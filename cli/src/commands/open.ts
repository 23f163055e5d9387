/**
 * `headgate open`: the dashboard, signed in.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import type { Terminal } from '#cli/terminal.ts'

export function openCommand(cli: Cli): Command {
  return command('open', {
    summary: 'Open the dashboard; the link works once, for ten minutes',
    examples: ['headgate open', 'headgate open --print'],
  })
    .option('--print', 'Print the link, start no browser')
    .action(async ({ print }: { readonly print?: boolean }) => {
      const { client } = await cli.session()
      const link = await client.call('createWelcomeLink')
      cli.print(link, { text: ({ url }) => `${url}\n`, names: ({ url }) => [url] })
      if (print !== true && cli.terminal.out.isTerminal) openBrowser(cli.terminal, link.url)
    })
}

function openBrowser({ platform, env }: Terminal, url: string): void {
  if (platform === 'linux' && !env['DISPLAY'] && !env['WAYLAND_DISPLAY']) return
  const [program, ...args] =
    platform === 'darwin'
      ? ['open', url]
      : platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : ['xdg-open', url]
  const child = spawn(program ?? '', args, { stdio: 'ignore', detached: true })
  // Without a browser the printed link is what there is.
  child.once('error', () => {})
  child.unref()
}
