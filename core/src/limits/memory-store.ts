/**
 * Counters in a map: for explain, for cases and for tests. It has no bound, and lives as long as what it is made for.
 *
 * @module
 */
import type { LimitDemand } from '#core/decision.ts'
import { concurrency, concurrencyGiveBack, concurrencyPeek } from './concurrency.ts'
import { gcra, gcraCharge, gcraGiveBack, gcraPeek } from './gcra.ts'
import { limitState } from './outcome.ts'
import { EMPTY_QUOTA, quota, quotaCharge, type QuotaCount, quotaGiveBack, quotaPeek } from './quota.ts'
import {
  EMPTY_WINDOW,
  slidingWindow,
  windowCharge,
  type WindowCounts,
  windowGiveBack,
  windowPeek,
} from './sliding-window.ts'
import { demandKey, type LimitStore } from './store.ts'

/** @param now milliseconds since 1970-01-01 UTC. */
export function memoryStore(now: () => number): LimitStore {
  const rates = new Map<string, number>()
  const windows = new Map<string, WindowCounts>()
  const places = new Map<string, number>()
  const quotas = new Map<string, QuotaCount>()

  return {
    take: (demand) => {
      const { limit, cost } = demand
      const key = demandKey(demand)
      switch (limit.algorithm) {
        case 'rate': {
          const result = gcra(rates.get(key) ?? 0, now(), limit, cost)
          rates.set(key, result.tatMs)
          return limitState(limit, result)
        }
        case 'sliding_window': {
          const result = slidingWindow(windows.get(key) ?? EMPTY_WINDOW, now(), limit, cost)
          windows.set(key, result.window)
          return limitState(limit, result)
        }
        case 'concurrency': {
          const result = concurrency(places.get(key) ?? 0, limit)
          places.set(key, result.held)
          return limitState(limit, result)
        }
        case 'quota': {
          const result = quota(quotas.get(key) ?? EMPTY_QUOTA, now(), limit, cost)
          quotas.set(key, result.count)
          return limitState(limit, result)
        }
      }
    },
    peek: (demand) => {
      const { limit, cost } = demand
      const key = demandKey(demand)
      switch (limit.algorithm) {
        case 'rate':
          return limitState(limit, gcraPeek(rates.get(key) ?? 0, now(), limit, cost))
        case 'sliding_window':
          return limitState(limit, windowPeek(windows.get(key) ?? EMPTY_WINDOW, now(), limit, cost))
        case 'concurrency':
          return limitState(limit, concurrencyPeek(places.get(key) ?? 0, limit))
        case 'quota':
          return limitState(limit, quotaPeek(quotas.get(key) ?? EMPTY_QUOTA, now(), limit, cost))
      }
    },
    // What was taken was taken just now, but for places.
    giveBack: (demand) => {
      const { limit, cost } = demand
      const key = demandKey(demand)
      const [window, count] = [windows.get(key), quotas.get(key)]
      if (limit.algorithm === 'rate') rates.set(key, gcraGiveBack(rates.get(key) ?? 0, limit, cost))
      else if (limit.algorithm === 'concurrency') places.set(key, concurrencyGiveBack(places.get(key) ?? 0))
      else if (window !== undefined) windows.set(key, windowGiveBack(window, window.part, cost))
      else if (count !== undefined) quotas.set(key, quotaGiveBack(count, count.period, cost))
    },
    charge: (demand: LimitDemand, units: number) => {
      const { limit } = demand
      const key = demandKey(demand)
      if (limit.algorithm === 'rate') rates.set(key, gcraCharge(rates.get(key) ?? 0, now(), limit, units))
      else if (limit.algorithm === 'sliding_window')
        windows.set(key, windowCharge(windows.get(key) ?? EMPTY_WINDOW, now(), limit, units))
      else if (limit.algorithm === 'quota')
        quotas.set(key, quotaCharge(quotas.get(key) ?? EMPTY_QUOTA, now(), limit, units))
    },
  }
}
