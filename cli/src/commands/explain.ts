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
import { renderRail } from '#cli/output/rail.ts'

interface Options {
  readonly method?: string
  readonly path?: string
  readonly host?: string
  readonly header?: readonly string[]
  readonly as?: string
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
      'headgate explain --method DELETE --path /orders/42 --as key_01KA... --release draft',
    ],
  })
    .argument('[request]', 'Request id from x-request-id, `last`, or `last-refused`')
    .option('--path <path>', 'Simulate: path and query')
    .option('--method <method>', 'Simulate: method')
    .option('--host <host>', 'Simulate: host')
    .option('--header <field>', 'Simulate: a header field such as "x-api-key: hgk_..."; repeat for more', collect)
    .option('--as <key>', 'Simulate: with this API key, by its id')
    .option('--address <ip>', 'Simulate: from this source address')
    .option('--scheme <scheme>', 'Simulate: http or https')
    .option('--release <release>', 'Simulate: on draft, live, or a release such as r3')
    .action(async (request: string | undefined, options: Options) => {
      const body = request === undefined ? simulated(options) : recorded(request, options)
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

type Body = NonNullable<Call<'explain'>['body']>

function recorded(request: string, options: Options): Body {
  const [given] = Object.keys(options)
  if (given !== undefined) throw usageError(`--${given} is for a simulated request`, 'Leave the request id away')
  return { request_id: request }
}

function simulated({ path, method, host, header = [], as, address, scheme, release }: Options): Body {
  if (path === undefined) {
    throw usageError('which request?', 'A request id, `last`, or --path and --method for one that is not sent')
  }
  const headers = header.map((text) => {
    const field = parseHeader(text)
    if (field === undefined) throw usageError(`--header ${text} is not a header field`, 'Such as "x-api-key: hgk_..."')
    return field
  })
  return {
    request: {
      target: path,
      headers,
      ...(method === undefined ? {} : { method: method.toUpperCase() }),
      ...(host === undefined ? {} : { host }),
      ...(as === undefined ? {} : { as_key: as }),
      ...(address === undefined ? {} : { address }),
      ...(scheme === undefined ? {} : { scheme }),
    },
    ...(release === undefined ? {} : { release }),
  }
}
