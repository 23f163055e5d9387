import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { issueRevocationList, issueUnusual } from '@headgate/kit/pki-testing.ts'
import { authority, ca } from '#agent/testing/tls.ts'
import type { Presented } from './certificates.ts'
import { createProvenClients } from './proven-clients.ts'
import { chainOf, readRevocationLists, type RevocationLists } from './revocation-lists.ts'

const { certificate } = await issueUnusual(authority, {})
const chain = chainOf(new X509Certificate(certificate)) ?? []

/** What is presented under a name, and moments at which it is followed. */
function startFollowing() {
  const listeners = new Set<() => void>()
  const presented = (revocations: RevocationLists | null): Presented => ({
    environmentId: 'env_1',
    name: 'asks',
    hosts: [],
    options: {},
    authorities: ca,
    revocations,
    ticketPurpose: null,
  })
  let nowMs = Date.now()
  let current: Presented | null = presented(null)
  const ended: string[] = []
  const clients = createProvenClients({
    certificates: {
      named: (environmentId, name) => (environmentId === 'env_1' && name === 'asks' ? current : null),
      onFollowed: (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    },
    now: () => nowMs,
    onEnded: ({ name }) => void ended.push(name),
  })
  return {
    clients,
    ended,
    listeners,
    watch: (): Socket => {
      const socket = new Socket()
      clients.watch(socket, presented(null), chain)
      return socket
    },
    follow: (revocations: RevocationLists | null | undefined, laterMs = 0): void => {
      nowMs += laterMs
      current = revocations === undefined ? null : presented(revocations)
      for (const listener of listeners) listener()
    },
  }
}

test('a connection ends when the list of its authority has ended, without a release', async () => {
  const list = readRevocationLists(await issueRevocationList(authority), [ca])
  const { watch, follow, ended } = startFollowing()
  const socket = watch()
  follow(list)
  follow(list, 3_500_000)
  assert.equal(socket.destroyed, false)
  follow(list, 200_000)
  assert.deepEqual([socket.destroyed, ended], [true, ['asks']])
  follow(list)
  assert.equal(ended.length, 1)
})

test('without a list, and where nothing is presented any more, connections go on', async () => {
  const { watch, follow } = startFollowing()
  const socket = watch()
  follow(null)
  follow(undefined)
  assert.equal(socket.destroyed, false)
  follow(readRevocationLists(await issueRevocationList(authority, [certificate]), [ca]))
  assert.equal(socket.destroyed, true)
})

test('a connection that is over is forgotten', async () => {
  const revoking = readRevocationLists(await issueRevocationList(authority, [certificate]), [ca])
  const { clients, watch, follow, ended, listeners } = startFollowing()
  const socket = watch()
  await new Promise<void>((resolve) => void socket.once('close', () => resolve()).destroy())
  follow(revoking)
  assert.deepEqual(ended, [])
  clients[Symbol.dispose]()
  assert.equal(listeners.size, 0)
})
