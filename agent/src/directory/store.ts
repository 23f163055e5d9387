/**
 * Consumers and API keys of one environment, found by the SHA-256 of a key.
 *
 * Holds hashes only. One writer (`control/`), many readers (`auth/`); a change of a key or a consumer counts for the
 * very next request. Whatever cannot be read as an admission is none: an unknown state counts as revoked, an address
 * range that does not parse contains no address, a key whose consumer is unknown does not exist.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import { type AddressRange, type ApiKeyRecord, parseAddressRanges } from '@headgate/core'
import {
  type ApiKey,
  ApiKeySchema,
  type Consumer,
  ConsumerSchema,
  CredentialState,
  type Directory,
  type DirectoryDelta,
  DirectorySchema,
} from '@headgate/proto'

export interface DirectoryStore {
  readonly environmentId: string
  /** Of the last change that is contained; 0 before the first. */
  readonly sequence: bigint
  /** False until a whole directory has arrived: nobody can be told from a stranger before. */
  readonly known: boolean
  readonly size: { readonly consumers: number; readonly apiKeys: number }
  /** @param sha256 of the key's text, in base64url without padding. */
  findApiKey(sha256: string): ApiKeyRecord | null
  /** Takes a whole directory in place of everything. */
  replace(directory: Directory): void
  /** Applies a delta as a whole, or answers `gap` and changes nothing when it starts from another sequence. */
  apply(delta: DirectoryDelta): 'applied' | 'gap'
  /** Everything, in the form in which it travels; sorted by id. */
  toMessage(): Directory
}

interface ConsumerEntry {
  readonly id: string
  readonly name: string
  readonly disabled: boolean
}

interface KeyEntry {
  readonly id: string
  readonly consumerId: string
  /** base64url: about 60 bytes less than a Buffer, and the form in which it is looked up. */
  readonly sha256: string
  readonly scopes: readonly string[]
  readonly state: CredentialState
  readonly expiresAtMs: number
  readonly addresses: readonly AddressRange[]
  readonly last4: string
  /** What was found last, as long as no consumer has changed since. */
  record: ApiKeyRecord | null
  recordOf: number
}

/** SHA-256 in bytes. A key with another length can never be presented. */
const SHA256_BYTES = 32

export function createDirectoryStore(environmentId: string): DirectoryStore {
  let consumers = new Map<string, ConsumerEntry>()
  let keysById = new Map<string, KeyEntry>()
  let keysByHash = new Map<string, KeyEntry>()
  let sequence = 0n
  let known = false
  // Raised when consumers change: what was put together of keys and consumers before counts no more.
  let generation = 0

  function putKey(message: ApiKey): void {
    dropKey(message.id)
    const entry = keyEntry(message)
    keysById.set(entry.id, entry)
    if (message.sha256.length === SHA256_BYTES) keysByHash.set(entry.sha256, entry)
  }

  function dropKey(id: string): void {
    const entry = keysById.get(id)
    if (entry === undefined) return
    keysById.delete(id)
    // Only its own entry: two keys with one hash cannot arise, but must not be able to unlock each other either.
    if (keysByHash.get(entry.sha256) === entry) keysByHash.delete(entry.sha256)
  }

  function putConsumer({ id, name, disabled }: Consumer): void {
    generation += 1
    consumers.set(id, { id, name, disabled })
  }

  return {
    environmentId,
    get sequence() {
      return sequence
    },
    get known() {
      return known
    },
    get size() {
      return { consumers: consumers.size, apiKeys: keysById.size }
    },
    findApiKey: (sha256) => {
      const key = keysByHash.get(sha256)
      if (key === undefined) return null
      if (key.recordOf !== generation) {
        const consumer = consumers.get(key.consumerId)
        key.record = consumer === undefined ? null : apiKeyRecord(key, consumer)
        key.recordOf = generation
      }
      return key.record
    },
    replace: (directory) => {
      generation += 1
      consumers = new Map()
      keysById = new Map()
      keysByHash = new Map()
      for (const consumer of directory.consumers) putConsumer(consumer)
      for (const key of directory.apiKeys) putKey(key)
      sequence = directory.sequence
      known = true
    },
    apply: (delta) => {
      if (!known || delta.fromSequence !== sequence || delta.toSequence < delta.fromSequence) return 'gap'
      for (const consumer of delta.consumers) putConsumer(consumer)
      for (const key of delta.apiKeys) putKey(key)
      generation += 1
      for (const id of delta.deletedConsumerIds) consumers.delete(id)
      for (const id of delta.deletedApiKeyIds) dropKey(id)
      sequence = delta.toSequence
      return 'applied'
    },
    toMessage: () =>
      create(DirectorySchema, {
        environmentId,
        sequence,
        consumers: [...consumers.values()].toSorted(byId).map((entry) => create(ConsumerSchema, entry)),
        apiKeys: [...keysById.values()].toSorted(byId).map(keyMessage),
      }),
  }
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1
}

function keyEntry(message: ApiKey): KeyEntry {
  return {
    id: message.id,
    consumerId: message.consumerId,
    sha256: Buffer.from(message.sha256).toString('base64url'),
    scopes: message.scopes.length === 0 ? NOTHING : Object.freeze([...message.scopes]),
    state: message.state,
    // Beyond 2^53 ms a number is not exact, but that is 285,000 years away.
    expiresAtMs: Number(message.expiresAtMs),
    addresses: message.addresses.length === 0 ? NO_RANGES : parseAddressRanges(message.addresses),
    last4: message.last4,
    record: null,
    recordOf: -1,
  }
}

const NOTHING: readonly string[] = Object.freeze([])
const NO_RANGES: readonly AddressRange[] = Object.freeze([])

function keyMessage(entry: KeyEntry): ApiKey {
  return create(ApiKeySchema, {
    id: entry.id,
    consumerId: entry.consumerId,
    sha256: Buffer.from(entry.sha256, 'base64url'),
    scopes: [...entry.scopes],
    state: entry.state,
    expiresAtMs: BigInt(entry.expiresAtMs),
    addresses: entry.addresses.map((range) => range.text),
    last4: entry.last4,
  })
}

function apiKeyRecord(key: KeyEntry, consumer: ConsumerEntry): ApiKeyRecord {
  return {
    id: key.id,
    consumerId: consumer.id,
    consumer: consumer.name,
    consumerDisabled: consumer.disabled,
    state: stateOf(key.state),
    expiresAtMs: key.expiresAtMs,
    scopes: key.scopes,
    addresses: key.addresses,
    last4: key.last4,
  }
}

function stateOf(state: CredentialState): ApiKeyRecord['state'] {
  if (state === CredentialState.ACTIVE) return 'active'
  // Everything that is neither, unknown numbers of a newer control plane included, ends a key.
  return state === CredentialState.DISABLED ? 'disabled' : 'revoked'
}
