/**
 * Seals what must be stored and must not be read in a dump: private keys.
 *
 * Decides the form of a sealed value and nothing about where it is kept. The master key comes from outside Postgres
 * (see master-key.ts), so a copy of the database alone opens nothing.
 *
 * Form: version (1 byte), mark of the master key (4), nonce (12), ciphertext, tag (16). AES-256-GCM under a key of
 * its own per purpose (HKDF-SHA256, RFC 5869); purpose and id are authenticated, so a sealed value that is moved to
 * another row does not open. A purpose seals far fewer than 2^32 values, which is where random nonces end
 * (NIST SP 800-38D section 8.3).
 *
 * @module
 */
import { DependencyError } from '@headgate/kit/errors.ts'
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** Length of the master key, in bytes. */
export const MASTER_KEY_BYTES = 32

const VERSION = 1
const MARK_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 1 + MARK_BYTES + NONCE_BYTES

export interface Sealer {
  /** @param id of the row that will hold it. */
  seal(purpose: string, id: string, plain: Uint8Array): Uint8Array<ArrayBuffer>
  /**
   * @throws DependencyError `master_key_wrong` when another master key sealed it, `sealed_damaged` when it is not
   *   what was sealed for this purpose and id.
   */
  open(purpose: string, id: string, sealed: Uint8Array): Uint8Array<ArrayBuffer>
}

/** @param masterKey 32 bytes. Kept for the life of the process. */
export function createSealer(masterKey: Uint8Array): Sealer {
  if (masterKey.length !== MASTER_KEY_BYTES) throw new RangeError(`a master key has ${MASTER_KEY_BYTES} bytes`)
  // Says which key sealed a value, so that a wrong key and a damaged value are told apart. Tells nothing of the key.
  const mark = derive(masterKey, 'mark').subarray(0, MARK_BYTES)
  return {
    seal: (purpose, id, plain) => {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', derive(masterKey, `seal ${purpose}`), nonce)
      cipher.setAAD(associated(purpose, id))
      const body = [cipher.update(plain), cipher.final()]
      return new Uint8Array(Buffer.concat([Uint8Array.of(VERSION), mark, nonce, ...body, cipher.getAuthTag()]))
    },
    open: (purpose, id, sealed) => {
      if (sealed.length < HEAD_BYTES + TAG_BYTES || sealed[0] !== VERSION) throw damaged(purpose, id)
      if (!mark.equals(sealed.subarray(1, 1 + MARK_BYTES))) throw wrongKey(purpose, id)
      const nonce = sealed.subarray(1 + MARK_BYTES, HEAD_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', derive(masterKey, `seal ${purpose}`), nonce)
      decipher.setAAD(associated(purpose, id))
      decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
      try {
        const plain = [decipher.update(sealed.subarray(HEAD_BYTES, sealed.length - TAG_BYTES)), decipher.final()]
        return new Uint8Array(Buffer.concat(plain))
      } catch (error) {
        throw damaged(purpose, id, error)
      }
    },
  }
}

function derive(masterKey: Uint8Array, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', masterKey, '', `headgate v1 ${use}`, 32))
}

function associated(purpose: string, id: string): Buffer {
  return Buffer.from(`${purpose}\0${id}`)
}

function wrongKey(purpose: string, id: string): DependencyError {
  return new DependencyError(
    'master_key_wrong',
    `${purpose} ${id} was sealed with another master key: start with the key this database was set up with`,
    'The control plane cannot open its stored keys',
  )
}

function damaged(purpose: string, id: string, cause?: unknown): DependencyError {
  return new DependencyError(
    'sealed_damaged',
    `${purpose} ${id} is not what was sealed for this row: restore it from a backup of the database`,
    'The control plane cannot open its stored keys',
    { cause },
  )
}
