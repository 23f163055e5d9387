/**
 * Holds the present identity and what follows from it: the disk that opens with its key, and the way to the control
 * plane.
 *
 * @module
 */
import type { Log } from '@headgate/kit/log.ts'
import { type Disk, createDisk } from './disk.ts'
import { makeFolder } from './files.ts'
import { type Identity, loadIdentity, saveIdentity } from './identity.ts'
import type { Link } from './link.ts'

export interface IdentityKeeper {
  identity(): Identity | null
  link(): Link | null
  /** @throws Error when there is no identity: there is nothing to keep anything under. */
  disk(): Disk
  /** Says how a link is made. Until then there is none: what it takes is large, and a start does not wait for it. */
  linkWith(linkOf: (identity: Identity) => Link): void
  /** Reads the identity from the disk. One that is not usable is logged and counts as none. */
  load(): Promise<void>
  /** Makes an identity the present one, and keeps it on disk where that is possible. */
  take(next: Identity): Promise<void>
  /** Aborted when the identity changes. */
  changed(): AbortSignal
}

interface KeeperOptions {
  readonly stateDir: string
  readonly log: Log
  /** The private key is another one: what was sealed under the old one has to be sealed anew. */
  readonly onNewKey: () => Promise<void>
  /** There is an identity, or a newer one. */
  readonly onIdentity: (identity: Identity, link: Link) => void
}

export function createIdentityKeeper({ stateDir, log, ...on }: KeeperOptions): IdentityKeeper {
  let identity: Identity | null = null
  let disk: Disk | null = null
  let link: Link | null = null
  let makeLink: ((identity: Identity) => Link) | null = null
  let change = new AbortController()

  function use(next: Identity): void {
    identity = next
    disk = createDisk({ stateDir, privateKey: next.privateKey, log })
    const before = change
    change = new AbortController()
    before.abort()
    useLink(next)
  }

  function useLink(of: Identity): void {
    if (makeLink === null) return
    link = makeLink(of)
    on.onIdentity(of, link)
  }

  return {
    identity: () => identity,
    link: () => link,
    disk: () => {
      if (disk === null) throw new Error('there is no identity to keep anything under')
      return disk
    },
    changed: () => change.signal,
    linkWith: (linkOf) => {
      makeLink = linkOf
      if (identity !== null) useLink(identity)
    },
    load: async () => {
      const read = await loadIdentity(stateDir)
      if (read.kind === 'damaged')
        log.error({ folder: stateDir, why: read.problem }, 'the identity on disk is not usable')
      if (read.kind === 'ok') use(read.identity)
    },
    take: async (next) => {
      const previous = identity
      try {
        await makeFolder(stateDir)
        await saveIdentity(stateDir, next, previous)
      } catch (error) {
        log.error(
          { folder: stateDir, err: error },
          'could not keep the identity: after a restart a new join token is needed',
        )
      }
      use(next)
      if (previous !== null && !Buffer.from(previous.privateKey).equals(next.privateKey)) await on.onNewKey()
    },
  }
}
