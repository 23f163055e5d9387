/**
 * What the pipeline asks of limits, and what those that are counted in a store must offer.
 *
 * @module
 */
import type { LimitDemand, Taken } from '@headgate/core'

/** All limits of the agent, wherever they are counted. */
export interface Limits {
  /** Takes what is asked from each, or from none. `environmentId` keeps environments of the same name apart. */
  take(environmentId: string, demands: readonly LimitDemand[]): Taken | Promise<Taken>
  /**
   * A request has ended for which `take` answered `taken`: what it held is given back, and what passed is charged.
   * Called once for each such request that has something to settle.
   *
   * @param demands those of the decision's `unsettled`.
   * @param bytes of the bodies of request and response together, without their framing.
   */
  settle(environmentId: string, demands: readonly LimitDemand[], bytes: number): void
}

/** Limits that are counted outside of this process. Only demands whose limit is `shared` are brought here. */
export interface SharedLimits extends Limits {
  /** Undoes a `take` that was answered with `taken`, because another limit refused the request. */
  giveBack(environmentId: string, demands: readonly LimitDemand[]): void
}
