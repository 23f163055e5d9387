/**
 * What a thread has opened past Node.js, so that it can be closed when the thread is gone.
 *
 * Node.js closes what it has opened itself when a thread ends, however it ends. Of a ring it knows nothing: clients would
 * wait for ever, and the kernel would go on to deal connections out to a listener that nobody reads. So descriptors and
 * mappings are noted in memory that the main thread sees too. Something is noted after it was opened and crossed out
 * before it is closed: what is noted is open, and belongs to nobody else. A ring ends when its descriptor is closed and
 * its memory unmapped; only then does it let go of its sockets.
 *
 * @module
 */
/** Numbers that can be noted: four times what Linux allows a process by default. Pages are used when they are needed. */
const DESCRIPTORS_MAX = 4_194_304
/** Mappings of one ring. Each takes four words: the halves of its address, and its length. */
const MAPPINGS_MAX = 4
const MAPPING_WORDS = 4
/** Where the bits begin, one for each number. */
const BITS = MAPPINGS_MAX * MAPPING_WORDS

export interface Mapping {
  readonly address: bigint
  /** In bytes. */
  readonly length: number
}

export interface Noted {
  readonly fds: readonly number[]
  readonly mappings: readonly Mapping[]
}

export function createDescriptors(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(BITS * 4 + DESCRIPTORS_MAX / 8))
}

export function noteDescriptor(descriptors: Int32Array, fd: number): void {
  if (fd < DESCRIPTORS_MAX) Atomics.or(descriptors, BITS + (fd >> 5), 1 << (fd & 31))
}

export function crossOutDescriptor(descriptors: Int32Array, fd: number): void {
  if (fd < DESCRIPTORS_MAX) Atomics.and(descriptors, BITS + (fd >> 5), ~(1 << (fd & 31)))
}

export function noteMapping(descriptors: Int32Array, { address, length }: Mapping): void {
  for (let word = 0; word < BITS; word += MAPPING_WORDS) {
    if (Atomics.load(descriptors, word + 2) !== 0) continue
    Atomics.store(descriptors, word, Number(BigInt.asIntN(32, address)))
    Atomics.store(descriptors, word + 1, Number(address >> 32n))
    Atomics.store(descriptors, word + 2, length)
    return
  }
}

export function crossOutMapping(descriptors: Int32Array, { address }: Mapping): void {
  for (let word = 0; word < BITS; word += MAPPING_WORDS)
    if (mappingAt(descriptors, word)?.address === address) Atomics.store(descriptors, word + 2, 0)
}

/** Takes out what is noted. Only when the thread that notes is gone. */
export function takeNoted(descriptors: Int32Array): Noted {
  const noted: { fds: number[]; mappings: Mapping[] } = { fds: [], mappings: [] }
  for (let word = 0; word < BITS; word += MAPPING_WORDS) {
    const mapping = mappingAt(descriptors, word)
    if (mapping !== null) noted.mappings.push(mapping)
    Atomics.store(descriptors, word + 2, 0)
  }
  for (let word = BITS; word < descriptors.length; word++) {
    const bits = Atomics.exchange(descriptors, word, 0)
    for (let bit = 0; bit < 32 && bits >>> bit !== 0; bit++)
      if (((bits >>> bit) & 1) === 1) noted.fds.push((word - BITS) * 32 + bit)
  }
  return noted
}

function mappingAt(descriptors: Int32Array, word: number): Mapping | null {
  const length = Atomics.load(descriptors, word + 2)
  if (length === 0) return null
  const low = BigInt.asUintN(32, BigInt(Atomics.load(descriptors, word)))
  return { length, address: (BigInt(Atomics.load(descriptors, word + 1)) << 32n) | low }
}
