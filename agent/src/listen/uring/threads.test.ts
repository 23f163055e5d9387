/**
 * Threads with a ring each: they share a port, and one that is gone leaves nothing that answers nobody.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BroadcastChannel } from 'node:worker_threads'
import { openRelease, setRelease } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { startThreads } from '#agent/testing/threads.ts'
import { whyNoRing } from './testing/ring-here.ts'

const skip = await whyNoRing()

const FAULTY = new URL('../../testing/faulty-thread.ts', import.meta.url)
const GET = 'GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n'
/** Longest time until a thread is replaced, in milliseconds. */
const REPLACED_MS = 20_000
/** State of a listening socket in /proc/net/tcp. */
const LISTENING = '0A'

/** Sockets of this machine that listen on a port of 127.0.0.1, also those without an owner. */
function listenersOn(port: number): number {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local === address && state === LISTENING).length
}

// A ring is not Node's: what a thread leaves open would stay open, and take its share of the connections.
test('a thread that is ended by force leaves no listener and no client behind', { skip }, async () => {
  await using service = await startService((_, socket) => {
    setTimeout(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'), 200)
    return null
  })
  await using agent = await startThreads({ workers: 2, io: 'uring' }, FAULTY)
  setRelease(agent.app.live, openRelease(service.url))
  await agent.app.live.settled()
  const port = Number(new URL(agent.http).port)
  assert.equal(listenersOn(port), 2)
  const asked = Array.from({ length: 24 }, async () => (await sendRaw(agent.http, GET)).status)
  const channel = new BroadcastChannel('faults')
  channel.postMessage({ worker: 1, what: 'block' })
  channel.close()
  // Whoever was with it is told, not kept waiting.
  for (const answer of await Promise.allSettled(asked))
    if (answer.status === 'rejected') assert.doesNotMatch(String(answer.reason), /nothing came/)
    else assert.equal(answer.value, 200)
  for (let waitedMs = 0; !agent.logged().includes('"replaced"') || listenersOn(port) !== 2; waitedMs += 50) {
    assert.ok(waitedMs < REPLACED_MS, `${listenersOn(port)} listeners; ${agent.logged().slice(-300)}`)
    await sleep(50)
  }
  for (let index = 0; index < 20; index++) assert.equal((await sendRaw(agent.http, GET)).status, 200)
})
