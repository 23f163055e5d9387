/**
 * What would help against refusals for how much is asked: limits, sizes, overload.
 *
 * @module
 */
import { type Fix, fix } from './fix.ts'
import type { Refused } from './fixes.ts'

/** @returns null for other reasons. */
export function limitFixes(refused: Refused): readonly Fix[] | null {
  const { reason, service } = refused
  const settings = `headgate services get ${service}`
  switch (reason) {
    case 'limit_exceeded':
      return exceededFixes(refused)
    case 'limit_unavailable':
      return unavailableFixes(refused)
    case 'body_too_large':
      return sizeFixes(refused)
    case 'load_shed':
      return [
        fix(`See how many requests service ${service} has waiting, and how long it takes to answer them`, settings),
        fix('Or give the caller a role with a higher priority', 'headgate roles ls'),
      ]
    case 'agent_overloaded':
      return [
        fix('See how much the agents have to do; add agents or serving threads', 'headgate agents ls'),
        fix('Or lower the limits of those who ask the most', 'headgate limits ls'),
      ]
    default:
      return null
  }
}

function exceededFixes({ rule, principal, limits = [], retryAfterMs }: Refused): readonly Fix[] {
  const policy = rule?.kind === 'policy' ? rule.name : null
  const state = limits.find((limit) => limit.policy === rule?.name)
  const others = limits.filter(({ exceeded, shadow }) => exceeded === true && shadow !== true).length - 1
  const wait =
    state?.algorithm === 'concurrency'
      ? 'Send the next request when an earlier one has been answered'
      : `Wait ${waitText(retryAfterMs)}`
  const raise = policy === null ? 'Or raise the limit of the key' : `Or raise the limit ${policy}`
  const key = principal === null ? null : `headgate keys get ${principal.credential_id}`
  return [
    fix(wait),
    fix(raise, policy === null ? key : `headgate policies get ${policy}`),
    ...(others > 0 ? [fix(`Other limits are used up too: ${others}`, 'headgate limits ls')] : []),
  ]
}

function unavailableFixes({ rule }: Refused): readonly Fix[] {
  const seen = fix(
    'Try again; where it goes on, see whether agents reach the store of shared limits',
    'headgate agents ls',
  )
  if (rule?.kind !== 'policy') return [seen]
  const { name } = rule
  return [
    seen,
    fix(
      `Or let ${name} count by the share of each agent while the store is away: shared.on_failure: local_share`,
      `headgate policies get ${name}`,
    ),
  ]
}

function sizeFixes({ rule, needed }: Refused): readonly Fix[] {
  const size = needed[0] ?? 'less'
  if (rule?.kind === 'policy') {
    return [
      fix(`Send ${size}, or raise body_bytes_max of the policy ${rule.name}`, `headgate policies get ${rule.name}`),
    ]
  }
  return [fix(`Send ${size}, or raise HEADGATE_BODY_BYTES_MAX of the agents`, 'headgate agents ls')]
}

/** From when on a wait is told in a larger unit: two of it. */
const [MINUTES_FROM_S, HOURS_FROM_S, DAYS_FROM_S] = [120, 7_200, 172_800]

/** Rounded up: who waits that long is not refused again. */
function waitText(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < MINUTES_FROM_S) return `${seconds} s`
  if (seconds < HOURS_FROM_S) return `${Math.ceil(seconds / 60)} min`
  if (seconds < DAYS_FROM_S) return `${Math.ceil(seconds / 3_600)} h`
  return `${Math.ceil(seconds / 86_400)} days`
}
