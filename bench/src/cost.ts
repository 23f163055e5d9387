/**
 * What a process costs: its time on a processor and its memory, children included.
 *
 * Linux only. Time is of the kernel's scheduler, in nanoseconds, user and kernel mode together; a thread that ended
 * between two looks is not counted, which no proxy here does while it serves.
 *
 * @module
 */
import { readFile, readdir } from 'node:fs/promises'

/** Nanoseconds on a processor so far, of a process and everything that it started. */
export async function cpuNs(pid: number): Promise<number> {
  let total = 0
  for (const each of await family(pid)) {
    for (const task of await readdir(`/proc/${each}/task`).catch(() => [])) {
      const text = await readFile(`/proc/${each}/task/${task}/schedstat`, 'utf8').catch(() => '0')
      total += Number(text.split(' ')[0])
    }
  }
  return total
}

/** Resident memory in KiB, of the same. Memory that several of them share counts several times. */
export async function residentKiB(pid: number): Promise<number> {
  let total = 0
  for (const each of await family(pid)) {
    const text = await readFile(`/proc/${each}/status`, 'utf8').catch(() => '')
    total += Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0)
  }
  return total
}

async function family(pid: number): Promise<number[]> {
  const found = [pid]
  for (const each of found) {
    for (const task of await readdir(`/proc/${each}/task`).catch(() => [])) {
      const children = await readFile(`/proc/${each}/task/${task}/children`, 'utf8').catch(() => '')
      found.push(...children.split(' ').filter(Boolean).map(Number))
    }
  }
  return found
}
