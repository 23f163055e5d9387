import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { Clock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import type { KeySet } from './key-set.ts'
import { COOLDOWN_MS, createKeySource, FRESH_MS, type KeySource } from './key-source.ts'

const STALE_MS = 86_400_000

/** A clock that stands still until it is moved. */
class ManualClock implements Clock {
  #nowMs = 0
  #sleepers: { untilMs: number; wake: () => void }[] = []
  now = (): number => this.#nowMs
  monotonic = (): number => this.#nowMs
  sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      this.#sleepers.push({ untilMs: this.#nowMs + ms, wake: resolve })
      signal?.addEventListener('abort', () => reject(new Error('aborted')))
    })
  }
  async pass(ms: number): Promise<void> {
    this.#nowMs += ms
    const due = this.#sleepers.filter(({ untilMs }) => untilMs <= this.#nowMs)
    this.#sleepers = this.#sleepers.filter(({ untilMs }) => untilMs > this.#nowMs)
    for (const { wake } of due) wake()
    await settled()
  }
}

const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

const keyText = (...names: readonly string[]): string => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  return JSON.stringify({ keys: names.map((kid) => ({ ...key, kid })) })
}

/** The keys once they were asked for. */
async function renewed({ source }: Rig): Promise<KeySet | null> {
  await source.renew()
  return source.current()
}

interface Rig extends AsyncDisposable {
  readonly clock: ManualClock
  readonly source: KeySource
  /** What the issuer publishes; null: it does not answer. */
  published: string | null
}

async function rig(published: string | null): Promise<Rig> {
  const clock = new ManualClock()
  const made = { published }
  const source = createKeySource({
    issuer: 'https://id.test',
    fetchKeys: () => (made.published === null ? Promise.reject(new Error('down')) : Promise.resolve(made.published)),
    staleMsMax: STALE_MS,
    clock,
    log: createLog({ name: 'test', level: 'fatal' }),
  })
  await settled()
  return Object.assign(made, { clock, source, [Symbol.asyncDispose]: async () => await source[Symbol.asyncDispose]() })
}

test('keys are there before the first token', async () => {
  await using it = await rig(keyText('a'))
  assert.ok(it.source.current()?.has('a'))
})

test('the first token with a new key passes, and ten thousand invented ones cause one fetch', async () => {
  await using it = await rig(keyText('a'))
  it.published = keyText('a', 'b')
  assert.ok((await renewed(it))?.has('b'))
  const { fetches } = it.source.status()
  const asked = Array.from({ length: 10_000 }, async () => await renewed(it))
  for (const keys of await Promise.all(asked)) assert.ok(keys?.has('made up 1') === false)
  assert.equal(it.source.status().fetches, fetches)
  await it.clock.pass(COOLDOWN_MS)
  for (let index = 0; index < 1_000; index++) await it.source.renew()
  assert.equal(it.source.status().fetches, fetches + 1)
})

test('tokens that come while keys are fetched wait for the same fetch', async () => {
  await using it = await rig(keyText('a'))
  it.published = keyText('b')
  const all = await Promise.all(Array.from({ length: 100 }, async () => await renewed(it)))
  assert.ok(all.every((keys) => keys?.has('b')))
  assert.equal(it.source.status().fetches, 2)
})

test('known keys stay good for a day while the issuer is down, and no longer', async () => {
  await using it = await rig(keyText('a'))
  it.published = null
  for (let passed = 0; passed < 60; passed++) await it.clock.pass(60_000)
  assert.ok(it.source.current()?.has('a'))
  assert.equal(it.source.status().problem, 'down')
  await it.clock.pass(STALE_MS)
  assert.equal(it.source.current(), null)
  it.published = keyText('a')
  await it.clock.pass(60_000)
  assert.ok(it.source.current()?.has('a'))
})

test('a set that cannot be used does not take the place of one that can', async () => {
  await using it = await rig(keyText('a'))
  it.published = '<html>maintenance</html>'
  await it.clock.pass(FRESH_MS)
  assert.ok(it.source.current()?.has('a'))
  assert.match(it.source.status().problem ?? '', /not JSON/)
})

test('keys are fetched again before they are old, and what was verified counts until they change', async () => {
  await using it = await rig(keyText('a'))
  const before = it.source.current()
  await it.clock.pass(FRESH_MS)
  assert.equal(it.source.status().fetches, 2)
  assert.equal(it.source.current(), before)
  it.published = keyText('b')
  await it.clock.pass(FRESH_MS)
  assert.notEqual(it.source.current(), before)
  assert.ok(it.source.current()?.has('a') === false)
})

test('an issuer that never answered gives no keys, and is asked with growing pauses', async () => {
  await using it = await rig(null)
  assert.equal(it.source.current(), null)
  assert.equal(await renewed(it), null)
  for (let passed = 0; passed < 600; passed++) await it.clock.pass(1_000)
  assert.ok(it.source.status().fetches < 20, `${it.source.status().fetches}`)
})
