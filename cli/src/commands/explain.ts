/**
 * `headgate explain`: why a request was allowed or refused, or would be.
 *
 * @module
 */
import type { Call, Explanation } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { collect, command } from '#cli/command.ts'
import { usageError } from '#cli/exit.ts'
import { parseHeader } from '#cli/parse/header.ts'
import { readInput } from '#cli/parse/input.ts'
import { renderRail } from '#cli/output/rail.ts'

interface Options {
  readonly method?: string
  readonly path?: string
  readonly host?: string
  readonly header?: readonly string[]
  readonly as?: string
  readonly jwt?: string
  readonly claims?: string
  readonly issuer?: string
  readonly credential?: string
  readonly address?: string
  readonly scheme?: 'http' | 'https'
  readonly release?: string
}

/** Width of the rail where nobody's terminal sets one. */
const UNBOUNDED_COLUMNS = 1_000

export function explainCommand(cli: Cli): Command {
  return command('explain', {
    summary: 'Why a request was allowed or refused; without a request id: what would happen',
    examples: [
      'headgate explain last',
      'headgate explain --method DELETE --path /orders/42 --jwt token.txt --release draft',
    ],
  })
    .argument('[request]', 'Request id from x-request-id, `last`, or `last-refused`')
    .option('--path <path>', 'Simulate: path and query')
    .option('--method <method>', 'Simulate: method')
    .option('--host <host>', 'Simulate: host')
    .option('--header <field>', 'Simulate: a header field such as "accept: */*", or @file with one a line', collect)
    .option('--as <key>', 'Simulate: with this API key, by its id')
    .option('--jwt <file>', 'Simulate: with the token in this file; - reads standard input')
    .option('--claims <file>', 'Simulate: with a token that says this (JSON); - reads standard input; with --issuer')
    .option('--issuer <name>', 'Simulate: the issuer that the claims are of')
    .option('--credential <id>', 'Simulate: with this client certificate or signing key, by its id')
    .option('--address <ip>', 'Simulate: from this source address')
    .option('--scheme <scheme>', 'Simulate: http or https')
    .option('--release <release>', 'Simulate: on draft, live, or a release such as r3')
    .action(async (request: string | undefined, options: Options) => {
      const body = request === undefined ? await simulated(cli, options) : recorded(request, options)
      const { client, where } = await cli.session()
      const explanation = await client.call('explain', { params: where(), body })
      const { isTerminal, columns } = cli.terminal.out
      cli.print(explanation, {
        text: (value: Explanation, style) =>
          `\n${renderRail(value, style, isTerminal ? columns - 2 : UNBOUNDED_COLUMNS)}\n`,
        names: (value) => [value.request_id ?? ''],
      })
    })
}

interface Header {
  readonly name: string
  readonly value: string
}

type Body = NonNullable<Call<'explain'>['body']>

function recorded(request: string, options: Options): Body {
  const [given] = Object.keys(options)
  if (given !== undefined) throw usageError(`--${given} is for a simulated request`, 'Leave the request id away')
  return { request_id: request }
}

async function simulated(cli: Cli, options: Options): Promise<Body> {
  const { path, method, host, address, scheme, release } = options
  if (path === undefined) {
    throw usageError('which request?', 'A request id, `last`, or --path and --method for one that is not sent')
  }
  return {
    request: {
      target: path,
      headers: await headersOf(cli, options.header ?? []),
      ...(method === undefined ? {} : { method: method.toUpperCase() }),
      ...(host === undefined ? {} : { host }),
      ...(address === undefined ? {} : { address }),
      ...(scheme === undefined ? {} : { scheme }),
      ...(await callerOf(cli, options)),
    },
    ...(release === undefined ? {} : { release }),
  }
}

type Request = NonNullable<Body['request']>

/** Who calls. A certificate may stand beside a token that is bound to it. */
async function callerOf(cli: Cli, { as, jwt, claims, issuer, credential }: Options): Promise<Partial<Request>> {
  if ([as, jwt, claims].filter((each) => each !== undefined).length > 1) {
    throw usageError('--as, --jwt and --claims are different callers', 'Give one of them')
  }
  if ((claims === undefined) !== (issuer === undefined)) {
    throw usageError('--claims and --issuer belong together', 'Such as --claims claims.json --issuer idp')
  }
  return {
    ...(as === undefined ? {} : { as_key: as }),
    ...(jwt === undefined ? {} : { as_token: await readToken(cli, jwt) }),
    ...(claims === undefined || issuer === undefined
      ? {}
      : { as_claims: { issuer, claims: await readClaims(cli, claims) } }),
    ...(credential === undefined ? {} : { as_credential: credential }),
  }
}

/** Fields as they are written, or `@` and a file: a field may hold a secret, which others could see in an argument. */
async function headersOf(cli: Cli, given: readonly string[]): Promise<Header[]> {
  const lines = await Promise.all(
    given.map(async (text) => (text.startsWith('@') ? linesOf(await readInput(cli.terminal, text.slice(1))) : [text])),
  )
  return lines.flat().map((text) => {
    const field = parseHeader(text)
    if (field !== undefined) return field
    throw usageError('--header is not a header field', 'Such as "x-api-key: hgk_...", or @file')
  })
}

const linesOf = (text: string): readonly string[] => text.split(/\r?\n/).filter((line) => line.trim() !== '')

async function readToken(cli: Cli, file: string): Promise<string> {
  const text = (await readInput(cli.terminal, file)).trim()
  // Pasted with the field that it came in.
  const token = text.replace(/^(?:authorization: *)?(?:bearer|dpop) +/i, '')
  if (token === '' || /\s/.test(token)) throw usageError(`${file} holds no token`, 'The token alone, as it was sent')
  return token
}

async function readClaims(cli: Cli, file: string): Promise<Record<string, unknown>> {
  const value = parseJson(await readInput(cli.terminal, file))
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw usageError(`${file} holds no claims`, 'A JSON object such as {"client_id":"billing","scope":"orders:read"}')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
