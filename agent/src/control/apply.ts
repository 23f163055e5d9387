/**
 * Makes live what the control plane sent, or says why not. What was live before stays live in every other case.
 *
 * The order of a release: verify, decode, compile, swap on every thread, keep on disk. The order of a directory change:
 * apply, keep on disk; it counts from the first step on, and is acknowledged after the last. A disk that is full or
 * read-only costs the restart without a control plane and nothing else: serving goes on, and the log says so.
 *
 * One call at a time: the caller answers the pushes in their order.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import { type CompiledRelease, type Finding, compile } from '@headgate/core'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import {
  type Assignment,
  type DirectoryDelta,
  type Held,
  HeldSchema,
  type SignedSnapshot,
  type Snapshot,
} from '@headgate/proto'
import { environmentIdOf } from '#agent/directory/parts.ts'
import type { LiveState } from '#agent/live.ts'
import type { Disk, StoredEnvironment } from './disk.ts'
import type { TrustedKey } from './identity.ts'
import { type HeldRelease, verifySnapshot } from './verify.ts'

/** Reasons in one answer. */
const REASONS_MAX = 20

/** The answer to a push. `held` is null for an assignment. */
export interface Applied {
  readonly accepted: boolean
  readonly reasons: readonly string[]
  readonly held: Held | null
}

export interface Applier {
  /** Makes live what the disk has. Resolves when that is done; a file that is not usable is passed over. */
  load(): Promise<void>
  assign(assignment: Assignment): Promise<Applied>
  release(signed: SignedSnapshot): Promise<Applied>
  /** @param directory a `Directory` in bytes: a large one is read in parts. */
  directory(directory: Uint8Array): Promise<Applied>
  delta(delta: DirectoryDelta): Promise<Applied>
  /** Everything that is held, for `Hello`. */
  held(): readonly Held[]
  /** Writes everything again, under the key of a new identity. */
  keepAll(): Promise<void>
}

interface ApplierOptions {
  readonly live: LiveState
  /** The present disk; it changes with the identity. */
  readonly disk: () => Disk
  readonly signingKeys: () => readonly TrustedKey[]
  readonly log: Log
}

interface KeptRelease extends HeldRelease {
  readonly signed: SignedSnapshot
}

export function createApplier({ live, disk, signingKeys, log }: ApplierOptions): Applier {
  const kept = new Map<string, KeptRelease>()
  /** Environments with something that could not be written: what is on disk of them may end in the middle. */
  const unkept = new Set<string>()
  let assigned: ReadonlySet<string> = new Set()

  function heldOf(environmentId: string): Held {
    const held = live.held().find((entry) => entry.environmentId === environmentId)
    return create(HeldSchema, {
      environmentId,
      releaseNumber: BigInt(held?.releaseNumber ?? 0),
      directorySequence: held?.directorySequence ?? 0n,
    })
  }

  /** Runs one step; whatever it throws is a refusal, because the old state is the safe one. */
  async function attempt(environmentId: string, step: () => Promise<readonly string[]>): Promise<Applied> {
    const reasons = await step().catch((error: unknown) => {
      log.error({ environment_id: environmentId, err: error }, 'a push could not be applied')
      return [`the agent could not apply it: ${errorText(error)}`]
    })
    return { accepted: reasons.length === 0, reasons: reasons.slice(0, REASONS_MAX), held: heldOf(environmentId) }
  }

  /** Never throws: what is live is live, whether or not it could be kept. */
  async function keep(environmentId: string, write: () => Promise<unknown>): Promise<void> {
    try {
      await write()
      unkept.delete(environmentId)
    } catch (error) {
      unkept.add(environmentId)
      log.error(
        { environment_id: environmentId, why: errorText(error) },
        'could not keep it on disk: a restart would not know it',
      )
    }
  }

  /** Writes the release, and the directory as well when the disk is behind. */
  async function keepEnvironment(environmentId: string): Promise<void> {
    const release = kept.get(environmentId)
    const directory = live.directory(environmentId)
    await keep(environmentId, async () => {
      if (release !== undefined) await disk().saveRelease(environmentId, release.signed)
      if (unkept.has(environmentId) && directory.known) {
        await disk().saveDirectory(environmentId, await directory.toBytes())
      }
    })
  }

  /** Verify, decode, compile, swap. Returns the reasons of a refusal; none: it is live. */
  function takeRelease(signed: SignedSnapshot): {
    readonly reasons: readonly string[]
    readonly environmentId: string
  } {
    const verified = verifySnapshot(signed, {
      signingKeys: signingKeys(),
      isAssigned: (id) => assigned.has(id),
      held: (id) => kept.get(id) ?? null,
    })
    if (verified.kind === 'refused') return { reasons: [verified.reason], environmentId: '' }
    const { snapshot } = verified
    const { environmentId, tenantId } = snapshot
    const number = Number(snapshot.number)
    const compiled = compile(releaseInput(snapshot))
    if (compiled.kind === 'refused') return { reasons: reasonsOf(compiled.findings), environmentId }
    swap(environmentId, compiled.release, number)
    kept.set(environmentId, { signed, number, tenantId, bytes: signed.snapshot })
    return { reasons: [], environmentId }
  }

  function swap(environmentId: string, release: CompiledRelease, number: number): void {
    live.setRelease(environmentId, release, number)
    log.info({ environment_id: environmentId, release: number, routes: release.routes.size }, 'release is live')
  }

  async function takeStored({ environmentId, release, ...stored }: StoredEnvironment): Promise<void> {
    const { directory, deltas, isTorn } = stored
    assigned = new Set([...assigned, environmentId])
    const store = live.directory(environmentId)
    const why = directory === null ? null : await store.load(directory)
    if (why !== null) log.error({ environment_id: environmentId, why }, 'the directory on disk is refused')
    if (store.known) {
      // Older ones are in the directory already; after a gap nothing fits any more.
      const fits = (delta: DirectoryDelta): boolean =>
        delta.toSequence <= store.sequence || store.apply(delta) === 'applied'
      // Behind what cannot be used nothing more would be read, so the next change writes everything again. A start does
      // not wait for that.
      if (!deltas.every(fits) || isTorn) unkept.add(environmentId)
    }
    if (release === null) return
    const { reasons, environmentId: of } = takeRelease(release)
    if (reasons.length > 0) log.error({ environment_id: environmentId, reasons }, 'the release on disk is refused')
    else if (of !== environmentId)
      log.error({ environment_id: environmentId, of }, 'the release on disk is of another environment')
  }

  return {
    load: async () => {
      const stored = await disk().load()
      for (const environment of stored) {
        const { environmentId } = environment
        try {
          await takeStored(environment)
        } catch (error) {
          log.error({ environment_id: environmentId, err: error }, 'what is on disk could not be made live')
        }
      }
    },

    held: () => live.held().map(({ environmentId }) => heldOf(environmentId)),

    assign: async ({ environmentIds }) => {
      assigned = new Set(environmentIds)
      for (const { environmentId } of live.held()) {
        if (assigned.has(environmentId)) continue
        live.remove(environmentId)
        kept.delete(environmentId)
        log.info({ environment_id: environmentId }, 'environment is not served here any more')
        await keep(environmentId, () => disk().remove(environmentId))
      }
      await live.settled()
      return { accepted: true, reasons: [], held: null }
    },

    release: async (signed) => {
      let environmentId = ''
      const applied = await attempt(environmentId, async () => {
        const taken = takeRelease(signed)
        environmentId = taken.environmentId
        const { reasons } = taken
        if (reasons.length === 0) {
          await live.settled()
          await keepEnvironment(environmentId)
        } else log.error({ environment_id: environmentId, reasons }, 'release refused: what was live stays live')
        return reasons
      })
      return { ...applied, held: heldOf(environmentId) }
    },

    directory: (directory) => {
      const environmentId = environmentIdOf(directory)
      return attempt(environmentId, async () => {
        if (!assigned.has(environmentId)) return ['the environment is not served here']
        const why = await live.directory(environmentId).load(directory)
        if (why !== null) return [why]
        await keep(environmentId, () => disk().saveDirectory(environmentId, directory))
        return []
      })
    },

    delta: (delta) => {
      const { environmentId } = delta
      return attempt(environmentId, async () => {
        if (!assigned.has(environmentId)) return ['the environment is not served here']
        const unknown = delta.$unknown?.[0]
        if (unknown !== undefined) return [`the change has the unknown field ${unknown.no}: update this agent`]
        const store = live.directory(environmentId)
        const applied = store.apply(delta)
        if (typeof applied === 'object') return [applied.why]
        if (applied === 'gap') {
          return [`the change starts from sequence ${delta.fromSequence}, this agent holds ${store.sequence}`]
        }
        // Behind an entry that is not whole nothing more would be read.
        if (unkept.has(environmentId)) await keepEnvironment(environmentId)
        else {
          await keep(environmentId, async () => {
            if (await disk().appendDelta(delta)) await disk().saveDirectory(environmentId, await store.toBytes())
          })
        }
        return []
      })
    },

    keepAll: async () => {
      for (const { environmentId } of live.held()) {
        unkept.add(environmentId)
        await keepEnvironment(environmentId)
      }
    },
  }
}

function releaseInput({ tenant, environment, number, objects }: Snapshot) {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  return {
    tenant,
    environment,
    number: Number(number),
    objects: objects.map(({ kind, name, spec, origin }) => ({
      kind,
      name,
      origin,
      spec: JSON.parse(utf8.decode(spec)) as unknown,
    })),
  }
}

function reasonsOf(findings: readonly Finding[]): string[] {
  const errors = findings.filter(({ severity }) => severity === 'error')
  return errors.map(({ object, pointer, message }) => `${object}${pointer}: ${message}`)
}
