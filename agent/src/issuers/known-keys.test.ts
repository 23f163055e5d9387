import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { CompiledIssuer } from '@headgate/core'
import { systemClock } from '@headgate/kit/clock.ts'
import { type IssuerKeys, keysId, KnownKeys, RENEWAL_MS_MAX } from './known-keys.ts'

const jwksOf = (kid: string): string => {
  const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
  return JSON.stringify({ keys: [{ ...jwk, kid }] })
}

interface Rig {
  readonly known: KnownKeys
  readonly keys: IssuerKeys
  asked: number
  nowMs: number
  /** What the main thread does when it is asked; null: it does not answer. */
  onAsk: () => Promise<number | null>
  /** Ends every wait. */
  wake: () => void
}

function rig(): Rig {
  let wakes: (() => void)[] = []
  const made = {
    asked: 0,
    nowMs: 1_000,
    onAsk: async (): Promise<number | null> => await Promise.resolve(null),
    wake: (): void => {
      for (const wake of wakes) wake()
      wakes = []
    },
  }
  const clock = {
    ...systemClock,
    monotonic: () => made.nowMs,
    sleep: async (ms: number, signal?: AbortSignal) => {
      assert.equal(ms, RENEWAL_MS_MAX)
      await new Promise<void>((resolve) => {
        wakes.push(resolve)
        signal?.addEventListener('abort', () => resolve())
      })
    },
  }
  const known = new KnownKeys(clock, async () => {
    made.asked += 1
    return await made.onAsk()
  })
  return Object.assign(made, { known, keys: known.of('a') })
}

const publish = ({ known }: Rig, jwks: string | null, usableUntilMs = 10_000): void =>
  known.put({ id: 'a', jwks, usableUntilMs })

test('keys are those that were published last, as long as they count, and the same object while they are the same', () => {
  const it = rig()
  assert.equal(it.keys.current(), null)
  const jwks = jwksOf('one')
  publish(it, jwks)
  const first = it.keys.current()
  assert.ok(first?.has('one'))
  publish(it, jwks, 20_000)
  it.nowMs = 15_000
  assert.equal(it.keys.current(), first)
  it.nowMs = 20_000
  assert.equal(it.keys.current(), null)
  publish(it, jwksOf('two'), 30_000)
  assert.ok(it.keys.current()?.has('two'))
  publish(it, null)
  assert.equal(it.keys.current(), null)
})

test('requests that wait are one question, and none is asked before it can help', async () => {
  const it = rig()
  it.onAsk = async () => {
    publish(it, jwksOf('one'))
    return await Promise.resolve(31_000)
  }
  const answers = await Promise.all(Array.from({ length: 100 }, async () => await it.keys.renew()))
  assert.deepEqual([...new Set(answers)], [true])
  assert.equal(it.asked, 1)
  assert.ok(it.keys.current()?.has('one'))
  for (let index = 0; index < 10_000; index++) assert.equal(it.keys.renew(), null)
  it.nowMs = 31_000
  assert.equal(await it.keys.renew(), true)
  assert.equal(it.asked, 2)
})

test('a wait for keys is bounded in time and in number', async () => {
  const it = rig()
  const answer = Promise.withResolvers<number>()
  it.onAsk = async () => await answer.promise
  const waiting = Array.from({ length: 1_000 }, async () => await it.keys.renew())
  assert.equal(await it.keys.renew(), false)
  it.wake()
  assert.deepEqual([...new Set(await Promise.all(waiting))], [false])
  assert.equal(it.asked, 1)
})

test('keys have the name of where they come from', () => {
  const issuer: CompiledIssuer = {
    name: 'id',
    origin: 'headgate.yaml:1',
    issuer: 'https://id.test',
    keys: { from: 'discovery' },
    introspection: null,
    rules: {
      issuer: 'https://id.test',
      audiences: ['orders'],
      clockSkewMs: 0,
      lifeMsMax: 0,
      types: [],
      required: [],
      algorithms: ['ES256'],
    },
    consumerClaim: ['client_id'],
    admitsUnknown: false,
    scopeClaim: ['scope'],
    roleClaim: null,
    keysStaleMsMax: 0,
    privateAddresses: false,
    ca: null,
  }
  const id = keysId('env_1', issuer)
  for (const same of [
    { origin: 'headgate.yaml:2' },
    { admitsUnknown: true },
    { rules: { ...issuer.rules, audiences: [] } },
  ]) {
    assert.equal(keysId('env_1', { ...issuer, ...same }), id)
  }
  const changes: readonly Partial<CompiledIssuer>[] = [
    { name: 'other' },
    { issuer: 'https://id2.test' },
    { keys: { from: 'url', url: 'https://id.test/keys' } },
    { privateAddresses: true },
    { ca: 'PEM' },
    { keysStaleMsMax: 1 },
  ]
  for (const change of changes) assert.notEqual(keysId('env_1', { ...issuer, ...change }), id)
  assert.notEqual(keysId('env_2', issuer), id)
})
