/**
 * A directory in a few plain Maps: what the one in shared memory must answer, said as simply as possible.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import {
  type ApiKey,
  type Consumer,
  type Credential,
  type Directory,
  type DirectoryDelta,
  DirectorySchema,
} from '@headgate/proto'

type Parts = Pick<Directory, 'consumers' | 'apiKeys' | 'credentials'>

export class ModelDirectory {
  consumers = new Map<string, Consumer>()
  keys = new Map<string, ApiKey>()
  credentials = new Map<string, Credential>()
  /** Ids by what leads to them: the hash of a key as text, or a name with its kind in front. */
  owners = new Map<string, string>()
  sequence = 0n

  replace(directory: Directory): void {
    this.consumers = new Map()
    this.keys = new Map()
    this.credentials = new Map()
    this.owners = new Map()
    this.#put(directory)
    this.sequence = directory.sequence
  }

  apply(delta: DirectoryDelta): void {
    this.#put(delta)
    for (const id of delta.deletedConsumerIds) this.#drop(this.consumers, id)
    for (const id of delta.deletedApiKeyIds) this.#drop(this.keys, id)
    for (const id of delta.deletedCredentialIds) this.#drop(this.credentials, id)
    this.sequence = delta.toSequence
  }

  /** The key of a hash and its consumer; null when it is not found. */
  findKey(hash: string): { readonly key: ApiKey; readonly consumer: Consumer } | null {
    const key = this.keys.get(this.owners.get(hash) ?? '')
    const consumer = this.consumers.get(key?.consumerId ?? '')
    return key === undefined || consumer === undefined ? null : { key, consumer }
  }

  findConsumer(name: string): Consumer | null {
    return this.consumers.get(this.owners.get(`consumer:${name}`) ?? '') ?? null
  }

  /** @param name with the kind in front. */
  findCredential(name: string): { readonly credential: Credential; readonly consumer: Consumer } | null {
    const credential = this.credentials.get(this.owners.get(name) ?? '')
    const consumer = this.consumers.get(credential?.consumerId ?? '')
    return credential === undefined || consumer === undefined ? null : { credential, consumer }
  }

  toMessage(environmentId: string): Directory {
    const sorted = <T extends { id: string }>(all: Map<string, T>): T[] =>
      [...all.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
    return create(DirectorySchema, {
      environmentId,
      sequence: this.sequence,
      consumers: sorted(this.consumers),
      apiKeys: sorted(this.keys),
      credentials: sorted(this.credentials),
    })
  }

  #put({ consumers, apiKeys, credentials }: Parts): void {
    for (const consumer of consumers) this.#own(this.consumers, consumer, nameOfConsumer(consumer))
    for (const key of apiKeys) this.#own(this.keys, key, Buffer.from(key.sha256).toString('latin1'))
    for (const credential of credentials) this.#own(this.credentials, credential, nameOfCredential(credential))
  }

  #own<T extends { id: string }>(all: Map<string, T>, item: T, name: string | null): void {
    this.#drop(all, item.id)
    all.set(item.id, item)
    if (name !== null) this.owners.set(name, item.id)
  }

  #drop<T>(all: Map<string, T>, id: string): void {
    all.delete(id)
    for (const [name, owner] of this.owners) if (owner === id) this.owners.delete(name)
  }
}

const nameOfConsumer = ({ name }: Consumer): string | null => (name === '' ? null : `consumer:${name}`)

function nameOfCredential({ proof }: Credential): string | null {
  if (proof.case === undefined) return null
  const [kind, name] =
    proof.case === 'certificate' ? ['certificate', proof.value.identity] : ['signing_key', proof.value.keyId]
  return name === '' ? null : `${kind}:${name}`
}
