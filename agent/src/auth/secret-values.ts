/**
 * Secrets by their references, read again when they may have changed.
 *
 * A value that cannot be read any more does not count any more: whoever takes a secret away wants that.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { readSecret, type SecretRead } from '#agent/listen/secrets.ts'

/** How long a value is taken as it was read, in milliseconds. */
const REREAD_MS = 10_000
/** References that are remembered. */
const REMEMBERED_MAX = 10_000

export class SecretValues {
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #clock: Clock
  #remembered = new Map<string, { readonly read: SecretRead; readonly untilMs: number }>()
  readonly #reading = new Map<string, Promise<SecretRead>>()

  /** @param env where `env://` looks. */
  constructor(env: Readonly<Record<string, string | undefined>>, clock: Clock) {
    this.#env = env
    this.#clock = clock
  }

  /** @returns at once for what was read a moment ago; the same object as long as the value is the same. */
  read(reference: string): SecretRead | Promise<SecretRead> {
    const known = this.#remembered.get(reference)
    if (known !== undefined && this.#clock.monotonic() < known.untilMs) return known.read
    let reading = this.#reading.get(reference)
    if (reading === undefined) {
      reading = this.#readAnew(reference).finally(() => this.#reading.delete(reference))
      this.#reading.set(reference, reading)
    }
    return reading
  }

  async #readAnew(reference: string): Promise<SecretRead> {
    const now = await readSecret(reference, this.#env)
    const before = this.#remembered.get(reference)?.read
    const isSame = before?.kind === 'secret' && now.kind === 'secret' && before.value === now.value
    const read = isSame ? before : now
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered = new Map()
    this.#remembered.set(reference, { read, untilMs: this.#clock.monotonic() + REREAD_MS })
    return read
  }
}
