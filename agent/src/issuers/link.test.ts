import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@headgate/kit/clock.ts'
import { createIssuerLink, type IssuerLink, type IssuerQuestion } from './link.ts'

interface Rig {
  readonly link: IssuerLink
  readonly said: (readonly [number: number, question: IssuerQuestion])[]
  /** Ends every wait. */
  wake: () => void
}

function rig(): Rig {
  let wakes: (() => void)[] = []
  const said: [number, IssuerQuestion][] = []
  const clock = {
    ...systemClock,
    sleep: async (_ms: number, signal?: AbortSignal) =>
      await new Promise<void>((resolve) => {
        wakes.push(resolve)
        signal?.addEventListener('abort', () => resolve())
      }),
  }
  const link = createIssuerLink((number, question) => said.push([number, question]), clock)
  const wake = (): void => {
    for (const each of wakes) each()
    wakes = []
  }
  return { link, said, wake }
}

const question = { environmentId: 'env_1', issuer: 'id', token: 'a' }

test('answers find their questions, in whatever order they come', async () => {
  const { link, said } = rig()
  const [renewed, introspected] = [link.renew('keys'), link.introspect(question)]
  assert.deepEqual(said, [
    [1, { kind: 'renew', id: 'keys' }],
    [2, { kind: 'introspect', question }],
  ])
  link.hear(2, { kind: 'introspected', introspected: { kind: 'inactive' } })
  link.hear(1, { kind: 'renewed', renewableAtMs: 7 })
  assert.deepEqual([await renewed, await introspected], [7, { kind: 'inactive' }])
})

test('without an answer in time nothing is said about a token, and an answer that is late is dropped', async () => {
  const { link, wake } = rig()
  const [renewed, introspected] = [link.renew('keys'), link.introspect(question)]
  wake()
  assert.equal(await renewed, null)
  assert.equal((await introspected).kind, 'unavailable')
  link.hear(1, { kind: 'renewed', renewableAtMs: 7 })
})

test('questions that are open are bounded', async () => {
  const { link, said, wake } = rig()
  const open = Array.from({ length: 1_024 }, async () => await link.introspect(question))
  assert.equal((await link.introspect(question)).kind, 'unavailable')
  assert.equal(said.length, 1_024)
  wake()
  await Promise.all(open)
})
