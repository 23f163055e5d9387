/**
 * Keeps what is live on disk, so that a restart needs nobody: the last release of each environment as it was signed,
 * its directory, and what was added to the directory since.
 *
 * Everything is sealed (AES-256-GCM) under a key that follows from the agent's private key, so a stolen disk without
 * the key file, or another agent's, opens nothing; and a file that was put in another's place does not open either.
 * Sealing does not replace the signature: a release is verified again when it is loaded. What this cannot see is an
 * older file of this same agent put back whole: its knowledge is older then, as if it had been cut off.
 *
 * Changes of a directory are appended and flushed before they are acknowledged: once a revocation was
 * acknowledged, no crash brings the key back.
 *
 * A file per environment and part, each on its own: one that is damaged costs the others nothing.
 *
 * @module
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { errorText } from '@headgate/kit/errors.ts'
import { isId } from '@headgate/kit/ids.ts'
import type { Log } from '@headgate/kit/log.ts'
import { type DirectoryDelta, DirectoryDeltaSchema, type SignedSnapshot, SignedSnapshotSchema } from '@headgate/proto'
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { append, makeFolder, readIfThere, remove, writeWhole } from './files.ts'

const FOLDER = 'environments'
const MAGIC = Buffer.from('HGS1')
const NONCE_BYTES = 12
const TAG_BYTES = 16
const LENGTH_BYTES = 4

/** Largest file that is read, in bytes. */
const FILE_BYTES_MAX = 256 * 1024 * 1024

/** An appended part that is longer is folded into the directory, in bytes. */
const DELTAS_BYTES_MAX = 256 * 1024
/** The same as a share of the directory: to write a large one again takes seconds. */
const DELTAS_SHARE_MAX = 1 / 8
/** What is sealed before the thread does other things, in bytes: some milliseconds of work. */
const PIECE_BYTES = 4 * 1024 * 1024

type Part = 'release' | 'directory' | 'deltas'

/** What was found of one environment. Nothing in it is verified yet. */
export interface StoredEnvironment {
  readonly environmentId: string
  readonly release: SignedSnapshot | null
  /** A `Directory` in bytes. */
  readonly directory: Uint8Array | null
  /** In the order in which they came; may begin before the directory's sequence. */
  readonly deltas: readonly DirectoryDelta[]
  /** What was appended ends in the middle: behind it nothing more would be read. */
  readonly isTorn: boolean
}

/** Problems with the disk are thrown: the caller decides that serving goes on. */
export interface Disk {
  load(): Promise<readonly StoredEnvironment[]>
  saveRelease(environmentId: string, release: SignedSnapshot): Promise<void>
  /** @param directory a `Directory` in bytes. */
  saveDirectory(environmentId: string, directory: Uint8Array): Promise<void>
  /** @returns true when the appended part has become long: it is time for `saveDirectory`. */
  appendDelta(delta: DirectoryDelta): Promise<boolean>
  remove(environmentId: string): Promise<void>
}

interface DiskOptions {
  readonly stateDir: string
  /** PKCS #8 in DER. */
  readonly privateKey: Uint8Array
  readonly log: Log
}

export function createDisk({ stateDir, privateKey, log }: DiskOptions): Disk {
  const folder = join(stateDir, FOLDER)
  const box = createBox(privateKey)
  const appended = new Map<string, number>()
  const directoryBytes = new Map<string, number>()

  function path(environmentId: string, part: Part): string {
    // Ids come from the control plane and become file names.
    if (!isId('env', environmentId)) throw new TypeError('not the id of an environment')
    return join(folder, `${environmentId}.${part}`)
  }

  async function read<T>(environmentId: string, part: Part, decode: (content: Buffer) => T): Promise<T | null> {
    try {
      const content = await readIfThere(path(environmentId, part))
      if (content === null) return null
      if (content.length > FILE_BYTES_MAX) throw new RangeError('it is too large')
      return decode(content)
    } catch (error) {
      log.error(
        { environment_id: environmentId, part, why: errorText(error) },
        'a file of the last known state is not usable',
      )
      return null
    }
  }

  /** Ends at the first entry that is not whole: a crash while it was appended, or damage. */
  function readDeltas(environmentId: string, content: Buffer): Pick<StoredEnvironment, 'deltas' | 'isTorn'> {
    const deltas: DirectoryDelta[] = []
    let at = 0
    while (at < content.length) {
      const start = at + LENGTH_BYTES
      const end = start + (start <= content.length ? content.readUInt32BE(at) : Infinity)
      const plain = end <= content.length ? box.tryOpen('deltas', environmentId, content.subarray(start, end)) : null
      if (plain === null) {
        log.warn(
          { environment_id: environmentId, entries: deltas.length },
          'the last changes of a directory are not whole',
        )
        return { deltas, isTorn: true }
      }
      deltas.push(fromBinary(DirectoryDeltaSchema, plain))
      at = end
    }
    appended.set(environmentId, content.length)
    return { deltas, isTorn: false }
  }

  return {
    load: async () => {
      await makeFolder(folder)
      const names = await readdir(folder)
      const ids = new Set(names.map((name) => name.replace(/\.(?:release|directory|deltas)$/, '')))
      const found: StoredEnvironment[] = []
      for (const environmentId of [...ids].filter((id) => isId('env', id)).toSorted()) {
        const appendix = await read(environmentId, 'deltas', (content) => readDeltas(environmentId, content))
        const directory = await read(environmentId, 'directory', (content) =>
          box.open('directory', environmentId, content),
        )
        directoryBytes.set(environmentId, directory?.length ?? 0)
        found.push({
          environmentId,
          release: await read(environmentId, 'release', (content) =>
            fromBinary(SignedSnapshotSchema, box.open('release', environmentId, content)),
          ),
          directory,
          deltas: appendix?.deltas ?? [],
          isTorn: appendix?.isTorn ?? names.includes(`${environmentId}.deltas`),
        })
      }
      return found
    },

    saveRelease: async (environmentId, release) => {
      await makeFolder(folder)
      const content = await box.seal('release', environmentId, toBinary(SignedSnapshotSchema, release))
      await writeWhole(path(environmentId, 'release'), content)
    },

    saveDirectory: async (environmentId, directory) => {
      await makeFolder(folder)
      const content = await box.seal('directory', environmentId, directory)
      await writeWhole(path(environmentId, 'directory'), content)
      // After it: what is appended is older now, and is passed over when a crash leaves it there.
      await remove(path(environmentId, 'deltas'))
      appended.delete(environmentId)
      directoryBytes.set(environmentId, directory.length)
    },

    appendDelta: async (delta) => {
      const { environmentId } = delta
      const sealed = await box.seal('deltas', environmentId, toBinary(DirectoryDeltaSchema, delta))
      const length = Buffer.alloc(LENGTH_BYTES)
      length.writeUInt32BE(sealed.length)
      await append(path(environmentId, 'deltas'), Buffer.concat([length, sealed]))
      const bytes = (appended.get(environmentId) ?? 0) + sealed.length
      appended.set(environmentId, bytes)
      return bytes > Math.max(DELTAS_BYTES_MAX, (directoryBytes.get(environmentId) ?? 0) * DELTAS_SHARE_MAX)
    },

    remove: async (environmentId) => {
      for (const part of ['release', 'directory', 'deltas'] as const) await remove(path(environmentId, part))
      appended.delete(environmentId)
    },
  }
}

interface Box {
  seal(part: Part, environmentId: string, plain: Uint8Array): Promise<Buffer>
  /** @throws Error when it is not what this agent sealed for this part and environment. */
  open(part: Part, environmentId: string, sealed: Uint8Array): Buffer
  tryOpen(part: Part, environmentId: string, sealed: Uint8Array): Buffer | null
}

/** Form: magic (4 bytes), nonce (12), ciphertext, tag (16). Part and environment are authenticated. */
function createBox(privateKey: Uint8Array): Box {
  const key = Buffer.from(hkdfSync('sha256', privateKey, '', 'headgate agent state v1', 32))

  function open(part: Part, environmentId: string, sealed: Uint8Array): Buffer {
    const start = MAGIC.length + NONCE_BYTES
    if (sealed.length < start + TAG_BYTES || !MAGIC.equals(sealed.subarray(0, MAGIC.length))) {
      throw new TypeError('it is no state file')
    }
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(MAGIC.length, start))
    decipher.setAAD(Buffer.from(`${part}\0${environmentId}`))
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
    const plain = decipher.update(sealed.subarray(start, sealed.length - TAG_BYTES))
    try {
      return Buffer.concat([plain, decipher.final()])
    } catch (error) {
      throw new Error('it is damaged, or was sealed by another agent', { cause: error })
    }
  }

  return {
    open,
    seal: async (part, environmentId, plain) => {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      cipher.setAAD(Buffer.from(`${part}\0${environmentId}`))
      const sealed: Buffer[] = [MAGIC, nonce]
      for (let at = 0; at < plain.length; at += PIECE_BYTES) {
        if (at > 0) await turn()
        sealed.push(cipher.update(plain.subarray(at, at + PIECE_BYTES)))
      }
      return Buffer.concat([...sealed, cipher.final(), cipher.getAuthTag()])
    },
    tryOpen: (part, environmentId, sealed) => {
      try {
        return open(part, environmentId, sealed)
      } catch {
        return null
      }
    },
  }
}
