/**
 * What limits cost an agent, measured in this process: prints one JSON object for each row.
 *
 * `ns`: CPU time of one request above none, median of interleaved rounds; what holds a place gives it back, and bytes are
 * charged. `bytesPerKey`: size of a table for so many keys that are all in use, `evicted` counters were
 * given up for that, and with twice as many keys `evictedOfTwice`. `untouchedMiB`: what all tables take before a request.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { type CompiledLimit, type LimitDemand, plainLimit } from '@headgate/core'
import { systemClock } from '@headgate/kit/clock.ts'
import { LimitCounts } from '#agent/telemetry/limit-counts.ts'
import { createLimits } from '#agent/limits/limits.ts'
import { createLocalLimits } from '#agent/limits/local.ts'
import { createLocalMemory, watchLocalMemory } from '#agent/limits/memory.ts'

const ROUNDS = 9
const WARM_UPS = 4
/** Length of one round of one row, in milliseconds. */
const ROUND_MS = 60
/** Requests between two looks at the clock. */
const BATCH = 500
/** Callers that come again and again. */
const CALLERS = 100

const keys = Number(process.argv[2] ?? '1000000')

type Shape = Partial<CompiledLimit>
const shapes = {
  rate: { algorithm: 'rate' },
  sliding_window: { algorithm: 'sliding_window' },
  concurrency: { algorithm: 'concurrency', windowMs: 0 },
  quota: { algorithm: 'quota', calendar: { period: 'day', zone: 'UTC' } },
  bytes: { algorithm: 'rate', unit: 'bytes' },
} as const satisfies Readonly<Record<string, Shape>>

function limit(name: string, shape: Shape): CompiledLimit {
  const amount = 1_000_000_000
  return plainLimit({ policy: name, id: `acme/production/${name}`, amount, burst: amount, windowMs: 60_000, ...shape })
}

const demandOf = (of: CompiledLimit, key: string): LimitDemand => ({
  limit: of,
  key,
  cost: of.unit === 'bytes' ? 0 : 1,
})

/** Kept, so that no call can be left out as useless. */
let last: unknown

/** What one request does at these limits. The demands are made for each, as the decision does. */
function requestAt(limits: readonly CompiledLimit[]): (caller: string) => void {
  const counted = createLimits(
    createLocalLimits({ memory: createLocalMemory(200_000), clock: systemClock }),
    null,
    new LimitCounts(),
  )
  const isSettled = limits.some(({ algorithm, unit }) => algorithm === 'concurrency' || unit === 'bytes')
  return (caller) => {
    const demands = limits.map((each) => demandOf(each, caller))
    last = counted.take('env_1', demands)
    if (!isSettled) return
    const unsettled = demands.filter((one) => one.limit.algorithm === 'concurrency' || one.limit.unit === 'bytes')
    counted.settle('env_1', unsettled, 2_000)
  }
}

function ten(): readonly CompiledLimit[] {
  const all = Object.values(shapes)
  return Array.from({ length: 10 }, (_, index) => limit(`l${index}`, all[index % all.length] ?? {}))
}

const rows: Readonly<Record<string, (caller: string) => void>> = {
  none: (caller) => void (last = caller),
  ...Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, requestAt([limit(name, shape)])])),
  'ten rates': requestAt(Array.from({ length: 10 }, (_, index) => limit(`r${index}`, shapes.rate))),
  'ten, two of each': requestAt(ten()),
}

const callers = Array.from({ length: CALLERS }, (_, index) => `c24:cns_${String(index).padStart(20, '0')};`)

function oneRound(request: (caller: string) => void): number {
  const [cpu, end] = [process.cpuUsage(), performance.now() + ROUND_MS]
  let count = 0
  while (performance.now() < end) {
    for (let each = 0; each < BATCH; each++) request(callers[count++ % CALLERS] ?? '')
  }
  const { user, system } = process.cpuUsage(cpu)
  return ((user + system) * 1e3) / count
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function times(): void {
  const found = new Map<string, number[]>()
  for (let round = 0; round < WARM_UPS + ROUNDS; round++) {
    for (const [name, request] of Object.entries(rows)) {
      const ns = oneRound(request)
      if (round >= WARM_UPS) found.set(name, [...(found.get(name) ?? []), ns])
    }
  }
  const none = median(found.get('none') ?? [])
  for (const [name, all] of found) say({ row: name, ns: Math.round(median(all) - (name === 'none' ? 0 : none)) })
}

/** Resident memory of the process, in bytes. Nothing is collected in between that matters: keys are short-lived. */
function resident(): number {
  globalThis.gc?.()
  const pages = Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[1])
  return pages * 4_096
}

/** In which memory each algorithm has its table. */
const tables = { rate: 'rates', sliding_window: 'windows', concurrency: 'held', quota: 'quotas' } as const

function memoryOf(name: keyof typeof tables, shape: Shape): void {
  const clock = { now: () => systemClock.now(), monotonic: () => 1_000 }
  const before = resident()
  const memory = createLocalMemory(keys)
  const local = createLocalLimits({ memory, clock, holdings: new SharedArrayBuffer(keys * 2 * 8) })
  const watch = watchLocalMemory(memory, clock)
  const evicted = (): number => watch().reduce((sum, each) => sum + each.evicted + each.overflowed, 0)
  const untouched = resident() - before
  const of = limit('filled', { ...shape, amount: 1_000, burst: 1_000, windowMs: 3_600_000 })
  const fill = (from: number, to: number): number => {
    const cpu = process.cpuUsage()
    for (let key = from; key < to; key++) last = local.take('env_1', [demandOf(of, `c24:cns_${key};`)])
    const { user, system } = process.cpuUsage(cpu)
    return Math.round(((user + system) * 1e3) / (to - from))
  }
  const fillNs = fill(0, keys)
  const bytesPerKey = Math.round((memory[tables[name]].buffer.byteLength / keys) * 10) / 10
  const given = evicted()
  const overfullNs = fill(keys, 2 * keys)
  const untouchedMiB = Math.round((untouched / 2 ** 20) * 10) / 10
  say({
    row: `${name} of ${keys} keys`,
    bytesPerKey,
    untouchedMiB,
    evicted: given,
    fillNs,
    evictedOfTwice: evicted(),
    overfullNs,
  })
}

function say(row: object): void {
  process.stdout.write(`${JSON.stringify(row)}\n`)
}

times()
for (const name of ['rate', 'sliding_window', 'concurrency', 'quota'] as const) memoryOf(name, shapes[name])
if (last === undefined) throw new Error('nothing was counted')
