/**
 * Keeps the counters of quotas on disk, so that a new start of the agent does not give anybody a new quota.
 *
 * Written about every ten seconds when something has changed, and at the end; so what was used in the last seconds before
 * a crash is forgotten. The file holds hashes of keys and what they hash with, and no names. It has a checksum: one that
 * is damaged is set aside, and said so. An agent without quotas writes nothing.
 *
 * @module
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import { makeFolder, readIfThere, writeWhole } from '#agent/control/files.ts'
import { createQuotaMemory, type QuotaEntry, type QuotaMemory, QuotaTable } from './quota-table.ts'

/** Name of the file in the state folder. */
export const QUOTA_FILE = 'quotas'
/** Pause between two writes, in milliseconds. */
const WRITE_MS = 10_000
/** Counters that are looked at before others have a turn. */
const SLICE = 65_536
/** What a file begins with: its kind and version. */
const MARK = Buffer.from('HGQUOTA1', 'latin1')
/** Behind it what keys were hashed with, then a row for each counter, and a SHA-256 of all of it. */
const SEED_BYTES = 4
const ROW_BYTES = 16
const CHECKSUM_BYTES = 32

interface FileOptions {
  readonly stateDir: string
  readonly clock: Clock
  readonly log: Log
}

/** Memory of quotas with what is on disk. Never fails: without a file that can be read, nothing was used. */
export async function loadQuotas(keysMax: number, { stateDir, clock, log }: FileOptions): Promise<QuotaMemory> {
  const path = join(stateDir, QUOTA_FILE)
  try {
    const content = await readIfThere(path)
    if (content === null) return createQuotaMemory(keysMax)
    if (isWhole(content)) return restored(content, keysMax, clock.now())
    await rename(path, `${path}.damaged`)
    log.error({ file: path }, 'the file of quotas is damaged: it was set aside, and quotas begin anew')
  } catch (error) {
    log.error({ file: path, why: errorText(error) }, 'the file of quotas cannot be read: quotas begin anew')
  }
  return createQuotaMemory(keysMax)
}

/** Writes what was used from time to time, and at its disposal. */
export function keepQuotas(memory: QuotaMemory, { stateDir, clock, log }: FileOptions): AsyncDisposable {
  const table = new QuotaTable(memory)
  const path = join(stateDir, QUOTA_FILE)
  const stop = new AbortController()
  let written: Buffer | null = null
  let isFailing = false

  async function write(): Promise<void> {
    const rows: Buffer[] = []
    for (let from = 0; from < table.counters; from += SLICE) {
      const to = Math.min(table.counters, from + SLICE)
      for (const entry of table.entries(clock.now(), from, to)) rows.push(rowOf(entry))
      await turn()
    }
    // Whoever has no quotas has no file.
    if (rows.length === 0 && written === null) return
    const content = contentOf(memory.seed, rows)
    const checksum = content.subarray(-CHECKSUM_BYTES)
    if (written !== null && checksum.equals(written)) return
    try {
      await makeFolder(stateDir)
      await writeWhole(path, content)
      written = Buffer.from(checksum)
      isFailing = false
    } catch (error) {
      if (!isFailing) log.error({ file: path, why: errorText(error) }, 'what was used of quotas cannot be written')
      isFailing = true
    }
  }

  async function keep(): Promise<void> {
    for (;;) {
      await clock.sleep(WRITE_MS, stop.signal).catch(() => {})
      if (stop.signal.aborted) return
      await write()
    }
  }

  const keeping = keep()
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await keeping
      await write()
    },
  }
}

function rowOf({ home, tag, endMinute, used }: QuotaEntry): Buffer {
  const row = Buffer.alloc(ROW_BYTES)
  row.writeUInt32LE(home, 0)
  row.writeInt32LE(tag, 4)
  row.writeUInt32LE(endMinute, 8)
  row.writeUInt32LE(used, 12)
  return row
}

function contentOf(seed: number, rows: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(SEED_BYTES)
  head.writeUInt32LE(seed, 0)
  const content = Buffer.concat([MARK, head, ...rows])
  return Buffer.concat([content, checksumOf(content)])
}

const checksumOf = (content: Buffer): Buffer => createHash('sha256').update(content).digest()

function isWhole(content: Buffer): boolean {
  const rowsBytes = content.length - MARK.length - SEED_BYTES - CHECKSUM_BYTES
  if (rowsBytes < 0 || rowsBytes % ROW_BYTES !== 0 || !content.subarray(0, MARK.length).equals(MARK)) return false
  return timingSafeEqual(checksumOf(content.subarray(0, -CHECKSUM_BYTES)), content.subarray(-CHECKSUM_BYTES))
}

function restored(content: Buffer, keysMax: number, nowMs: number): QuotaMemory {
  const memory = createQuotaMemory(keysMax, content.readUInt32LE(MARK.length))
  const table = new QuotaTable(memory)
  for (let at = MARK.length + SEED_BYTES; at < content.length - CHECKSUM_BYTES; at += ROW_BYTES) {
    const [home, tag] = [content.readUInt32LE(at), content.readInt32LE(at + 4)]
    table.restore({ home, tag, endMinute: content.readUInt32LE(at + 8), used: content.readUInt32LE(at + 12) }, nowMs)
  }
  return memory
}
