/**
 * `headgate login`: keeps an operator token for this user.
 *
 * What proves the operator (a welcome link, its code, or a token) comes from standard input, never from an argument,
 * which others could see in the list of processes.
 *
 * @module
 */
import { resolve } from 'node:path'
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Cli, Session } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { type Context, writeContext } from '#cli/connect/context.ts'
import { userContext } from '#cli/connect/find.ts'
import { lookAtCertificate } from '#cli/connect/pin.ts'
import { CliError, exitCodes, usageError } from '#cli/exit.ts'
import { isInteractive, readStdin } from '#cli/terminal.ts'

interface Options {
  readonly caFile?: string
  readonly fingerprint?: string
  readonly name?: string
}

export function loginCommand(cli: Cli): Command {
  return command('login', {
    summary: 'Sign in with a welcome link, its code, or an operator token on standard input',
    examples: ['headgate login https://headgate.example.com', 'headgate login https://localhost:7600 < token.txt'],
  })
    .argument('[url]', 'Address of the control plane; a pasted welcome link holds it already')
    .option('--ca-file <file>', 'Certificates (PEM) that vouch for the control plane')
    .option('--fingerprint <sha256>', 'SHA-256 of the certificate that the control plane made itself')
    .option('--name <name>', 'Your name as an operator; only for the very first welcome link')
    .action((url: string | undefined, options: Options) => login(cli, url, options))
}

async function login(cli: Cli, address: string | undefined, options: Options): Promise<void> {
  const { url, proof } = readProof(address, await askProof(cli))
  const ca = await trust(cli, url, options)
  const base: Context = { url, ...(ca === undefined ? {} : { ca }) }
  const token = /^hg[ps]_/.test(proof) ? proof : await useWelcome(cli, base, proof, options.name)
  const context = { ...base, token }
  const session = await cli.connect(context, 'login')
  const { operator } = await session.client.call('whoami')
  const path = cli.options.context ?? cli.terminal.env['HEADGATE_CONTEXT']
  const file = path === undefined ? userContext(cli.terminal) : resolve(cli.terminal.cwd, path)
  await writeContext(file, { ...context, ...(await chooseWhere(cli, session)) })
  cli.talk.line(`  ${operator.name} is signed in to ${url}; kept in ${file}`)
}

async function askProof(cli: Cli): Promise<string> {
  if (!isInteractive(cli.terminal)) return (await readStdin(cli.terminal)).trim()
  const { password } = await import('@clack/prompts')
  const answer = await password({
    message: 'Welcome link, its code, or an operator token',
    output: cli.terminal.err.stream,
  })
  if (typeof answer !== 'string') throw new CliError('nobody was signed in')
  return answer.trim()
}

function readProof(address: string | undefined, text: string): { readonly url: string; readonly proof: string } {
  const link = URL.parse(text)
  if (link !== null && link.hash.length > 1) {
    if (address !== undefined && URL.parse(address)?.origin !== link.origin) {
      throw usageError(`the link belongs to ${link.origin}, not to ${address}`)
    }
    return { url: link.origin, proof: link.hash.slice(1) }
  }
  if (address === undefined) throw usageError('which control plane?', 'headgate login https://host:7600')
  if (text === '' || /\s/.test(text)) throw usageError('standard input holds no token, code or link')
  return { url: URL.parse(address)?.origin ?? address, proof: text }
}

/** The certificate to keep, or undefined when the system vouches for the control plane. */
async function trust(cli: Cli, url: string, { caFile, fingerprint }: Options): Promise<string | undefined> {
  if (caFile !== undefined) return readFile(resolve(cli.terminal.cwd, caFile), 'utf8')
  if (!url.startsWith('https:')) return undefined
  const presented = await lookAtCertificate(url)
  if (fingerprint !== undefined) {
    const given = `sha256:${fingerprint
      .replace(/^sha256:/i, '')
      .replaceAll(':', '')
      .toLowerCase()}`
    if (given === presented.fingerprint) return presented.pem
    throw new CliError(`${url} presents another certificate: ${presented.fingerprint}`, {
      exitCode: exitCodes.notAllowed,
    })
  }
  if (presented.trusted) return undefined
  if (isInteractive(cli.terminal)) {
    cli.talk.line(`  ${url} made its certificate itself:\n  ${presented.fingerprint}`)
    const { confirm } = await import('@clack/prompts')
    const message = 'Does its operator name the same fingerprint?'
    if ((await confirm({ message, initialValue: false, output: cli.terminal.err.stream })) === true)
      return presented.pem
  }
  throw new CliError(`nobody vouches for the certificate of ${url}`, {
    exitCode: exitCodes.notAllowed,
    fix: `Compare ${presented.fingerprint} and give it as --fingerprint, or name its authority with --ca-file`,
  })
}

async function useWelcome(cli: Cli, base: Context, code: string, name: string | undefined): Promise<string> {
  const { client } = await cli.connect(base, 'login')
  const body = { code, want: 'token' as const, ...(name === undefined ? {} : { name }) }
  const { token } = await client.call('welcome', { body })
  if (token === null) throw new CliError('the control plane gave no token')
  return token
}

/** The tenant and environment, where there is no choice. */
async function chooseWhere(cli: Cli, { client }: Session): Promise<Pick<Context, 'tenant' | 'environment'>> {
  const tenants = await client.call('listTenants', { query: { limit: 2 } })
  const tenant = cli.options.tenant ?? (tenants.data.length === 1 ? tenants.data[0]?.name : undefined)
  if (tenant === undefined) return {}
  const environments = await client.call('listEnvironments', { params: { tenant }, query: { limit: 2 } })
  const only = environments.data.length === 1 ? environments.data[0]?.name : undefined
  const environment = cli.options.environment ?? only
  return { tenant, ...(environment === undefined ? {} : { environment }) }
}
