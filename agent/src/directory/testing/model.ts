/**
 * A directory in a few plain Maps: what the one in shared memory must answer, said as simply as possible.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import { type ApiKey, type Consumer, type Directory, type DirectoryDelta, DirectorySchema } from '@headgate/proto'

export class ModelDirectory {
  consumers = new Map<string, Consumer>()
  keys = new Map<string, ApiKey>()
  /** By the hash as text. */
  owners = new Map<string, string>()
  sequence = 0n

  replace(directory: Directory): void {
    this.consumers = new Map()
    this.keys = new Map()
    this.owners = new Map()
    this.#put(directory.consumers, directory.apiKeys)
    this.sequence = directory.sequence
  }

  apply(delta: DirectoryDelta): void {
    this.#put(delta.consumers, delta.apiKeys)
    for (const id of delta.deletedConsumerIds) this.consumers.delete(id)
    for (const id of delta.deletedApiKeyIds) this.#drop(id)
    this.sequence = delta.toSequence
  }

  /** Id of the key, name of its consumer, state and scopes, in one text; null when it is not found. */
  find(hash: string): string | null {
    const key = this.keys.get(this.owners.get(hash) ?? '')
    const consumer = this.consumers.get(key?.consumerId ?? '')
    if (key === undefined || consumer === undefined) return null
    return [key.id, consumer.name, consumer.disabled, key.state, ...key.scopes, ...key.addresses].join(' ')
  }

  toMessage(environmentId: string): Directory {
    const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1)
    const [consumers, apiKeys] = [[...this.consumers.values()], [...this.keys.values()]]
    return create(DirectorySchema, {
      environmentId,
      sequence: this.sequence,
      consumers: consumers.toSorted(byId),
      apiKeys: apiKeys.toSorted(byId),
    })
  }

  #put(consumers: readonly Consumer[], keys: readonly ApiKey[]): void {
    for (const consumer of consumers) this.consumers.set(consumer.id, consumer)
    for (const key of keys) {
      this.#drop(key.id)
      this.keys.set(key.id, key)
      this.owners.set(Buffer.from(key.sha256).toString('latin1'), key.id)
    }
  }

  #drop(id: string): void {
    this.keys.delete(id)
    for (const [hash, owner] of this.owners) if (owner === id) this.owners.delete(hash)
  }
}
