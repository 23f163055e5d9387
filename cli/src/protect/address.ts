/**
 * Where callers reach what was protected.
 *
 * @module
 */
import type { Session } from '#cli/cli.ts'
import type { Protection } from './plan.ts'

/** Stands for the host where no agent says where it listens. */
const UNKNOWN = 'http://<agent>'

/** The address by a host of the route where it has one, at an agent that serves the environment. */
export async function addressOf(
  session: Session,
  { hosts, path }: Pick<Protection, 'hosts' | 'path'>,
): Promise<string> {
  const entry = session.context.proxy ?? (await listenerOf(session)) ?? UNKNOWN
  const [host] = hosts
  if (host === undefined || entry === UNKNOWN) return `${entry}${path}`
  const url = new URL(entry)
  url.hostname = host.replace(/^\*\./, 'any.')
  return `${url.origin}${path}`
}

async function listenerOf({ client, where }: Session): Promise<string | undefined> {
  const { tenant, environment } = where()
  const { data } = await client.call('listAgents', { query: { limit: 200 } })
  const serving = data.filter(
    ({ state, holdings }) =>
      state === 'connected' && holdings.some((held) => held.tenant === tenant && held.environment === environment),
  )
  return serving.flatMap(({ listeners }) => listeners).find((listener) => URL.canParse(listener))
}
