/**
 * Brings the memories of directories from the thread that writes them to one that reads.
 *
 * A reader takes a new memory at the moment in which it sees that the old one was given up, within the look-up: it
 * empties the port by itself and does not wait for its event loop. What was posted before is there by then, because
 * it was posted before the old memory said so.
 *
 * @module
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { createMemory, type DirectoryMemory, type MemoryHandle, openMemory } from './memory.ts'

/** The memory of an environment's directory from now on; null: there is none any more. */
export interface MemoryMessage {
  readonly environmentId: string
  readonly handle: MemoryHandle | null
}

export function postMemory(port: MessagePort, environmentId: string, handle: MemoryHandle | null): void {
  const message: MemoryMessage = { environmentId, handle }
  port.postMessage(message)
}

/** @returns the newest memory of an environment; one in which nothing is known when none has come. */
export function createMemories(port: MessagePort): (environmentId: string) => DirectoryMemory {
  const memories = new Map<string, DirectoryMemory>()
  const nothing = createMemory({ entries: 0, consumers: 1, heapWords: 1 })
  return (environmentId) => {
    for (;;) {
      const received = receiveMessageOnPort(port)
      if (received === undefined) break
      const { environmentId: id, handle } = received.message as MemoryMessage
      if (handle === null) memories.delete(id)
      else memories.set(id, openMemory(handle))
    }
    return memories.get(environmentId) ?? nothing
  }
}
