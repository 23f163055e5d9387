/**
 * The keys under which session tickets are sealed, so that a client that comes back is spared half of a handshake.
 *
 * One secret of the process gives a key of its own to every certificate: what one issued opens nothing at another. The
 * secret is the same in all threads, so that a client may come back to any of them, and it never leaves the process.
 * A new one replaces it from time to time, because whoever gets hold of it can read what was recorded since it was
 * made (TLS 1.2) or go on with it (TLS 1.3). The one before it still opens tickets until the next replacement, so that
 * clients do not all come back at once for whole handshakes. A ticket under an older one is not an error: the handshake
 * is done in full, and a new ticket is issued.
 *
 * Sources: RFC 5077 section 4 and 5.5 (form and management of keys), RFC 9325 section 3.4 (rotation), RFC 5869 (HKDF).
 *
 * @module
 */
import { hkdfSync, randomBytes } from 'node:crypto'

/** How long a secret is the newest, in milliseconds; it is used for twice that. RFC 9325 asks for less than a week. */
const SECRET_LIFE_MS = 43_200_000
/** How long a ticket can be used, in seconds: a day or a night is shorter than what RFC 8446 allows, and long enough. */
export const TICKET_LIFE_S = 7_200

const SECRET_BYTES = 32
/** What `node:tls` takes: name, HMAC key and AES key, 16 bytes each. */
const KEY_BYTES = 48
/** A ticket begins with the name of its key. */
export const KEY_NAME_BYTES = 16

/** The secrets that are in use. */
export interface TicketSecrets {
  readonly newest: Uint8Array
  /** The one before it; null: there was none. */
  readonly before: Uint8Array | null
}

/** The ticket keys as one thread knows them. */
export class TicketKeys {
  #secrets: TicketSecrets
  #number = 1

  constructor(secrets: TicketSecrets) {
    this.#secrets = secrets
  }

  /** Which secret it is that keys come from: rises with every new one. */
  get number(): number {
    return this.#number
  }

  /** Takes a new secret: handshakes from now on use it. */
  replace(secret: Uint8Array): void {
    this.#secrets = followedBy(this.#secrets, secret)
    this.#number += 1
  }

  /** @param purpose names whose tickets they are. The same name has the same key in every thread. */
  keyOf(purpose: string): Buffer {
    return derive(this.#secrets.newest, purpose)
  }

  /** The same of the secret before; null: there was none. */
  keyBeforeOf(purpose: string): Buffer | null {
    const { before } = this.#secrets
    return before === null ? null : derive(before, purpose)
  }
}

function derive(secret: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `headgate session tickets ${purpose}`, KEY_BYTES))
}

/** The secrets that are in use once there is a new one. */
export function followedBy({ newest }: TicketSecrets, secret: Uint8Array): TicketSecrets {
  return { newest: secret, before: newest }
}

export function ticketSecret(): Uint8Array {
  return randomBytes(SECRET_BYTES)
}

/** Makes a new secret from time to time, and hands it to everybody who needs it. */
export function rotateTicketSecrets(onSecret: (secret: Uint8Array) => void, everyMs = SECRET_LIFE_MS): Disposable {
  const timer = setInterval(() => onSecret(ticketSecret()), everyMs).unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
