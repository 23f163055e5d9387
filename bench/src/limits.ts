/**
 * What limits cost an agent without a network: time for each request, memory for each key, and what is given up when a
 * table is full.
 *
 * Time is CPU time of one thread, keys change from request to request among some that are hot; each figure is the median
 * of several rounds, and in each round every row is measured once, one after the other. What a row costs above `none` is
 * what counts. Memory is that of the process which its pages take, before and after so many keys.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import { type CompiledLimit, type LimitDemand, plainLimit } from '@headgate/core'
import { createLimits } from '#agent/limits/limits.ts'
import { createLocalLimits } from '#agent/limits/local.ts'
import { createLocalMemory, type CountersState, type LocalMemory, watchLocalMemory } from '#agent/limits/memory.ts'
import type { Limits } from '#agent/limits/port.ts'
import { LimitCounts } from '#agent/telemetry/limit-counts.ts'
