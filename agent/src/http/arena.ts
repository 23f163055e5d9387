/**
 * The memory of an engine: one array for what arrives, what is put together, and what leaves.
 *
 * What is written must not change until the system has taken it. Nearly always it takes it at once, and the same place
 * serves the next message; when it does not, the place is lent to that write and another one is used meanwhile.
 *
 * @module
 */

/** Longest piece that one read brings. */
export const INPUT_BYTES = 65_536
/** Most that is carried from one read to the next: a head that is not whole, with one read behind it. */
export const CARRY_BYTES_MAX = 65_536 + INPUT_BYTES
/** Room for carried bytes. */
const JOINED_BYTES = CARRY_BYTES_MAX
/** What the agent adds to a head for a service at most: who calls, who we are, where the request came from. */
const ADDED_BYTES = 24_576
/** Room for a head with what the agent adds, and a joined piece with its chunk sizes. */
const OUTPUT_BYTES = JOINED_BYTES + 24_576 + ADDED_BYTES
/** Places for output. Each slow reader can hold one; when none is left, writes are copied. */
const OUTPUTS = 32

export class Arena {
  readonly bytes: Buffer
  /** Where a read puts its bytes. */
  readonly input = 0
  /** Where carried bytes and new ones are put together. */
  readonly joined = INPUT_BYTES
  /** Where the room begins that was asked for. */
  readonly room = INPUT_BYTES + JOINED_BYTES + OUTPUTS * OUTPUT_BYTES
  /** Where output is written now. */
  out: number
  readonly #free: number[] = []

  /** @param roomBytes for an `Io` that needs memory of its own here. */
  constructor(roomBytes = 0) {
    const first = INPUT_BYTES + JOINED_BYTES
    this.bytes = Buffer.allocUnsafeSlow(this.room + roomBytes)
    for (let output = OUTPUTS - 1; output > 0; output--) this.#free.push(first + output * OUTPUT_BYTES)
    this.out = first
  }

  /** Whether the place of output can be lent. */
  get canLend(): boolean {
    return this.#free.length > 0
  }

  /** Lends the present place of output and goes on with another. Only after `canLend`. */
  lend(): number {
    const lent = this.out
    this.out = this.#free.pop() ?? lent
    return lent
  }

  giveBack(lent: number): void {
    this.#free.push(lent)
  }
}
