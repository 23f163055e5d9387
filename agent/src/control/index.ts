/**
 * The agent's side of the link to the control plane: enroll, renew, subscribe, keep on disk.
 *
 * Serving never waits for any of it. Whatever is wrong with the link, the identity or the disk, what is live stays
 * live; the log and `status()` say what is wrong and what to do.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { LiveState } from '#agent/live.ts'
import { createApplier } from './apply.ts'
import type { LinkReport } from './connect.ts'
import { certificateEndsAtMs } from './identity.ts'
import { type IdentityKeeper, createIdentityKeeper } from './keeper.ts'
import type { Link } from './link.ts'

export interface ControlSettings {
  /** Folder for identity and last known state. */
  readonly stateDir: string
  /** Secret; needed until there is an identity. */
  readonly joinToken: string | undefined
  /** Name to ask for; undefined: the host name. */
  readonly agentName: string | undefined
}

export interface ControlStatus extends Readonly<LinkReport> {
  /** End of the certificate, in milliseconds since 1970-01-01 UTC; null: there is none. */
  readonly certificateEndsAtMs: number | null
  readonly agentId: string | null
  readonly agentName: string | null
}

export interface Control extends AsyncDisposable {
  status(): ControlStatus
}

interface ControlOptions {
  readonly settings: ControlSettings
  /** The agent's program version, for people. */
  readonly version: string
  /** Addresses that are listened on, such as `http://0.0.0.0:8080`, for people. */
  readonly listeners: () => readonly string[]
  readonly live: LiveState
  readonly clock: Clock
  readonly log: Log
  /**
   * There is an identity, or its certificate was renewed: what was made from an earlier link stops working when the
   * earlier certificate ends.
   */
  readonly onIdentity?: (identity: {
    readonly agentName: string
    readonly agentGroup: string
    readonly link: Link
  }) => void
  /** The key of the identity, in DER (PKCS #8): before anything is served where there is one, and with each new one. */
  readonly onKey?: (privateKey: Uint8Array) => void
  /** When this resolves the link is looked for: what it takes is large, and serving comes first. Default: at once. */
  readonly serving?: Promise<void>
}

/**
 * Makes live what is on disk, and starts to look for the control plane.
 *
 * @returns once the last known state is live; nobody waits for the control plane.
 */
export async function createControl(options: ControlOptions): Promise<Control> {
  const { settings, live, clock, log } = options
  const stop = new AbortController()
  const report: LinkReport = { state: 'waiting', problem: '', heardAtMs: null }
  const keeper: IdentityKeeper = createIdentityKeeper({
    stateDir: settings.stateDir,
    log,
    onNewKey: () => applier.keepAll(),
    onIdentity: ({ agentName, agentGroup, privateKey }, link) => {
      options.onKey?.(privateKey)
      options.onIdentity?.({ agentName, agentGroup, link })
    },
  })
  const applier = createApplier({
    live,
    disk: () => keeper.disk(),
    signingKeys: () => keeper.identity()?.signingKeys ?? [],
    log,
  })

  await keeper.load()
  const known = keeper.identity()
  if (known !== null) {
    options.onKey?.(known.privateKey)
    await applier.load().catch((error: unknown) => log.error({ err: error }, 'the last known state could not be read'))
  }
  const loop = { ...options, ...settings, keeper, applier, report, signal: stop.signal }

  async function run(): Promise<void> {
    await options.serving
    const [{ keepConnected }, { keepRenewing }, { linkOf }] = await Promise.all([
      import('./connect.ts'),
      import('./renew.ts'),
      import('./link.ts'),
    ])
    if (stop.signal.aborted) return
    keeper.linkWith(linkOf)
    await Promise.all([keepConnected(loop), keepRenewing({ keeper, clock, log, signal: stop.signal })])
  }
  const running = run()

  return {
    status: () => {
      const identity = keeper.identity()
      return {
        ...report,
        certificateEndsAtMs: identity === null ? null : certificateEndsAtMs(identity),
        agentId: identity?.agentId ?? null,
        agentName: identity?.agentName ?? null,
      }
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
    },
  }
}
