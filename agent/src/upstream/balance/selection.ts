/**
 * Which candidates requests go to, of all that a service has: by health and by zone.
 *
 * Two questions of the same kind: are enough of them usable, and are enough of those in our zone? Where too few are, the
 * rest is used as well, because a few that are overrun help nobody, and because what is known of their health may be
 * wrong. Shares are shares of the weight.
 *
 * @module
 */

/** What is asked of a candidate. */
interface Selectable {
  readonly weight: number
  readonly zone: string | null
  readonly usable: boolean
}

export interface SelectionRules {
  readonly panicPercent: number
  /** Of the agent; null: not known. */
  readonly zone: string | null
  /** Null: zones do not matter. */
  readonly zonePanicPercent: number | null
}

export interface Selection<S> {
  readonly first: readonly S[]
  /** Those of other zones, for when the first have no room. */
  readonly second: readonly S[]
  /** Whether too few are usable, so that all are used. */
  readonly panic: boolean
}

export function select<S extends Selectable>(all: readonly S[], rules: SelectionRules): Selection<S> {
  const usable = all.filter((candidate) => candidate.usable)
  const panic = all.length > 0 && (usable.length === 0 || percentOf(usable, all) < rules.panicPercent)
  const used = panic ? all : usable
  if (rules.zonePanicPercent === null || rules.zone === null) return { first: used, second: [], panic }
  const isNear = ({ zone }: S): boolean => zone === rules.zone
  const near = used.filter(isNear)
  const isEnough = near.length > 0 && percentOf(near, all.filter(isNear)) >= rules.zonePanicPercent
  if (!isEnough) return { first: used, second: [], panic }
  return { first: near, second: used.filter((candidate) => !isNear(candidate)), panic }
}

function percentOf(some: readonly Selectable[], all: readonly Selectable[]): number {
  return (weightOf(some) / weightOf(all)) * 100
}

/** All weights together. */
export function weightOf(all: readonly Pick<Selectable, 'weight'>[]): number {
  return all.reduce((sum, { weight }) => sum + weight, 0)
}
