/**
 * `headgate protect`: an API behind a key, in one line.
 *
 * Writes four objects (service, route, access, limit), publishes them and waits for the agents. Objects of somebody
 * else are not touched: the names have to be free, or written by the same command before.
 *
 * @module
 */
import { type Limit, defaultLimitNames } from '@headgate/admin-api'
import { Option, type Command } from 'commander'
import type { Cli, Session } from '#cli/cli.ts'
import { collect, command } from '#cli/command.ts'
import { publish } from '#cli/connect/publish.ts'
import { refusedAs } from '#cli/connect/refused.ts'
import { CliError, exitCodes } from '#cli/exit.ts'
import type { SourceObject } from '#cli/files/objects.ts'
import { isInteractive } from '#cli/terminal.ts'
import { countChanges, renderChanges, type Change } from '#cli/output/changes.ts'
import { hasErrors, renderFindings } from '#cli/output/findings.ts'
import { limitOf } from '#cli/output/limit-text.ts'
import { printable } from '#cli/output/style.ts'
import { planProtection, type ProtectOptions, type Protection } from '#cli/protect/plan.ts'
import { addressOf } from '#cli/protect/address.ts'

interface Options extends ProtectOptions {
  readonly publish: boolean
}

export function protectCommand(cli: Cli): Command {
  return command('protect', {
    summary: 'Put an API behind a key: service, route, access and limit, live in one step',
    examples: [
      'headgate protect http://localhost:3000 --name billing --host api.example.com --exposure public',
      'headgate protect http://10.0.0.7:80 --name docs --path /docs --public --reason "product manual"',
    ],
  })
    .argument('<url>', 'Where the API listens; its paths stay as they are')
    .requiredOption('--name <name>', 'Name of the service')
    .option('--host <host>', 'Host that callers use; default: every host; repeat for more', collect)
    .option('--path <path>', 'This path and everything below it', '/')
    .option('--scope <scope>', 'Right that a key needs; default: <name>:call; repeat for more', collect)
    .option('--any-key', 'Every key of the environment may call')
    .option('--public', 'Everybody may call, without a key; needs --reason')
    .option('--reason <text>', 'Why it is public')
    .addOption(
      new Option(
        '--exposure <who>',
        'internal: from private networks only; public: from everywhere. Default: internal, and public with --public',
      ).choices(['public', 'internal']),
    )
    .option('--owner <who>', 'Who answers for the API; default: you')
    .option('--limit <limit>', 'Requests per caller and window', '100/1m')
    .addOption(
      new Option('--data-label <label>', 'What data it carries')
        .choices(['open', 'internal', 'personal', 'card', 'health'])
        .default('internal'),
    )
    .option('--no-publish', 'Leave it in the draft')
    .action((url: string, options: Options) => protect(cli, url, options))
}

async function protect(cli: Cli, url: string, options: Options): Promise<void> {
  const session = await cli.session()
  const { client, where } = session
  const { operator } = await client.call('whoami')
  const plan = planProtection(url, options, operator.name)
  const others = await otherChanges(session, plan)
  const dryRun = await client.call('applyObjects', {
    params: where(),
    query: { dry_run: 'true' },
    body: { objects: [...plan.objects] },
  })
  await refuseForeign(session, plan, dryRun.changes)
  if (hasErrors(dryRun.findings)) {
    throw new CliError(`${plan.name} cannot be protected like this; nothing was changed`, {
      details: [renderFindings(dryRun.findings, cli.talkStyle).trim()],
      fix: `Give it a place of its own: --path /${plan.name}, or --host <host>`,
    })
  }
  if (options.publish) await askForOthers(cli, others.changes)
  const body = { objects: [...plan.objects], base_revision: others.draft_revision }
  const applied = await client.call('applyObjects', { params: where(), body })
  if (applied.changes.length > 0)
    cli.talk.line(`${renderChanges(applied.changes, cli.talkStyle)}  ${countChanges(applied.changes)}`)
  if (!options.publish)
    return cli.talk.line(`  in the draft of ${where().environment}; live after: headgate releases publish`)
  const release = await publish(cli, session, { comment: `Protect ${plan.name}`, baseRevision: applied.draft_revision })
  if (release === undefined) cli.talk.line('  nothing to do: it is live already')
  await show(cli, session, plan)
}

/** What the draft holds beside this, which would go live with it. */
async function otherChanges({ client, where }: Session, { objects }: Protection) {
  const { changes, draft_revision } = await client.call('diffReleases', {
    params: where(),
    query: { from: 'live', to: 'draft' },
  })
  const own = new Set(objects.map(({ kind, name }) => `${kind}/${name}`))
  return { draft_revision, changes: changes.filter((one) => !own.has(`${one.kind}/${one.name}`) && !isDefault(one)) }
}

/** What an environment begins with goes live with the first release, whoever publishes it. */
function isDefault({ change, kind, name }: Change): boolean {
  return change === 'added' && kind === 'policy' && (defaultLimitNames as readonly string[]).includes(name)
}

async function askForOthers(cli: Cli, changes: readonly Change[]): Promise<void> {
  if (changes.length === 0) return
  cli.talk.line(
    `  The draft holds other changes, which would go live too:\n${renderChanges(changes, cli.talkStyle).trimEnd()}`,
  )
  if (await cli.confirm('Publish them as well?')) return
  throw new CliError('nothing was changed', {
    exitCode: exitCodes.conflict,
    ...(isInteractive(cli.terminal)
      ? {}
      : { fix: 'Publish them too with --yes, or only write the draft with --no-publish' }),
  })
}

/** Objects that exist and were written by somebody else are not replaced. */
async function refuseForeign({ client, where }: Session, plan: Protection, changes: readonly Change[]): Promise<void> {
  const replaced = changes.filter(({ change }) => change === 'changed')
  const details: string[] = []
  for (const { kind, name } of replaced) {
    const params = { ...where(), kind: kind as SourceObject['kind'], name }
    const found = await client.call('getObject', { params }).catch(refusedAs(['not_found'], undefined))
    if (found !== undefined && found.origin !== plan.origin) {
      details.push(printable(`${kind}/${name}, written by ${found.origin || 'the admin API'}`))
    }
  }
  if (details.length === 0) return
  throw new CliError('the name is in use; nothing was changed', {
    exitCode: exitCodes.conflict,
    details,
    fix: 'Give another --name',
  })
}

async function show(cli: Cli, session: Session, plan: Protection): Promise<void> {
  const address = await addressOf(session, plan)
  const data = { service: plan.name, url: address, scopes: plan.scopes, public: plan.isPublic }
  const { talkStyle: style, talk } = cli
  const row = (word: string, value: string): void => talk.line(`  ${style.dim(word.padEnd(9))}${value}`)
  talk.line()
  row('Requests', `${style.bold(address)}  ->  ${plan.target}`)
  row(
    'Access',
    plan.isPublic ? 'everybody' : `API key${plan.scopes.length === 0 ? '' : ` with ${plan.scopes.join(', ')}`}`,
  )
  row(
    'From',
    plan.exposure === 'public' ? 'everywhere' : 'private networks; --exposure public opens it to the internet',
  )
  row('Limit', `${plan.limit} per ${plan.isPublic ? 'source address' : 'consumer'}`)
  for (const limit of await otherLimits(session, plan)) {
    row('and', `${printable(limitOf(limit))} per ${limit.key.join(' and ')}, by the policy ${printable(limit.policy)}`)
  }
  if (!plan.isPublic) {
    row('Next', `headgate keys create --consumer <name>${plan.scopes.map((scope) => ` --scope ${scope}`).join('')}`)
  }
  talk.line()
  if (cli.options.output !== undefined || !cli.terminal.out.isTerminal) {
    cli.print(data, { text: (value) => `${value.url}\n`, names: (value) => [value.service] })
  }
}

/** All limits of a route count: those that were there before, too. A route with more names than are told is not found. */
async function otherLimits({ client, where }: Session, { name, objects }: Protection): Promise<readonly Limit[]> {
  const { data } = await client.call('listLimits', { params: where(), query: { release: 'live' } })
  return data.filter(({ policy, routes }) => routes.names.includes(name) && !objects.some((own) => own.name === policy))
}
