import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Principal } from '@headgate/core'
import { CredentialNotes, DECOY_MS, USE_MS } from './credential-notes.ts'

const NOW_MS = 1_750_000_000_000

function principal(credentialId: string, credentialKind: Principal['credentialKind'] = 'api_key'): Principal {
  return {
    consumerId: 'cns_1',
    consumer: 'acme',
    credentialId,
    credentialKind,
    credentialHint: '…abcd',
    scopes: [],
    roles: [],
    claims: null,
    boundTo: null,
    expiresAtMs: 0,
    limits: [],
  }
}

const use = (credentialId: string, atMs: number, address = '10.0.0.1') => ({
  environmentId: 'env_1',
  credentialId,
  address,
  atMs,
})
const timesOf = (notes: CredentialNotes): number[] => notes.take().uses.map(({ atMs }) => atMs - NOW_MS)

test('a credential in constant use is noted once in thirty seconds', () => {
  const notes = new CredentialNotes()
  const noted: number[] = []
  for (let ms = 0; ms < 2 * USE_MS; ms += 500) {
    notes.used('env_1', principal('key_1'), '10.0.0.1', NOW_MS + ms)
    noted.push(...timesOf(notes))
  }
  assert.deepEqual(noted, [0, USE_MS])
})

test('so is each of many that take turns', () => {
  const notes = new CredentialNotes()
  const noted: string[] = []
  for (let ms = 0; ms < USE_MS; ms += 1_000) {
    for (const id of ['key_1', 'crd_2', 'key_3']) notes.used('env_1', principal(id), '10.0.0.1', NOW_MS + ms)
    noted.push(...notes.take().uses.map(({ credentialId }) => credentialId))
  }
  assert.deepEqual(noted, ['key_1', 'crd_2', 'key_3'])
})

test('a note says whose credential it was, when, and from where', () => {
  const notes = new CredentialNotes()
  notes.used('env_1', principal('crd_1', 'mtls'), '2001:db8::1', NOW_MS)
  assert.deepEqual(notes.take(), { uses: [use('crd_1', NOW_MS, '2001:db8::1')], decoys: [], dropped: 0 })
  assert.equal(notes.size, 0)
})

test('tokens are not noted', () => {
  const notes = new CredentialNotes()
  for (const kind of ['jwt', 'introspection'] as const)
    notes.used('env_1', principal('login:acme', kind), '::1', NOW_MS)
  assert.equal(notes.size, 0)
})

// Otherwise a clock that was an hour ahead would hide an hour of uses.
test('a clock that is set back does not silence anything', () => {
  const notes = new CredentialNotes()
  notes.used('env_1', principal('key_1'), '::1', NOW_MS + 3_600_000)
  notes.take()
  notes.used('env_1', principal('key_1'), '::1', NOW_MS)
  assert.deepEqual(timesOf(notes), [0])
})

test('of the notes of many threads, and of what could not be sent, the newest counts', () => {
  const notes = new CredentialNotes()
  notes.add({ uses: [use('key_1', NOW_MS + 5), use('key_2', NOW_MS)], decoys: [], dropped: 0 })
  notes.add({ uses: [use('key_1', NOW_MS + 3)], decoys: [], dropped: 0 })
  const news = notes.take()
  assert.deepEqual(news.uses, [use('key_1', NOW_MS + 5), use('key_2', NOW_MS)])
  notes.add({ uses: [use('key_2', NOW_MS + 9)], decoys: [], dropped: 0 })
  notes.giveBack(news)
  assert.deepEqual(
    notes.take().uses.toSorted((a, b) => a.atMs - b.atMs),
    [use('key_1', NOW_MS + 5), use('key_2', NOW_MS + 9)],
  )
})

test('bait is reported once in ten seconds, whichever threads it is presented to', () => {
  const [one, other, main] = [new CredentialNotes(), new CredentialNotes(), new CredentialNotes()]
  const reported: string[] = []
  for (let ms = 0; ms < 2 * DECOY_MS; ms += 100) {
    const thread = ms % 200 === 0 ? one : other
    thread.baited({ ...use('key_bait', NOW_MS + ms), requestId: `req_${ms}` })
    for (const each of [one, other]) main.add(each.take())
    reported.push(...main.take().decoys.map(({ requestId }) => requestId))
  }
  assert.deepEqual(reported, ['req_0', `req_${DECOY_MS}`])
})

test('a report of bait that could not be sent is sent later', () => {
  const notes = new CredentialNotes()
  notes.baited({ ...use('key_bait', NOW_MS), requestId: 'req_1' })
  notes.giveBack(notes.take())
  assert.deepEqual(
    notes.take().decoys.map(({ requestId }) => requestId),
    ['req_1'],
  )
})

test('what waits is bounded, and what is given up for that is counted, once', () => {
  const notes = new CredentialNotes()
  const uses = Array.from({ length: 100_007 }, (_, index) => use(`key_${index}`, NOW_MS))
  notes.add({ uses, decoys: [], dropped: 0 })
  assert.deepEqual([notes.size, notes.dropped], [100_000, 7])
  const { uses: left, dropped } = notes.take()
  assert.deepEqual([left[0]?.credentialId, dropped], ['key_7', 7])
  assert.equal(notes.take().dropped, 0)
})
