/**
 * An API key as the decision sees it, of which no text is made before somebody asks for it.
 *
 * A look-up that meets its key for the first time costs little that way: most of what there is to say about a key is a
 * text that has to be made, and a key that is refused needs none of them. What the heap of a directory has at a place
 * never changes, so an answer is the same whenever it is asked for, also of a memory that was given up meanwhile.
 *
 * @module
 */
import { type AddressRange, apiKeyProven, type ApiKeyRecord, type CompiledLimit } from '@headgate/core'
import { keyId, keyLast4, numberAt, stateAt, type StoredConsumer } from './entries.ts'
import type { Grant } from './grant.ts'
import { DECOY, type DirectoryMemory, KEY, wordAt } from './memory.ts'
import { stateOf } from './records.ts'

const NO_LIMITS: readonly CompiledLimit[] = []

export class KeyRecord implements ApiKeyRecord {
  // What every request is judged by, which is no text and lies where the hash was compared.
  readonly state: ApiKeyRecord['state']
  readonly decoy: boolean
  readonly expiresAtMs: number
  readonly consumerDisabled: boolean
  readonly addresses: readonly AddressRange[]
  /** Of its text, one character for each byte. */
  readonly sha256: string
  readonly #memory: DirectoryMemory
  readonly #place: number
  readonly #consumer: StoredConsumer
  readonly #grant: Grant
  #proven: ApiKeyRecord['proven'] | null = null

  /** @param place of a key. */
  constructor(memory: DirectoryMemory, place: number, consumer: StoredConsumer, grant: Grant, sha256: string) {
    const { heap } = memory
    this.state = grant.limits === null ? 'revoked' : stateOf(stateAt(memory, place))
    this.decoy = (wordAt(heap, place + KEY.meta) & DECOY) !== 0
    this.expiresAtMs = numberAt(heap, place + KEY.expiresLow)
    this.consumerDisabled = consumer.disabled
    this.addresses = grant.addresses
    this.sha256 = sha256
    this.#memory = memory
    this.#place = place
    this.#consumer = consumer
    this.#grant = grant
  }

  get id(): string {
    return keyId(this.#memory, this.#place)
  }

  get consumerId(): string {
    return this.#consumer.id
  }

  get consumer(): string {
    return this.#consumer.name
  }

  get scopes(): readonly string[] {
    return this.#grant.scopes
  }

  get roles(): readonly string[] {
    return this.#consumer.roles
  }

  get limits(): readonly CompiledLimit[] {
    return this.#grant.limits ?? NO_LIMITS
  }

  get last4(): string {
    return keyLast4(this.#memory, this.#place)
  }

  /** Made once, since a request that is admitted needs all of it. */
  get proven(): ApiKeyRecord['proven'] {
    return (this.#proven ??= apiKeyProven(this))
  }
}
