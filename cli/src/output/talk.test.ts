import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '@headgate/kit/clock.ts'
import { fakeTerminal } from '#cli/fakes/terminal.ts'
import { createStyle } from './style.ts'
import { createTalk } from './talk.ts'

/** Time that goes on when the test says so. */
function fakeClock(): Clock & { advance(ms: number): Promise<void> } {
  let now = 0
  let waiting: { readonly at: number; readonly wake: () => void }[] = []
  return {
    now: () => now,
    monotonic: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        waiting.push({ at: now + ms, wake: resolve })
        signal?.addEventListener('abort', () => reject(new Error('aborted')))
      }),
    async advance(ms) {
      now += ms
      const due = waiting.filter(({ at }) => at <= now)
      waiting = waiting.filter(({ at }) => at > now)
      for (const { wake } of due) wake()
      // What was woken runs before the test goes on.
      await sleep(0)
    },
  }
}

function setup(isTerminal: boolean) {
  const clock = fakeClock()
  const terminal = fakeTerminal({ args: [], cwd: '/', isTerminal })
  const talk = createTalk(terminal.err, createStyle({ colour: false, unicode: true }), clock)
  const work = Promise.withResolvers<undefined>()
  return { clock, talk, work, said: () => terminal.printed.stderr }
}

test('a step under 200 ms is not worth a word', async () => {
  const { clock, talk, work, said } = setup(true)
  const step = talk.step('Postgres', 'Postgres', () => work.promise)
  await clock.advance(199)
  work.resolve(undefined)
  await step
  assert.equal(said(), '')
})

test('a step is shown after 200 ms, says what it waits for after 3 s, and ends with its time', async () => {
  const { clock, talk, work, said } = setup(true)
  const step = talk.step('Postgres', 'Postgres to take connections', () => work.promise)
  await clock.advance(200)
  assert.match(said(), /◌ Postgres $/)
  await clock.advance(2_800)
  assert.match(said(), /◌ Postgres: waiting for Postgres to take connections$/)
  work.resolve(undefined)
  await step
  assert.match(said(), /\r\u001B\[2K {2}✓ Postgres {2}3\.0 s\n$/)
})

test('without a terminal only whole lines are written', async () => {
  const { clock, talk, work, said } = setup(false)
  const step = talk.step('Agent', 'the agent', () => work.promise)
  await clock.advance(200)
  assert.equal(said(), '')
  await clock.advance(2_800)
  work.reject(new Error('no'))
  await assert.rejects(step)
  assert.equal(said(), '  ◌ Agent: waiting for the agent\n  ✗ Agent\n')
})

test('a line that comes in between stands above the running step', async () => {
  const { clock, talk, work, said } = setup(true)
  const step = talk.step('Agent', 'the agent', () => work.promise)
  await clock.advance(200)
  talk.line('hello')
  assert.match(said(), /\r\u001B\[2Khello\n {2}◌ Agent $/)
  work.resolve(undefined)
  await step
})

test('a wait inside a step is told by the step', async () => {
  const { clock, talk, work, said } = setup(false)
  const step = talk.step('Agent', 'the agent', () => talk.wait('the control plane', () => work.promise))
  await clock.advance(3_000)
  assert.doesNotMatch(said(), /control plane/)
  work.resolve(undefined)
  await step
})

test('a wait leaves nothing behind on a terminal', async () => {
  const { clock, talk, work, said } = setup(true)
  const wait = talk.wait('the control plane', () => work.promise)
  await clock.advance(200)
  assert.match(said(), /waiting for the control plane$/)
  work.resolve(undefined)
  await wait
  assert.match(said(), /\r\u001B\[2K$/)
})
