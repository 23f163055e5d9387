/**
 * The header fields of one message, read strictly and found again by their offsets.
 *
 * A message with more than one reading is refused: a bare LF or CR, a folded line, a space in front of a colon, a
 * control character (RFC 9112 section 2.2, 5 and 5.1). The parser walks over the bytes once, makes no text, and notes
 * for each field where its name and its value are and what kind it is. What it has noted holds until its next message,
 * and as long as the bytes stay where they are.
 *
 * @module
 */
import { COLON, CR, DELETE, isNameText, IS_UNDERSCORE, LF, NAME, SPACE, TAB } from './bytes.ts'
import { kinds, type NameTable } from './names.ts'

/** Most header fields of a message. More are refused, never cut off silently. */
export const FIELDS_MAX = 200

/** How a parser's step ended. */
export const steps = { more: 0, done: 1, refused: 2 } as const
export type Step = (typeof steps)[keyof typeof steps]

/** How the body of a message is delimited. */
export const framings = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const

/** Offsets that are noted of a field: name and value, each with start and end. */
const STRIDE = 4

export class Head {
  /** Where the last message was read. Offsets count from its beginning. */
  bytes: Buffer
  readonly offsets: Int32Array
  readonly kinds: Uint8Array
  count = 0
  /** Behind the empty line that ends the head. */
  end = 0

  // What was seen of the fields that decide something; -1: not there.
  hosts = 0
  hostField = -1
  contentLengths = 0
  contentLengthField = -1
  transferEncodings = 0
  transferEncodingField = -1
  connections = 0
  expects = 0
  expectField = -1
  tes = 0
  upgrades = 0
  upgradeField = -1

  // After a step that is `refused`: more than the bound was there.
  tooLarge = false

  constructor(bytes: Buffer, fieldsMax = FIELDS_MAX) {
    this.bytes = bytes
    this.offsets = new Int32Array(fieldsMax * STRIDE)
    this.kinds = new Uint8Array(fieldsMax)
  }

  nameStart(field: number): number {
    return this.offsets[field * STRIDE] ?? 0
  }
  nameEnd(field: number): number {
    return this.offsets[field * STRIDE + 1] ?? 0
  }
  valueStart(field: number): number {
    return this.offsets[field * STRIDE + 2] ?? 0
  }
  valueEnd(field: number): number {
    return this.offsets[field * STRIDE + 3] ?? 0
  }

  /** Behind the line of a field. */
  lineEnd(field: number): number {
    return field + 1 < this.count ? this.nameStart(field + 1) : this.end - 2
  }

  /** Whether the line of a field is exactly `name: value`, so that it can be copied as it is. */
  isPlainLine(field: number): boolean {
    const start = this.valueStart(field)
    return (
      start === this.nameEnd(field) + 2 &&
      this.bytes[start - 1] === SPACE &&
      this.valueEnd(field) === this.lineEnd(field) - 2
    )
  }

  /** The value of a field as latin-1 text. */
  valueText(field: number): string {
    return this.bytes.toString('latin1', this.valueStart(field), this.valueEnd(field))
  }

  /** Every value of a name, in order. @param name lower case. */
  values(name: string): readonly string[] {
    let found: string[] | null = null
    for (let field = 0; field < this.count; field++) {
      if (!isNameText(this.bytes, this.nameStart(field), this.nameEnd(field), name)) continue
      // Nearly always it is the only one: a list that grows has room for many.
      if (found === null) found = [this.valueText(field)]
      else found.push(this.valueText(field))
    }
    return found ?? NO_VALUES
  }

  /** Every value of a kind, in order. */
  valuesOfKind(kind: number): readonly string[] {
    const found: string[] = []
    for (let field = 0; field < this.count; field++) {
      if (this.kinds[field] === kind) found.push(this.valueText(field))
    }
    return found
  }

  /**
   * Reads the field lines and the empty line behind them.
   *
   * @param at where the first line begins.
   * @param end of the bytes that are there, or of those that a head may have.
   */
  protected readFields(at: number, end: number, names: NameTable, dropUnderscores: boolean): Step {
    const { bytes, offsets, kinds: fieldKinds } = this
    const fieldsMax = fieldKinds.length
    let place = at
    let count = 0
    this.contentLengths = this.transferEncodings = this.connections = 0
    this.hosts = this.expects = this.tes = this.upgrades = 0
    this.hostField = this.contentLengthField = this.transferEncodingField = this.expectField = -1
    for (;;) {
      if (place >= end) return steps.more
      if (bytes[place] === CR) {
        if (place + 1 >= end) return steps.more
        if (bytes[place + 1] !== LF) return steps.refused
        this.count = count
        this.end = place + 2
        return steps.done
      }
      const nameStart = place
      let seen = 0
      for (let kind = NAME[bytes[place] ?? 0] ?? 0; kind !== 0; kind = NAME[bytes[place] ?? 0] ?? 0) {
        seen |= kind
        if (++place >= end) return steps.more
      }
      if (bytes[place] !== COLON || place === nameStart) return steps.refused
      if (count === fieldsMax) {
        this.tooLarge = true
        return steps.refused
      }
      const nameEnd = place++
      while (place < end && (bytes[place] === SPACE || bytes[place] === TAB)) place++
      const valueStart = place
      // What `VALUE` says, by comparison: a value's bytes are most of a head.
      while (place < end) {
        const byte = bytes[place] ?? 0
        if (byte < SPACE ? byte !== TAB : byte === DELETE) break
        place++
      }
      if (place >= end) return steps.more
      if (bytes[place] !== CR) return steps.refused
      if (place + 1 >= end) return steps.more
      if (bytes[place + 1] !== LF) return steps.refused
      let valueEnd = place
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB)) valueEnd--
      place += 2
      const slot = count * STRIDE
      offsets[slot] = nameStart
      offsets[slot + 1] = nameEnd
      offsets[slot + 2] = valueStart
      offsets[slot + 3] = valueEnd
      const kind =
        dropUnderscores && (seen & IS_UNDERSCORE) !== 0 ? kinds.dropped : names.find(bytes, nameStart, nameEnd)
      fieldKinds[count] = kind
      if (kind >= kinds.host) this.#note(kind, count)
      count += 1
    }
  }

  #note(kind: number, field: number): void {
    if (kind === kinds.host) {
      this.hosts += 1
      this.hostField = field
    } else if (kind === kinds.contentLength) {
      this.contentLengths += 1
      this.contentLengthField = field
    } else if (kind === kinds.transferEncoding) {
      this.transferEncodings += 1
      this.transferEncodingField = field
    } else if (kind === kinds.connection) this.connections += 1
    else if (kind === kinds.expect) {
      this.expects += 1
      this.expectField = field
    } else if (kind === kinds.te) this.tes += 1
    else if (kind === kinds.upgrade) {
      this.upgrades += 1
      this.upgradeField = field
    }
  }
}

const NO_VALUES: readonly string[] = []
