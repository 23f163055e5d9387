/**
 * What is measured of the store of shared limits.
 *
 * @module
 */
import { CALL_BOUNDS_MS, type StoreStatus } from '#agent/limits/shared/memory.ts'
import type { Measure } from './measures.ts'
import { metricAttributes, metricNames } from './metrics.ts'

/** Nothing, where no limit is shared. */
export function storeMeasures(status: StoreStatus): readonly Measure[] {
  if (status.state === 'unused') return []
  const one = (name: string, unit: string, kind: Measure['kind'], value: number): Measure => ({
    name,
    unit,
    kind,
    points: [{ attributes: {}, value }],
  })
  return [
    one(metricNames.limitStoreUp, '1', 'gauge', status.state === 'up' ? 1 : 0),
    one(metricNames.limitStoreAgents, '{agent}', 'gauge', status.agents),
    {
      name: metricNames.limitStoreCalls,
      unit: '{call}',
      kind: 'sum',
      points: status.buckets.map((value, index) => ({
        attributes: { [metricAttributes.callMs]: String(CALL_BOUNDS_MS[index] ?? '+Inf') },
        value,
      })),
    },
    one(metricNames.limitStoreErrors, '{call}', 'sum', status.errors),
    one(metricNames.limitStoreTime, 'ms', 'sum', Math.round(status.callMsSum)),
  ]
}
