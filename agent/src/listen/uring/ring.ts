/**
 * One io_uring: a queue of things to do and a queue of things done, both shared with the kernel.
 *
 * Nothing that is put into the queue happens before `enter`, and nothing that is done is looked at before `complete`:
 * so one system call serves all connections of a turn. Whoever puts something in is a `Party`. A party is told about
 * everything it has put in, and its number is not given to another before the last of it is done, so that nothing that
 * comes late can reach a stranger.
 *
 * Sources: io_uring(7), io_uring_enter(2), io_uring_setup(2), io_uring_prep_*(3).
 *
 * @module
 */
import type { Mapped, Native } from './native.ts'

/** Things to do that fit between two calls; when there are more, a call is made between. */
const SUBMISSIONS = 4_096
/** Things done that fit; the kernel keeps what does not. */
const COMPLETIONS = 16_384

/** Completion queue of our size; go on after a bad submission; one thread; work is done when that thread waits. */
const SETUP_FLAGS = (1 << 3) | (1 << 7) | (1 << 12) | (1 << 13)
/** One mapping for both queues; nothing done is lost; fast polling; a time may be given with a wait. */
const FEATURES_NEEDED = (1 << 0) | (1 << 1) | (1 << 5) | (1 << 8)

const ENTER_GETEVENTS = 1
const ENTER_EXT_ARG = 8
const OFFSET_SUBMISSIONS = 0x10000000

const operations = {
  pollAdd: 6,
  accept: 13,
  cancel: 14,
  connect: 16,
  close: 19,
  send: 26,
  recv: 27,
  shutdown: 34,
} as const
export const operationsNeeded: readonly number[] = Object.values(operations)

const BUFFER_SELECT = 1 << 5
const ACCEPT_MULTISHOT = 1 << 16
const RECV_MULTISHOT = 1 << 17
const CANCEL_ALL_OF_DESCRIPTOR = 3
const SOCK_CLOEXEC = 0x80000
const POLLIN = 1
const SHUT_WR = 1
/** No signal; go on until everything is taken. */
const SEND_FLAGS = 0x4000 | 0x100
/** Group of the buffers that are read into. */
const BUFFER_GROUP = 1

/** Flags of a completion. */
export const COMPLETION_BUFFER = 1
export const COMPLETION_MORE = 2
/** Where the number of the buffer is in the flags of a completion. */
export const COMPLETION_BUFFER_SHIFT = 16

/** Errors that say nothing about the ring: interrupted, try again, busy, time is over. */
const TRANSIENT: ReadonlySet<number> = new Set([-4, -11, -16, -62])

/** What a completion belongs to. */
export const kinds = { recv: 0, send: 1, connect: 2, shutdown: 3, cancel: 4, close: 5, accept: 6, poll: 7 } as const
const KIND_BITS = 3
const KIND_MASK = (1 << KIND_BITS) - 1

/** Somebody who has things done. */
export abstract class Party {
  /** Belong to the ring. */
  number = -1
  life = 0
  pending = 0
  /** Leaves when nothing of it is pending any more. */
  isLeaving = false

  /** @param result not negative: as the system call; negative: the number of an error. */
  abstract completed(kind: number, result: number, flags: number): void
  /** Nothing of it is pending any more, and it is forgotten. */
  abstract left(): void
}

/** What the kernel lacks. */
export class RingUnusable extends Error {
  override readonly name = 'RingUnusable'
}

export class Ring implements Disposable {
  readonly #native: Native
  readonly #fd: number
  readonly #mapped: readonly Mapped[]
  readonly #queues: Int32Array
  readonly #entries: Int32Array
  readonly #submissionTail: number
  readonly #submissionMask: number
  readonly #completionHead: number
  readonly #completionTail: number
  readonly #completionMask: number
  readonly #completionEntries: number
  /** `struct io_uring_getevents_arg`, and behind it a `struct timespec`. */
  readonly #wait: Buffer
  readonly #waitAddress: bigint
  readonly #parties: (Party | null)[] = []
  readonly #freeNumbers: number[] = []
  #nextLife = 1
  #tail: number
  #waiting = 0

  constructor(native: Native) {
    this.#native = native
    const params = Buffer.alloc(120)
    params.writeUInt32LE(COMPLETIONS, 4)
    params.writeUInt32LE(SETUP_FLAGS, 8)
    this.#fd = native.setup(SUBMISSIONS, params)
    const features = params.readUInt32LE(20)
    if ((features & FEATURES_NEEDED) !== FEATURES_NEEDED) {
      native.close(this.#fd)
      throw new RingUnusable(`features 0x${features.toString(16)}`)
    }
    const submissions = params.readUInt32LE(0)
    const completions = params.readUInt32LE(4)
    const submission = (field: number): number => params.readUInt32LE(40 + field * 4)
    const completion = (field: number): number => params.readUInt32LE(80 + field * 4)
    const bytes = Math.max(submission(6) + submissions * 4, completion(5) + completions * 16)
    const queues = native.mapRing(this.#fd, 0, bytes)
    const entries = native.mapRing(this.#fd, OFFSET_SUBMISSIONS, submissions * 64)
    this.#mapped = [queues, entries]
    this.#queues = new Int32Array(queues.buffer)
    this.#entries = new Int32Array(entries.buffer)
    this.#submissionTail = submission(1) >> 2
    this.#submissionMask = submissions - 1
    this.#completionHead = completion(0) >> 2
    this.#completionTail = completion(1) >> 2
    this.#completionMask = completions - 1
    this.#completionEntries = completion(5) >> 2
    // Entries are used in order, so what the kernel looks them up by never changes.
    const order = submission(6) >> 2
    for (let entry = 0; entry < submissions; entry++) this.#queues[order + entry] = entry
    this.#tail = this.#read(this.#submissionTail)
    this.#wait = Buffer.alloc(40)
    const address = native.addressOf(this.#wait)
    this.#wait.writeBigUInt64LE(BigInt(address + 24), 16)
    this.#waitAddress = BigInt(address)
  }

  /** @returns whether the kernel knows all operations. @throws when it cannot be asked. */
  knowsOperations(): boolean {
    const asked = 30
    // struct io_uring_probe: a head of 16 bytes, then 8 for each operation; flags at 4, of which bit 0 is what counts.
    const registerProbe = 8
    const probe = Buffer.alloc(256)
    this.#native.register(this.#fd, registerProbe, probe, asked)
    const last = probe[0] ?? 0
    return operationsNeeded.every((each) => each <= last)
  }

  /** Gives the kernel a ring of buffers to read into. @param address of its entries. */
  registerBuffers(address: bigint, entries: number): void {
    const registerBufferRing = 22
    const argument = Buffer.alloc(40)
    argument.writeBigUInt64LE(address, 0)
    argument.writeUInt32LE(entries, 8)
    argument.writeUInt16LE(BUFFER_GROUP, 12)
    this.#native.register(this.#fd, registerBufferRing, argument, 1)
  }

  add(party: Party): void {
    const number = this.#freeNumbers.pop() ?? this.#parties.length
    party.number = number
    party.life = this.#nextLife
    this.#nextLife = (this.#nextLife + 1) | 0
    this.#parties[number] = party
  }

  /** Lets a party go as soon as nothing of it is pending. */
  leave(party: Party): void {
    party.isLeaving = true
    if (party.pending === 0) this.#forget(party)
  }

  /** Reads into the next free buffer. @param again whether every time something comes, until it is cancelled. */
  recv(party: Party, fd: number, again: boolean): void {
    const entry = this.#next(
      operations.recv | (BUFFER_SELECT << 8) | (again ? RECV_MULTISHOT : 0),
      fd,
      party,
      kinds.recv,
    )
    this.#entries[entry + 10] = BUFFER_GROUP
  }

  /** @param address of memory that stays as it is until the completion. */
  send(party: Party, fd: number, address: number, bytes: number): void {
    const entry = this.#next(operations.send, fd, party, kinds.send)
    this.#putAddress(entry + 4, address)
    this.#entries[entry + 6] = bytes
    this.#entries[entry + 7] = SEND_FLAGS
  }

  /** @param address of a `struct sockaddr` that stays as it is until the completion. */
  connect(party: Party, fd: number, address: number, bytes: number): void {
    const entry = this.#next(operations.connect, fd, party, kinds.connect)
    this.#putAddress(entry + 4, address)
    this.#entries[entry + 2] = bytes
  }

  /** Accepts every connection that comes. */
  accept(party: Party, fd: number): void {
    const entry = this.#next(operations.accept | ACCEPT_MULTISHOT, fd, party, kinds.accept)
    this.#entries[entry + 7] = SOCK_CLOEXEC
  }

  /** Tells the other side that nothing more is sent. */
  shutdown(party: Party, fd: number): void {
    const entry = this.#next(operations.shutdown, fd, party, kinds.shutdown)
    this.#entries[entry + 6] = SHUT_WR
  }

  /** Says once when there is something to read. */
  poll(party: Party, fd: number): void {
    const entry = this.#next(operations.pollAdd, fd, party, kinds.poll)
    this.#entries[entry + 7] = POLLIN
  }

  /** Ends what a party waits to read. */
  cancelRecv(party: Party): void {
    const entry = this.#next(operations.cancel, -1, party, kinds.cancel)
    this.#entries[entry + 4] = (party.number << KIND_BITS) | kinds.recv
    this.#entries[entry + 5] = party.life
  }

  /** Ends everything that is under way on a descriptor. */
  cancelAll(party: Party, fd: number): void {
    const entry = this.#next(operations.cancel, fd, party, kinds.cancel)
    this.#entries[entry + 7] = CANCEL_ALL_OF_DESCRIPTOR
  }

  /** In the order of the queue, so that nothing put in before meets another file under the same number. */
  close(party: Party, fd: number): void {
    this.#native.closing(fd)
    this.#next(operations.close, fd, party, kinds.close)
  }

  /**
   * Hands everything over, and waits until something is done.
   *
   * @param waitMs longest wait, in milliseconds; 0: none.
   * @throws when the ring cannot be used any more.
   */
  enter(waitMs: number): void {
    this.#queues[this.#submissionTail] = this.#tail
    this.#wait.writeUInt32LE(Math.floor(waitMs / 1_000), 24)
    this.#wait.writeUInt32LE((waitMs % 1_000) * 1_000_000, 32)
    this.#submit(waitMs > 0 ? 1 : 0, ENTER_GETEVENTS | ENTER_EXT_ARG)
  }

  /** Tells the parties what is done. @returns how many completions there were. */
  complete(): number {
    const queues = this.#queues
    let head = this.#read(this.#completionHead)
    const tail = Atomics.load(queues, this.#completionTail)
    const count = (tail - head) | 0
    while (head !== tail) {
      const entry = this.#completionEntries + (head & this.#completionMask) * 4
      const name = this.#read(entry)
      const life = this.#read(entry + 1)
      const result = this.#read(entry + 2)
      const flags = this.#read(entry + 3)
      head = (head + 1) | 0
      // Before anybody is told: whoever throws has been told once.
      queues[this.#completionHead] = head
      const party = this.#parties[name >>> KIND_BITS]
      if (party === null || party === undefined || party.life !== life) continue
      if ((flags & COMPLETION_MORE) === 0) party.pending -= 1
      party.completed(name & KIND_MASK, result, flags)
      if (party.isLeaving && party.pending === 0) this.#forget(party)
    }
    return count
  }

  /** Whether somebody is about to leave, and has something under way. */
  get hasLeaving(): boolean {
    return this.#parties.some((party) => party?.isLeaving === true)
  }

  [Symbol.dispose](): void {
    for (const mapped of this.#mapped) this.#native.unmap(mapped)
    this.#native.close(this.#fd)
  }

  #forget(party: Party): void {
    if (this.#parties[party.number] !== party) return
    this.#parties[party.number] = null
    this.#freeNumbers.push(party.number)
    party.left()
  }

  #next(operation: number, fd: number, party: Party, kind: number): number {
    while (this.#waiting > this.#submissionMask) {
      this.#queues[this.#submissionTail] = this.#tail
      this.#submit(0, 0)
    }
    const entries = this.#entries
    const entry = (this.#tail & this.#submissionMask) * 16
    this.#tail = (this.#tail + 1) | 0
    this.#waiting += 1
    party.pending += 1
    entries[entry] = operation
    entries[entry + 1] = fd
    entries[entry + 2] = 0
    entries[entry + 3] = 0
    entries[entry + 4] = 0
    entries[entry + 5] = 0
    entries[entry + 6] = 0
    entries[entry + 7] = 0
    entries[entry + 8] = (party.number << KIND_BITS) | kind
    entries[entry + 9] = party.life
    entries[entry + 10] = 0
    entries[entry + 11] = 0
    return entry
  }

  #putAddress(at: number, address: number): void {
    this.#entries[at] = address | 0
    this.#entries[at + 1] = Math.floor(address / 4_294_967_296)
  }

  #submit(completions: number, flags: number): void {
    const taken = this.#native.enter(this.#fd, this.#waiting, completions, flags, flags === 0 ? 0n : this.#waitAddress)
    if (taken >= 0) this.#waiting -= taken
    else if (!TRANSIENT.has(taken)) throw new RingUnusable(`io_uring_enter failed with ${taken}`)
  }

  #read(index: number): number {
    // All indexes come from the kernel's own description of this memory.
    return this.#queues[index] as number
  }
}
