/**
 * The checks of `headgate doctor`. A check that fails ends those that need it, not the others.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Cli, Session } from '#cli/cli.ts'
import { createFetch } from '#cli/connect/fetch.ts'
import { findContext } from '#cli/connect/find.ts'
import { CliError } from '#cli/exit.ts'
import { formatDuration } from '#cli/parse/duration.ts'
import { VERSION } from '#cli/version.ts'

export interface Check {
  readonly name: string
  readonly state: 'good' | 'strange' | 'bad'
  readonly found: string
  readonly fix: string | null
}

/** Clocks that differ by more make keys expire early or late, in milliseconds. */
const SKEW_MS = 5_000

/** A certificate of an agent that ends sooner was not renewed at two thirds of its day, in milliseconds. */
const AGENT_CERTIFICATE_MS = 4 * 3_600_000

const TIMEOUT_MS = 10_000

const good = (name: string, found: string): Check => ({ name, state: 'good', found, fix: null })
const strange = (name: string, found: string, fix: string): Check => ({ name, state: 'strange', found, fix })
const bad = (name: string, found: string, fix: string): Check => ({ name, state: 'bad', found, fix })

export async function examine(cli: Cli): Promise<readonly Check[]> {
  const checks: Check[] = []
  try {
    const { context, source } = await findContext(cli.terminal, cli.options.context)
    checks.push(good('Context', `${context.url}, from ${source}`))
    await using pinned = await createFetch(context.url, context.ca)
    const session = await cli.session()
    checks.push(...(await examineServer(cli, session, pinned.fetch)))
    if (checks.some(({ state }) => state === 'bad')) return checks
    checks.push(...(await examineAgents(cli, session)))
    checks.push(await examineDraft(session))
  } catch (thrown) {
    const fix = (thrown instanceof CliError ? thrown.fix : undefined) ?? 'See what it says, and try again'
    checks.push(
      bad(
        checks.length === 0 ? 'Context' : 'Admin API',
        thrown instanceof Error ? thrown.message : String(thrown),
        fix,
      ),
    )
  }
  return checks
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>

async function examineServer(cli: Cli, { client, context }: Session, fetch: Fetch): Promise<readonly Check[]> {
  const { clock } = cli.terminal
  const started = clock.monotonic()
  let response: Response
  try {
    response = await fetch(`${context.url}/readyz`, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch (thrown) {
    const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause.message : String(thrown)
    return [
      bad('Control plane', `cannot be reached: ${cause}`, 'Start it (headgate up), or sign in again (headgate login)'),
    ]
  }
  const tookMs = clock.monotonic() - started
  const skewMs = clockSkew(response, clock.now(), tookMs)
  const text = (await response.text()).trim()
  const checks = [
    response.status === 200
      ? good(
          'Control plane',
          `ready, ${tookMs.toFixed(0)} ms${context.url.startsWith('https') ? ', certificate as expected' : ''}`,
        )
      : bad('Control plane', `answers ${response.status}: ${text.slice(0, 200)}`, 'Look at its log and at Postgres'),
  ]
  if (skewMs !== undefined) {
    const away = formatDuration(Math.round(Math.abs(skewMs) / 1000) * 1000)
    checks.push(
      Math.abs(skewMs) <= SKEW_MS
        ? good('Clock', 'as the control plane')
        : strange('Clock', `${away} ${skewMs > 0 ? 'behind' : 'ahead of'} the control plane`, 'Set the clock by NTP'),
    )
  }
  if (response.status !== 200) return checks
  const { operator } = await client.call('whoami')
  const roles = operator.roles.map(({ role, tenant }) => `${role} of ${tenant ?? 'everything'}`).join(', ')
  checks.push(good('Operator', `${operator.name}, ${roles}`), await examineVersion(context, fetch))
  return checks
}

async function examineVersion(context: Session['context'], fetch: Fetch): Promise<Check> {
  const response = await fetch(`${context.url}/v1/openapi.json`, {
    headers: { authorization: `Bearer ${context.token ?? ''}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const parsed: unknown = await response.json().catch(() => undefined)
  const version = /"version":"([^"]{1,64})"/.exec(JSON.stringify(parsed) ?? '')?.[1]
  if (version === VERSION) return good('Versions', `${VERSION} here and there`)
  return strange('Versions', `${VERSION} here, ${version ?? 'unknown'} there`, 'Use the same version of the command')
}

/** How far the control plane is ahead, in milliseconds. A Date field has whole seconds (RFC 9110 section 5.6.7). */
function clockSkew(response: Response, nowMs: number, tookMs: number): number | undefined {
  const date = Date.parse(response.headers.get('date') ?? '')
  return Number.isNaN(date) ? undefined : date + 500 - (nowMs - tookMs / 2)
}

type Agent = Answer<'getAgent'>

async function examineAgents(cli: Cli, { client, where }: Session): Promise<readonly Check[]> {
  const { data } = await client.call('listAgents', { query: { limit: 200 } })
  const { release_number: number } = await client.call('getEnvironment', { params: where() })
  const agents = data.filter(({ state }) => state !== 'revoked')
  if (agents.length === 0) return [strange('Agents', 'none yet', 'headgate agents invite --region <region>')]
  return agents.map((agent) => examineAgent(agent, where(), number, cli.terminal.clock.now()))
}

function examineAgent(
  agent: Agent,
  where: { tenant: string; environment: string },
  number: number,
  nowMs: number,
): Check {
  const name = `Agent ${agent.name}`
  if (agent.state !== 'connected') {
    return bad(
      name,
      `not connected, seen ${agent.seen_at ?? 'never'}`,
      'See that it runs and reaches the control plane',
    )
  }
  const held = agent.holdings.find((one) => one.tenant === where.tenant && one.environment === where.environment)
  const refused = held?.refused_number ?? 0
  if (held !== undefined && refused > held.release_number) {
    const found = `refused r${refused}: ${held.refused_reasons.join('; ')}`
    return bad(name, found, 'Publish what it accepts, or upgrade it')
  }
  if (held !== undefined && held.release_number < number) {
    return strange(name, `acts on r${held.release_number}, live is r${number}`, 'headgate releases watch')
  }
  if (Date.parse(agent.certificate_expires_at) - nowMs < AGENT_CERTIFICATE_MS) {
    return strange(name, `certificate ends ${agent.certificate_expires_at}`, 'It renews itself; see its log')
  }
  if (agent.version !== VERSION)
    return strange(name, `version ${agent.version}, the command is ${VERSION}`, 'Upgrade the older one')
  return good(
    name,
    `connected, ${held === undefined ? 'serves other environments' : `acts on r${held.release_number}`}`,
  )
}

async function examineDraft({ client, where }: Session): Promise<Check> {
  const { data } = await client.call('validateDraft', { params: where() })
  const errors = data.filter(({ severity }) => severity === 'error').length
  if (errors > 0) return bad('Draft', `${errors} errors: it cannot be published`, 'headgate releases publish --dry-run')
  if (data.length > 0) return strange('Draft', `${data.length} warnings`, 'headgate releases publish --dry-run')
  return good('Draft', 'nothing strange')
}
