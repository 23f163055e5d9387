/**
 * Takes plain data apart into pieces that travel one by one, and puts it together again.
 *
 * A release of ten thousand routes in one message holds a serving thread up for a tenth of a second; in pieces it takes
 * a millisecond at a time, and requests are answered in between. What is shared within the data is shared again behind.
 *
 * Children come before their parents, so every piece is put together when it arrives. What is neither a plain object,
 * an array, a Map nor a Set travels as it is, by structured clone.
 *
 * @module
 */

/** Values of one piece: about a millisecond of work. */
const PIECE_VALUES = 2_000

type Kind = 'object' | 'array' | 'map' | 'set'

interface Part {
  readonly kind: Kind
  /** Names of an object's fields. */
  readonly names: readonly string[] | null
  /** For a map: key, value, key, value. */
  readonly values: readonly unknown[]
  /** For each value its number among all parts; -1: it stands for itself. */
  readonly links: Int32Array
}

/** Some parts, and those that follow are in the next piece. */
export type Piece = readonly Part[]

/** @throws RangeError when the data contains itself. */
export function takeApart(data: unknown): readonly Piece[] {
  const numbers = new Map<object, number>()
  const pieces: Part[][] = [[]]
  let values = 0
  let count = 0

  function put(part: Part): void {
    if (values >= PIECE_VALUES) {
      pieces.push([])
      values = 0
    }
    pieces.at(-1)?.push(part)
    // A part without values takes time too.
    values += part.values.length + 1
  }

  /** @returns the number of the part; -1 when the value stands for itself. */
  function visit(value: unknown): number {
    const kind = kindOf(value)
    if (kind === null) return -1
    // Told by `kindOf`.
    const container = value as object
    const known = numbers.get(container)
    if (known === UNDER_WAY) throw new RangeError('the data contains itself')
    if (known !== undefined) return known
    numbers.set(container, UNDER_WAY)
    const names = kind === 'object' ? Object.keys(container) : null
    const inside = valuesOf(kind, container)
    const links = Int32Array.from(inside, visit)
    put({ kind, names, links, values: inside.map((each, index) => (links[index] === -1 ? each : null)) })
    numbers.set(container, count)
    return count++
  }

  visit([data])
  return pieces
}

const UNDER_WAY = -2

function kindOf(value: unknown): Kind | null {
  if (typeof value !== 'object' || value === null) return null
  if (Array.isArray(value)) return 'array'
  if (value instanceof Map) return 'map'
  if (value instanceof Set) return 'set'
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? 'object' : null
}

function valuesOf(kind: Kind, container: object): readonly unknown[] {
  switch (kind) {
    case 'array':
      return container as readonly unknown[]
    case 'map':
      return Array.from(container as ReadonlyMap<unknown, unknown>).flat()
    case 'set':
      return [...(container as ReadonlySet<unknown>)]
    case 'object':
      return Object.values(container)
  }
}

/** Puts pieces together, in their order. */
export class Assembly {
  readonly #parts: unknown[] = []

  add(piece: Piece): void {
    for (const part of piece) this.#parts.push(this.#build(part))
  }

  /** What was taken apart. To be asked when all pieces are there. */
  get data(): unknown {
    const whole = this.#parts.at(-1)
    return Array.isArray(whole) ? (whole as readonly unknown[])[0] : undefined
  }

  #build({ kind, names, values, links }: Part): unknown {
    const at = (index: number): unknown => {
      const link = links[index] ?? -1
      return link === -1 ? values[index] : this.#parts[link]
    }
    switch (kind) {
      case 'array':
        return values.map((_, index) => at(index))
      case 'set':
        return new Set(values.map((_, index) => at(index)))
      case 'map': {
        const map = new Map<unknown, unknown>()
        for (let index = 0; index < values.length; index += 2) map.set(at(index), at(index + 1))
        return map
      }
      case 'object': {
        const object: Record<string, unknown> = {}
        for (const [index, name] of (names ?? []).entries()) setField(object, name, at(index))
        return object
      }
    }
  }
}

/** A field named `__proto__` is a field like others. */
function setField(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
}
