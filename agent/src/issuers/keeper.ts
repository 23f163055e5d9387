/**
 * Talks to the issuers of everything that is live, for all threads: the only one in the agent who does.
 *
 * Keys are kept for every issuer of every live release, and are published whenever they were fetched. A release that
 * leaves an issuer as it is leaves its keys as they are. A release does not wait for keys: until they are known, tokens
 * of that issuer cannot be judged, and everything else goes on. That there is one who asks, and not one in each thread,
 * is what makes "at most one fetch in 30 s" and "one question about one token" true for the whole agent.
 *
 * @module
 */
import { hash } from 'node:crypto'
import type { CompiledIntrospection, CompiledIssuer } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import { SecretValues } from '#agent/auth/secret-values.ts'
import type { LiveState } from '#agent/live.ts'
import { fetchKeysFrom } from './fetch-keys.ts'
import { introspect, type Introspected, type IssuerClient } from './introspect.ts'
import { COOLDOWN_MS, createKeySource, type KeySource } from './key-source.ts'
import { readKeySet } from './key-set.ts'
import { keysId, type PublishedKeys } from './known-keys.ts'
import type { IssuerPort, TokenQuestion } from './link.ts'

/** How it stands with one issuer, for people. */
export interface IssuerStatus {
  readonly environmentId: string
  readonly issuer: string
  /** Usable keys; null: it is asked about each token. */
  readonly keys: number | null
  /** Age of its keys, in milliseconds; null: none were ever had, or they stand in the release. */
  readonly ageMs: number | null
  /** Why it gave no answer the last time; null: it did. */
  readonly problem: string | null
  readonly fetches: number
  /** Questions about tokens. */
  readonly introspections: number
}

export interface Issuers extends IssuerPort, AsyncDisposable {
  /** The keys that are known. */
  published(): readonly PublishedKeys[]
  /**
   * Calls a listener with keys that were fetched, and with those that are gone.
   *
   * @returns ends the calls.
   */
  onKeys(listener: (keys: PublishedKeys) => void): () => void
  status(): readonly IssuerStatus[]
}

export interface IssuersOptions {
  readonly live: Pick<LiveState, 'environments' | 'onChange' | 'settled'>
  /** Where `env://` secret references look. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Log
}

/** Tokens of one issuer that are asked about at once, by all threads; more are not looked at. */
const QUESTIONS_MAX = 512

/** What became of asking one issuer about tokens. */
interface Questions {
  /** By the SHA-256 of the token. */
  readonly open: Map<string, Promise<Introspected>>
  asked: number
  problem: string | null
}

export function createIssuers({ live, env, clock, log }: IssuersOptions): Issuers {
  const listeners = new Set<(keys: PublishedKeys) => void>()
  const sources = new Map<string, KeySource>()
  const published = new Map<string, PublishedKeys>()
  const questions = new Map<string, Questions>()
  const secrets = new SecretValues(env, clock)
  /** Sources that are no longer needed and end. */
  const ending = new Set<Promise<unknown>>()

  function publish(keys: PublishedKeys): void {
    if (keys.jwks === null) published.delete(keys.id)
    else published.set(keys.id, keys)
    for (const listener of listeners) listener(keys)
  }

  function wanted(): ReadonlyMap<string, CompiledIssuer> {
    const all = new Map<string, CompiledIssuer>()
    for (const { id, release } of live.environments()) {
      for (const issuer of release.issuers.values()) {
        if (issuer.keys !== null && issuer.keys.from !== 'release') all.set(keysId(id, issuer), issuer)
      }
    }
    return all
  }

  function follow(): void {
    for (const [id, issuer] of wanted()) if (!sources.has(id)) sources.set(id, start(id, issuer))
    forgetOthers().catch((error: unknown) => log.error({ err: error }, 'issuers could not be followed'))
  }

  /** Not before every thread acts on the release: until then they need the keys of the one before. */
  async function forgetOthers(): Promise<void> {
    // What `settled` waits for is known once all who follow were called.
    await Promise.resolve()
    await live.settled()
    const needed = wanted()
    for (const [id, source] of sources) if (!needed.has(id)) drop(id, source)
    const asked = live
      .environments()
      .flatMap(({ id, release }) => Array.from(release.issuers.keys(), (name) => questionsName(id, name)))
    for (const name of questions.keys()) if (!asked.includes(name)) questions.delete(name)
  }

  function start(id: string, { issuer, keys, keysStaleMsMax, privateAddresses, ca }: CompiledIssuer): KeySource {
    const jwksUrl = keys?.from === 'url' ? keys.url : null
    return createKeySource({
      issuer,
      fetchKeys: fetchKeysFrom({ issuer, jwksUrl, allowPrivate: privateAddresses, ca }),
      staleMsMax: keysStaleMsMax,
      clock,
      log,
      onKeys: (jwks, usableUntilMs) => {
        // What was fetched for somebody who is gone meanwhile is nobody's.
        if (sources.has(id)) publish({ id, jwks, usableUntilMs })
      },
    })
  }

  function drop(id: string, source: KeySource): void {
    sources.delete(id)
    publish({ id, jwks: null, usableUntilMs: 0 })
    const ended = source[Symbol.asyncDispose]()
    const end = Promise.resolve(ended).finally(() => ending.delete(end))
    ending.add(end)
  }

  function questionsOf(name: string): Questions {
    let found = questions.get(name)
    if (found === undefined) {
      found = { open: new Map(), asked: 0, problem: null }
      questions.set(name, found)
    }
    return found
  }

  async function askAbout(token: string, issuer: CompiledIssuer, of: Questions): Promise<Introspected> {
    const answer = await introspectAt(issuer, token)
    const problem = answer.kind === 'unavailable' ? answer.why : null
    // Once for each change: an issuer that is down would fill the log.
    if (problem !== null && problem !== of.problem) {
      log.warn({ issuer: issuer.issuer, why: problem }, 'an issuer could not be asked about tokens')
    }
    of.problem = problem
    return answer
  }

  async function introspectAt(issuer: CompiledIssuer, token: string): Promise<Introspected> {
    const { introspection } = issuer
    if (introspection === null) return unavailable('it is not asked about tokens')
    const client = await clientOf(introspection)
    if (typeof client === 'string') return unavailable(client)
    const { url, timeoutMs } = introspection
    const { privateAddresses: allowPrivate, ca } = issuer
    return await introspect(token, { url, issuer: issuer.issuer, client, timeoutMs, allowPrivate, ca }, clock)
  }

  /** @returns why not, when its secret cannot be read. */
  async function clientOf({ client }: CompiledIntrospection): Promise<IssuerClient | string> {
    const isSecret = client.method === 'client_secret_basic'
    const read = await secrets.read(isSecret ? client.secret : client.key)
    if (read.kind === 'missing') return read.why
    // A file ends with a line feed that nobody means.
    return isSecret ? { ...client, secret: read.value.replace(/\r?\n$/, '') } : { ...client, key: read.value }
  }

  function statusOf(environmentId: string, issuer: CompiledIssuer): IssuerStatus {
    const { name, keys } = issuer
    const source = sources.get(keysId(environmentId, issuer))?.status() ?? null
    const asked = questions.get(questionsName(environmentId, name))
    const own = keys?.from === 'release' ? readKeySet(keys.jwks) : null
    return {
      environmentId,
      issuer: name,
      keys: own === null ? (source?.keys ?? null) : own.kind === 'keys' ? own.keySet.keys.length : 0,
      ageMs: source?.ageMs ?? null,
      problem: source?.problem ?? asked?.problem ?? null,
      fetches: source?.fetches ?? 0,
      introspections: asked?.asked ?? 0,
    }
  }

  const stopFollowing = live.onChange(follow)
  follow()

  return {
    published: () => [...published.values()],
    onKeys: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    renew: async (id) => {
      const source = sources.get(id)
      if (source === undefined) return clock.monotonic() + COOLDOWN_MS
      await source.renew()
      return source.renewableAtMs
    },
    introspect: async ({ environmentId, issuer: name, token }: TokenQuestion) => {
      const release = live.environments().find(({ id }) => id === environmentId)?.release
      const issuer = release?.issuers.get(name)
      if (issuer === undefined) return unavailable('it is not live')
      const of = questionsOf(questionsName(environmentId, name))
      const hashed = hash('sha256', token, 'base64url')
      let answer = of.open.get(hashed)
      if (answer === undefined) {
        if (of.open.size >= QUESTIONS_MAX) return unavailable('too many tokens are asked about at once')
        of.asked += 1
        answer = askAbout(token, issuer, of).finally(() => of.open.delete(hashed))
        of.open.set(hashed, answer)
      }
      return await answer
    },
    status: () =>
      live
        .environments()
        .flatMap(({ id, release }) => Array.from(release.issuers.values(), (each) => statusOf(id, each))),
    [Symbol.asyncDispose]: async () => {
      stopFollowing()
      for (const [id, source] of sources) drop(id, source)
      await Promise.all(ending)
    },
  }
}

/** An id of an environment holds no space. */
const questionsName = (environmentId: string, issuer: string): string => `${environmentId} ${issuer}`

const unavailable = (why: string): Introspected => ({ kind: 'unavailable', why })
