/**
 * `headgate issuers create`.
 *
 * What is rarely changed has no option: write it into a file, see `headgate export` and `headgate apply`.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { collect, command } from '#cli/command.ts'
import { usageError } from '#cli/exit.ts'
import { parseDuration } from '#cli/parse/duration.ts'
import { readInput } from '#cli/parse/input.ts'
import { createObject } from './create.ts'

interface Options {
  readonly issuer: string
  readonly audience: readonly string[]
  readonly jwksUrl?: string
  readonly jwks?: string
  readonly introspect?: string
  readonly clientId?: string
  readonly secretRef?: string
  readonly algorithm?: readonly string[]
  readonly tokenType?: readonly string[]
  readonly clockSkew?: string
  readonly consumerClaim?: string
  readonly scopeClaim?: string
  readonly roleClaim?: string
  readonly admitUnknown?: boolean
  readonly privateAddresses?: boolean
}

type Spec = Readonly<Record<string, unknown>>

export function createIssuerCommand(cli: Cli): Command {
  return command('create', {
    summary: 'Trust somebody who signs tokens, or who is asked about them, in the draft',
    examples: [
      'headgate issuers create auth0 --issuer https://acme.eu.auth0.com/ --audience https://api.acme.com',
      'headgate issuers create idp --issuer https://idp.acme.com --audience orders --introspect https://idp.acme.com/introspect --client-id headgate --secret-ref env://IDP_SECRET',
    ],
  })
    .argument('<name>', 'Name, as policies call it')
    .requiredOption('--issuer <url>', 'Its name, to the letter as in iss')
    .requiredOption('--audience <text>', 'What is protected here, as in aud; repeat for more', collect)
    .option('--jwks-url <url>', 'Where its public keys are; default: where its metadata says (discovery)')
    .option('--jwks <file>', 'Its public keys, a JWK Set in a file; - reads standard input')
    .option('--introspect <url>', 'Ask here about each token, in place of keys')
    .option('--client-id <id>', 'Who the agent is when it asks')
    .option('--secret-ref <reference>', 'Where agents read the secret: env://NAME or file:///path')
    .option('--algorithm <name>', 'A signature that counts, such as ES256; repeat for more', collect)
    .option('--token-type <type>', 'typ of its tokens: at+jwt (default), jwt or none; repeat for more', collect)
    .option('--clock-skew <duration>', 'How far clocks may differ, up to 5m; default: 30s')
    .option('--consumer-claim <claim>', 'The claim that names the consumer; default: client_id')
    .option('--scope-claim <claim>', 'The claim that has the scopes; default: scope')
    .option('--role-claim <claim>', 'The claim that has roles, such as realm_access.roles')
    .option('--admit-unknown', 'Also callers that are no consumers here')
    .option('--private-addresses', 'The issuer may be in a private network, or at http://')
    .action(async (name: string, options: Options) =>
      createObject(cli, { kind: 'issuer', plural: 'issuers', name }, await specOf(cli, options)),
    )
}

async function specOf(cli: Cli, options: Options): Promise<Spec> {
  const { issuer, audience, algorithm, tokenType, clockSkew, admitUnknown, privateAddresses } = options
  const skewMs = clockSkew === undefined ? undefined : parseDuration(clockSkew)
  if (clockSkew !== undefined && skewMs === undefined) {
    throw usageError(`--clock-skew ${clockSkew} is not a duration`, 'Such as 30s, or 0')
  }
  return {
    issuer,
    ...(await proofOf(cli, options)),
    audiences: [...audience],
    ...present({
      algorithms: algorithm,
      token_types: tokenType,
      clock_skew_ms: skewMs,
      consumer_claim: claim(options.consumerClaim),
      unknown_consumers: admitUnknown === true ? 'admit' : undefined,
      scope_claim: claim(options.scopeClaim),
      role_claim: claim(options.roleClaim),
      private_addresses: privateAddresses,
    }),
  }
}

/** Dots are between names from the outside in; in an address, which names a claim as a whole, they are not. */
function claim(text: string | undefined): string | readonly string[] | undefined {
  return text?.includes('://') ? [text] : text
}

/** How tokens are proven: with keys, or by asking. */
async function proofOf(cli: Cli, { jwksUrl, jwks, introspect, clientId, secretRef }: Options): Promise<Spec> {
  if ([jwksUrl, jwks, introspect].filter((each) => each !== undefined).length > 1) {
    throw usageError('--jwks-url, --jwks and --introspect are three ways', 'Take one of them')
  }
  if (introspect !== undefined) {
    if (clientId === undefined || secretRef === undefined) {
      throw usageError('--introspect needs --client-id and --secret-ref', 'The secret itself stays with the agents')
    }
    return {
      introspection: {
        url: introspect,
        client: { method: 'client_secret_basic', client_id: clientId, secret: secretRef },
      },
    }
  }
  if (jwksUrl !== undefined) return { keys: { jwks_url: jwksUrl } }
  return { keys: jwks === undefined ? { discovery: true } : { jwks: await readJwks(cli, jwks) } }
}

async function readJwks(cli: Cli, file: string): Promise<unknown> {
  const text = await readInput(cli.terminal, file)
  try {
    return JSON.parse(text)
  } catch {
    throw usageError(`${file} is not JSON`, 'A JWK Set such as {"keys":[...]}')
  }
}

const present = (fields: Spec): Spec =>
  Object.fromEntries(Object.entries(fields).filter((pair) => pair[1] !== undefined))
