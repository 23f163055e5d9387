/**
 * What a directory of many API keys costs: memory, look-ups, and changes while requests are answered.
 *
 * Usage: node cost.ts <keys>; prints one JSON object. The store is fed with the bytes that the control plane sends. While the whole directory is loaded, a
 * thread like those that serve looks keys of the old one up as fast as it can: what it waits longest is what a request
 * would wait. Times are CPU time of their thread where nothing else is said. Memory is what is written in the shared memory, what the main thread keeps beside it, and what each of
 * so many serving threads remembers after it has found every key.
 *
 * @module
 */
import { hash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { argv, stdout } from 'node:process'
import { setImmediate as turn } from 'node:timers/promises'
import { MessageChannel, Worker } from 'node:worker_threads'
import { create, toBinary } from '@bufbuild/protobuf'
import { newId } from '@headgate/kit/ids.ts'
import {
  ApiKeySchema,
  ConsumerSchema,
  CredentialState,
  DirectoryDeltaSchema,
  DirectorySchema,
  SubscribeResponseSchema,
} from '@headgate/proto'
import { postMemory } from '#agent/directory/hand-over.ts'
import { createDirectoryStore, type DirectoryStore } from '#agent/directory/store.ts'
import type { ReaderData, ReaderResult } from './cost-reader.ts'

/** Serving threads whose memory is counted. */
const THREADS = 4
const CONSUMERS = 1_000
const ENVIRONMENT = newId('env', 0)
/** Different sets of scopes: what a key may do is mostly what others may do too. */
const SCOPES = 20
/** Keys of one message while the directory is made. */
const BATCH = 10_000
/** A gRPC message has five bytes in front of it. */
const GRPC_PREFIX_BYTES = 5
const MIB = 2 ** 20

interface Costs {
  readonly keys: number
  readonly wireMiB: number
  /** From bytes to a memory that readers have, in seconds. */
  readonly loadS: number
  /** The same by the clock on the wall. */
  readonly loadWallS: number
  /** Longest time that the main thread did nothing else, in milliseconds. */
  readonly loadBlockedMs: number
  /** Longest pause between two look-ups on a thread meanwhile, by the clock on the wall, in milliseconds. */
  readonly readerPausedMs: number
  /** Written memory for each key, with everything that threads keep for themselves. */
  readonly bytesPerKey: number
  readonly sharedBytesPerKey: number
  readonly threadMiB: number
  /** A look-up of any key, of the same one, and of one that is not there, in nanoseconds; the hash is there already. */
  readonly anyNs: number
  readonly sameNs: number
  readonly unknownNs: number
  /** One revocation: applied, and on the wire. */
  readonly revokeUs: number
  readonly revokeBytes: number
  /** The longest of so many that the memory was full and a larger one took its place. */
  readonly moveMs: number
  /** Everything in bytes again, for the disk. */
  readonly saveS: number
}

async function measure(keys: number): Promise<Costs> {
  const ids = Array.from({ length: keys }, (_, index) => newId('key', 1_750_000_000_000 + index))
  const bytes = directoryBytes(ids)
  const channel = new MessageChannel()
  const control = new Int32Array(new SharedArrayBuffer(8))
  const store = createDirectoryStore(ENVIRONMENT, (handle) => postMemory(channel.port1, ENVIRONMENT, handle))
  postMemory(channel.port1, ENVIRONMENT, store.handle())
  store.replace(create(DirectorySchema, { apiKeys: [apiKey(ids[0] ?? '', 0)], consumers: consumers().slice(0, 1) }))
  const workerData: ReaderData = { port: channel.port2, environmentId: ENVIRONMENT, keys, control }
  const reader = new Worker(new URL('cost-reader.ts', import.meta.url), {
    workerData,
    transferList: [channel.port2],
  })
  const results = once(reader, 'message')
  await once(reader, 'online')
  while (Atomics.load(control, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 10))

  let isLoading = true
  const blocked = longestTurnMs(() => isLoading)
  const startMs = performance.now()
  const cpu = process.threadCpuUsage()
  const refused = await store.load(bytes).finally(() => (isLoading = false))
  const loadMs = cpuMs(cpu)
  const loadWallMs = performance.now() - startMs
  if (refused !== null) throw new Error(refused)
  Atomics.store(control, 0, 1)
  const [found] = (await results) as [ReaderResult]
  await reader.terminate()
  channel.port1.close()

  const { bytesUsed } = store.size
  const beforeSave = process.threadCpuUsage()
  await store.toBytes()
  const saveMs = cpuMs(beforeSave)
  const changes = revokeMany(store, ids)
  return {
    keys,
    wireMiB: rounded(bytes.length / MIB, 1),
    loadS: rounded(loadMs / 1_000, 2),
    loadWallS: rounded(loadWallMs / 1_000, 2),
    loadBlockedMs: Math.round(await blocked),
    readerPausedMs: rounded(found.pausedMs, 1),
    bytesPerKey: rounded((bytesUsed + THREADS * found.rememberedBytes) / keys, 1),
    sharedBytesPerKey: rounded(bytesUsed / keys, 1),
    threadMiB: rounded(found.rememberedBytes / MIB, 1),
    anyNs: Math.round(found.anyNs),
    sameNs: Math.round(found.sameNs),
    unknownNs: Math.round(found.unknownNs),
    ...changes,
    saveS: rounded(saveMs / 1_000, 2),
  }
}

/** Longest CPU time between two turns of the event loop, in milliseconds. */
async function longestTurnMs(goesOn: () => boolean): Promise<number> {
  let longestMs = 0
  while (goesOn()) {
    const start = process.threadCpuUsage()
    await turn()
    longestMs = Math.max(longestMs, cpuMs(start))
  }
  return longestMs
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(since)
  return (user + system) / 1_000
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))

/** Revokes until the memory is full. */
function revokeMany(store: DirectoryStore, ids: readonly string[]): Pick<Costs, 'revokeUs' | 'revokeBytes' | 'moveMs'> {
  const before = store.handle().buffer
  let count = 0
  let moveMs = 0
  const start = process.threadCpuUsage()
  while (store.handle().buffer === before) {
    const index = count++ % ids.length
    const delta = revocation(store.sequence, ids[index] ?? '', index)
    const at = process.threadCpuUsage()
    if (store.apply(delta) === 'gap') throw new Error('a change did not fit')
    moveMs = cpuMs(at)
  }
  const revokeUs = ((cpuMs(start) - moveMs) * 1_000) / count
  const delta = revocation(2n ** 40n, newId('key', Date.now()), 7)
  const push = create(SubscribeResponseSchema, {
    pushId: 1_000_000n,
    message: { case: 'directoryDelta', value: delta },
  })
  const revokeBytes = toBinary(SubscribeResponseSchema, push).length + GRPC_PREFIX_BYTES
  return { revokeUs: rounded(revokeUs, 1), revokeBytes, moveMs: Math.round(moveMs) }
}

function revocation(sequence: bigint, id: string, index: number) {
  const revoked = { ...apiKey(id, index), state: CredentialState.REVOKED }
  return create(DirectoryDeltaSchema, {
    environmentId: ENVIRONMENT,
    fromSequence: sequence,
    toSequence: sequence + 1n,
    apiKeys: [revoked],
  })
}

function directoryBytes(ids: readonly string[]): Uint8Array {
  const whole = create(DirectorySchema, { environmentId: ENVIRONMENT, sequence: 1n, consumers: consumers() })
  const parts = [toBinary(DirectorySchema, whole)]
  for (let start = 0; start < ids.length; start += BATCH) {
    const apiKeys = ids.slice(start, start + BATCH).map((id, index) => apiKey(id, start + index))
    parts.push(toBinary(DirectorySchema, create(DirectorySchema, { apiKeys })))
  }
  return Buffer.concat(parts)
}

const consumerIds = Array.from({ length: CONSUMERS }, (_, index) => newId('cns', index))

const consumers = () =>
  consumerIds.map((id, index) => create(ConsumerSchema, { id, name: `consumer-${index}`, roles: ['reader'] }))

function apiKey(id: string, index: number) {
  return create(ApiKeySchema, {
    id,
    consumerId: consumerIds[index % CONSUMERS] ?? '',
    sha256: hash('sha256', `key ${index}`, 'buffer'),
    scopes: ['orders:read', `orders:${index % SCOPES}`],
    state: CredentialState.ACTIVE,
    expiresAtMs: 1_900_000_000_000n + BigInt(index),
    last4: randomBytes(2).toString('hex'),
  })
}

stdout.write(`${JSON.stringify(await measure(Number(argv[2])))}\n`)
