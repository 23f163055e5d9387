/**
 * Bans of one environment, in memory that all threads share: written as a whole by the thread that writes the directory,
 * read by all others at their next request.
 *
 * The memory holds the bans as they travel, behind a version that is odd while they are written. A reader looks at the
 * version for every request, and at the rest when that has changed: bans are few and change seldom.
 *
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type Ban, type Bans, indexBans, parseAddressRange } from '@headgate/core'
import { type Ban as BanMessage, DirectorySchema } from '@headgate/proto'

/** Room for some 15,000 bans; pages of it that were never written take no memory. */
const BYTES = 1_048_576
const HEAD_WORDS = 2
const VERSION = 0
const LENGTH = 1
/** Looks at bans that another thread writes, before it is left to the next request. */
const TRIES_MAX = 100_000

/** Bans by id. */
export type KeptBans = ReadonlyMap<string, BanMessage>

/** The thread that writes. */
export class BanWriter {
  readonly block = new SharedArrayBuffer(BYTES)
  readonly #head = new Int32Array(this.block, 0, HEAD_WORDS)
  readonly #bytes = new Uint8Array(this.block, HEAD_WORDS * 4)
  #bans: KeptBans = new Map()

  /** By id. */
  get bans(): KeptBans {
    return this.#bans
  }

  /** In place of all that there are. */
  put(bans: KeptBans): void {
    const bytes = encoded(bans.values())
    this.#bans = bans
    Atomics.add(this.#head, VERSION, 1)
    this.#bytes.set(bytes)
    Atomics.store(this.#head, LENGTH, bytes.length)
    Atomics.add(this.#head, VERSION, 1)
  }
}

/**
 * What there is after a change.
 *
 * @returns a text: why it cannot be kept.
 */
export function changeBans(before: KeptBans, bans: readonly BanMessage[], deletedIds: readonly string[] = []) {
  const next = new Map(before)
  for (const id of deletedIds) next.delete(id)
  for (const ban of bans) {
    const why = problemOf(ban)
    if (why !== null) return why
    next.set(ban.id, ban)
  }
  return encoded(next.values()).length <= BYTES - HEAD_WORDS * 4 ? next : 'there are more bans than an agent can keep'
}

/** Any thread that reads. */
export class BanReader {
  readonly #head: Int32Array
  readonly #bytes: Uint8Array
  #version = 0
  #bans: Bans | null = null

  constructor(block: SharedArrayBuffer) {
    this.#head = new Int32Array(block, 0, HEAD_WORDS)
    this.#bytes = new Uint8Array(block, HEAD_WORDS * 4)
  }

  /** Null: there are none. The same object as long as nothing has changed. */
  current(): Bans | null {
    if (Atomics.load(this.#head, VERSION) !== this.#version) this.#read()
    return this.#bans
  }

  #read(): void {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const version = Atomics.load(this.#head, VERSION)
      if (version % 2 !== 0) continue
      const bytes = this.#bytes.slice(0, Atomics.load(this.#head, LENGTH))
      if (Atomics.load(this.#head, VERSION) !== version) continue
      const { bans } = fromBinary(DirectorySchema, bytes)
      this.#bans = bans.length === 0 ? null : indexBans(bans.map(readBan))
      this.#version = version
      return
    }
  }
}

function encoded(bans: Iterable<BanMessage>): Uint8Array {
  return toBinary(DirectorySchema, create(DirectorySchema, { bans: [...bans] }))
}

/** Whoever cannot understand a ban cannot keep it, and must say so. */
function problemOf({ id, who }: BanMessage): string | null {
  if (id === '') return 'a ban has no id'
  if (who.case === undefined) return `the ban ${id} is of nobody that this agent knows of: update it`
  const isRange = who.case === 'consumerId' || parseAddressRange(who.value) !== null
  return isRange ? null : `the ban ${id} is of no address range: ${who.value}`
}

function readBan({ id, who, expiresAtMs }: BanMessage): Ban {
  return {
    id,
    source: who.case === 'source' ? who.value : null,
    consumerId: who.case === 'consumerId' ? who.value : null,
    expiresAtMs: Number(expiresAtMs),
  }
}
