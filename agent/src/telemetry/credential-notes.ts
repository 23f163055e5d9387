/**
 * Notes that credentials are used, and that bait was presented, until somebody takes the notes.
 *
 * Every serving thread notes for itself: mostly a look at what it noted last, and never more than one note for a
 * credential in a while. The main thread puts the notes of all threads together, and keeps them for each receiver while
 * that is away. Of each credential the newest use counts, so what waits is bounded by the number of credentials.
 *
 * Tokens are not noted: they are their issuer's, who knows.
 *
 * @module
 */
import type { Principal } from '@headgate/core'

/** An API key, certificate or signing key was used. */
export interface CredentialUse {
  readonly environmentId: string
  readonly credentialId: string
  /** Source address of the caller. */
  readonly address: string
  /** Milliseconds since 1970-01-01 UTC. */
  readonly atMs: number
}

/** A credential that was laid out as bait was presented. */
export interface DecoyUse extends CredentialUse {
  readonly requestId: string
}

/** What came since it was asked last. */
export interface CredentialNews {
  readonly uses: readonly CredentialUse[]
  readonly decoys: readonly DecoyUse[]
  /** Notes that were given up meanwhile, because too many waited. */
  readonly dropped: number
}

/** A credential is noted once in so long, in milliseconds. */
export const USE_MS = 30_000
/** One that is bait is reported once in so long, in milliseconds. */
export const DECOY_MS = 10_000

/** Credentials that wait to be taken; some 200 bytes each. */
const USES_MAX = 100_000
const DECOYS_MAX = 1_000
/** Credentials of which it is known when they were noted. One that is forgotten is noted again. */
const NOTED_MAX = 100_000

export class CredentialNotes {
  readonly #uses = new Map<string, CredentialUse>()
  readonly #decoys = new Map<string, DecoyUse>()
  readonly #usesNoted = new Noted(USE_MS)
  readonly #decoysNoted = new Noted(DECOY_MS)
  #dropped = 0
  #droppedTold = 0

  /** Credentials and bait that wait. */
  get size(): number {
    return this.#uses.size + this.#decoys.size
  }

  /** Notes that were given up because too many waited. */
  get dropped(): number {
    return this.#dropped
  }

  /** @param nowMs milliseconds since 1970-01-01 UTC. */
  used(environmentId: string, { credentialId, credentialKind }: Principal, address: string, nowMs: number): void {
    if (credentialKind === 'jwt' || credentialKind === 'introspection') return
    if (this.#usesNoted.isDue(credentialId, nowMs)) this.#addUse({ environmentId, credentialId, address, atMs: nowMs })
  }

  baited(use: DecoyUse): void {
    if (this.#decoysNoted.isDue(use.credentialId, use.atMs)) this.#addDecoy(use)
  }

  /** Takes what others have noted. */
  add({ uses, decoys, dropped }: CredentialNews): void {
    this.#dropped += dropped
    for (const use of uses) this.#addUse(use)
    for (const decoy of decoys) this.baited(decoy)
  }

  /** Everything that waits; it is forgotten here. */
  take(): CredentialNews {
    const dropped = this.#dropped - this.#droppedTold
    const news = { uses: [...this.#uses.values()], decoys: [...this.#decoys.values()], dropped }
    this.#droppedTold = this.#dropped
    this.#uses.clear()
    this.#decoys.clear()
    return news
  }

  /** Puts back what could not be sent. */
  giveBack({ uses, decoys }: Omit<CredentialNews, 'dropped'>): void {
    for (const use of uses) this.#addUse(use)
    for (const decoy of decoys) this.#addDecoy(decoy)
  }

  #addUse(use: CredentialUse): void {
    const before = this.#uses.get(use.credentialId)
    if (before !== undefined && before.atMs > use.atMs) return
    this.#dropped += put(this.#uses, use.credentialId, use, USES_MAX)
  }

  #addDecoy(use: DecoyUse): void {
    this.#dropped += put(this.#decoys, `${use.credentialId} ${use.atMs}`, use, DECOYS_MAX)
  }
}

/** When names were noted last. */
class Noted {
  readonly #everyMs: number
  readonly #at = new Map<string, number>()
  // Mostly the same credential comes again and again.
  #lastName = ''
  #lastMs = -Infinity

  constructor(everyMs: number) {
    this.#everyMs = everyMs
  }

  /** Whether a name was not noted for long enough. Then it counts as noted now. */
  isDue(name: string, nowMs: number): boolean {
    if (name === this.#lastName && this.#isRecent(this.#lastMs, nowMs)) return false
    const before = this.#at.get(name)
    this.#lastName = name
    if (before !== undefined && this.#isRecent(before, nowMs)) {
      this.#lastMs = before
      return false
    }
    this.#lastMs = nowMs
    put(this.#at, name, nowMs, NOTED_MAX)
    return true
  }

  /** A clock that was set back notes again. */
  #isRecent(ms: number, nowMs: number): boolean {
    return nowMs >= ms && nowMs - ms < this.#everyMs
  }
}

/** Puts the newest last. @returns how many were given up, oldest first. */
function put<V>(map: Map<string, V>, name: string, value: V, most: number): number {
  map.delete(name)
  map.set(name, value)
  if (map.size <= most) return 0
  const [oldest] = map.keys()
  return oldest !== undefined && map.delete(oldest) ? 1 : 0
}
