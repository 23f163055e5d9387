/**
 * The addresses behind names, asked for again and again, and never on the way of a request.
 *
 * A name server is asked, because it tells how long an answer holds. What it does not know, and what the system's own
 * table of hosts or search list may be meant for, is looked up by the system, which does not tell that. When nobody
 * answers, what was known last stays in use. A name that was never known is asked for at short intervals, so requests
 * that come meanwhile fail soon instead of piling up.
 *
 * Sources: RFC 1035 section 3.2.1 (TTL), RFC 8767 (serving stale data), RFC 6761 section 6.3 (localhost).
 *
 * @module
 */
import { promises as dns } from 'node:dns'
import { readFile } from 'node:fs/promises'
import { type AddressGuard, createAddressGuard } from './address-guard.ts'

/** Addresses of one name. Never empty. */
export interface Resolved {
  readonly addresses: readonly string[]
  /** How long the answer holds; null: nobody said. */
  readonly ttlMs: number | null
}

/** @returns null when there is no answer. Never rejects. */
export type Resolve = (name: string) => Promise<Resolved | null>

export interface Names extends Disposable {
  /**
   * Follows a name.
   *
   * @param changed is told its addresses, and later those that it has changed to; null: there is no answer and there
   *   never was one. Called later, never at once.
   */
  follow(name: string, changed: (addresses: readonly string[] | null) => void): Followed
}

export interface Followed {
  /** Asks soon, because what is known does not seem to hold. */
  refresh(): void
  stop(): void
}

/** How often names are asked for. */
export interface Pace {
  /** Answers hold at least so long: a name server that says 0 must not be asked for every request. */
  readonly ttlMsMin: number
  /** And at most so long: an outage after a move should not last for a day. */
  readonly ttlMsMax: number
  /** When nobody said how long. */
  readonly ttlMsUnknown: number
  /** Pause after a question without an answer; it doubles up to the longest. */
  readonly retryMs: number
  readonly retryMsMax: number
}

const PACE: Pace = { ttlMsMin: 1_000, ttlMsMax: 300_000, ttlMsUnknown: 5_000, retryMs: 500, retryMsMax: 10_000 }
/** Questions at a time. The system's look-up holds one of four threads that files are read by as well. */
const ASKING_MAX = 3
/** Addresses of one name that are used. */
const ADDRESSES_MAX = 64

class Name {
  readonly text: string
  readonly watchers = new Set<(addresses: readonly string[] | null) => void>()
  addresses: readonly string[] | null = null
  answered = false
  asking = false
  askedMs = 0
  failures = 0
  timer: NodeJS.Timeout | null = null

  constructor(text: string) {
    this.text = text
  }
}

/** @param monotonic in milliseconds. */
export function createNames(resolve: Resolve, monotonic: () => number, pace: Pace = PACE): Names {
  const names = new Map<string, Name>()
  const queue: Name[] = []
  let asking = 0
  let disposed = false

  function askIn(name: Name, ms: number): void {
    if (name.timer !== null) clearTimeout(name.timer)
    name.timer = setTimeout(() => ask(name), ms).unref()
  }

  function ask(name: Name): void {
    name.timer = null
    if (name.asking || disposed) return
    name.asking = true
    queue.push(name)
    next()
  }

  function next(): void {
    while (asking < ASKING_MAX) {
      const name = queue.shift()
      if (name === undefined) return
      asking += 1
      name.askedMs = monotonic()
      void resolve(name.text).then((resolved) => {
        asking -= 1
        name.asking = false
        if (!disposed && names.get(name.text) === name) take(name, resolved)
        next()
      })
    }
  }

  function take(name: Name, resolved: Resolved | null): void {
    const before = name.addresses
    if (resolved === null) {
      askIn(name, Math.min(pace.retryMsMax, pace.retryMs * 2 ** Math.min(name.failures, 10)))
      name.failures += 1
      if (before !== null) return
    } else {
      name.failures = 0
      name.addresses = resolved.addresses.toSorted().slice(0, ADDRESSES_MAX)
      askIn(name, Math.min(pace.ttlMsMax, Math.max(pace.ttlMsMin, resolved.ttlMs ?? pace.ttlMsUnknown)))
    }
    name.answered = true
    if (before !== null && before.join() === name.addresses?.join()) return
    for (const watcher of name.watchers) watcher(name.addresses)
  }

  return {
    follow: (text, changed) => {
      const followed = names.get(text) ?? new Name(text)
      followed.watchers.add(changed)
      if (!names.has(text)) {
        names.set(text, followed)
        ask(followed)
      } else if (followed.answered) {
        const { addresses } = followed
        queueMicrotask(() => {
          if (followed.watchers.has(changed)) changed(addresses)
        })
      }
      return {
        refresh: () => {
          if (!followed.asking && monotonic() - followed.askedMs >= pace.ttlMsMin) ask(followed)
        },
        stop: () => {
          followed.watchers.delete(changed)
          if (followed.watchers.size > 0) return
          if (followed.timer !== null) clearTimeout(followed.timer)
          if (names.get(text) === followed) names.delete(text)
        },
      }
    },
    [Symbol.dispose]: () => {
      disposed = true
      for (const { timer } of names.values()) if (timer !== null) clearTimeout(timer)
    },
  }
}

/** Longest wait for a name server, in milliseconds, and how often it is asked. */
const SERVER_MS = 1_000
const SERVER_TRIES = 2
/** The system's own table of hosts. */
const HOSTS_FILE = '/etc/hosts'

/**
 * Asks name servers and the system. IPv4 addresses are used where a name has both kinds: they are reachable from
 * everywhere that we know of, and an address that is not would be tried again and again.
 *
 * @param servers instead of the system's, for tests.
 * @param guard says which addresses a name may have.
 */
export function createResolve(
  servers: readonly string[] = [],
  guard: AddressGuard = createAddressGuard(() => {}),
): Resolve {
  const resolver = new dns.Resolver({ timeout: SERVER_MS, tries: SERVER_TRIES })
  if (servers.length > 0) resolver.setServers(servers)

  async function askServer(name: string): Promise<Resolved | null> {
    for (const ask of [resolver.resolve4.bind(resolver), resolver.resolve6.bind(resolver)]) {
      const found = await ask(name, { ttl: true }).catch(() => [])
      if (found.length === 0) continue
      return {
        addresses: found.map(({ address }) => address),
        ttlMs: Math.min(...found.map(({ ttl }) => ttl)) * 1_000,
      }
    }
    return null
  }

  return async (name) => {
    const isOfSystem = !name.includes('.') || (await isInHostsFile(name))
    const found = (isOfSystem ? null : await askServer(name)) ?? (await lookUp(name))
    return found === null ? null : guard(name, found, isOfSystem)
  }
}

async function lookUp(name: string): Promise<Resolved | null> {
  const found = await dns.lookup(name, { all: true }).catch(() => [])
  const four = found.filter(({ family }) => family === 4)
  const used = four.length > 0 ? four : found
  return used.length === 0 ? null : { addresses: used.map(({ address }) => address), ttlMs: null }
}

async function isInHostsFile(name: string): Promise<boolean> {
  const text = await readFile(HOSTS_FILE, 'utf8').catch(() => '')
  const wanted = name.toLowerCase()
  return text.split('\n').some((line) => {
    const [, ...hosts] = (line.split('#', 1)[0] ?? '').trim().toLowerCase().split(/\s+/)
    return hosts.includes(wanted)
  })
}
