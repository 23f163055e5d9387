/**
 * The effects of a decision, for each environment that is live.
 *
 * Made once per live environment and kept as long as that is: a request makes no closure.
 *
 * @module
 */
import type { DecisionPorts } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Callers } from '#agent/auth/verify.ts'
import type { Limits } from '#agent/limits/port.ts'
import type { LiveEnvironment } from '#agent/live-table.ts'

export interface PortsOptions {
  readonly clock: Clock
  readonly callers: Callers
  readonly limits: Limits
}

export function createPorts({ clock, callers, limits }: PortsOptions): (environment: LiveEnvironment) => DecisionPorts {
  const made = new WeakMap<LiveEnvironment, DecisionPorts>()
  return (environment) => {
    let ports = made.get(environment)
    if (ports === undefined) {
      const { id, directory } = environment
      ports = {
        now: () => clock.now(),
        bans: () => directory.bans(),
        verify: callers.of(environment),
        take: (demands) => limits.take(id, demands),
      }
      made.set(environment, ports)
    }
    return ports
  }
}
