/**
 * A service that answers with whatever it likes: the client gets a whole answer of its own, a reason, or a visible break;
 * and nobody ever gets what was meant for somebody else.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { answers, END, RESET } from './cases/answers.ts'
import { HOST } from './cases/case.ts'
import { openClient } from './testing/client.ts'
import { judgeAnswer, openHostileStand, play, SETTLE_MS } from './testing/hostile.ts'
import { openStand, PROBE } from './testing/stand.ts'

// Each group has an agent of its own, and mostly waits.
suite('what a hostile service answers', { concurrency: true }, () => {
  for (const [group, cases] of answers) {
    test(`${group}: what a service answers is passed on whole and clean, or not at all`, async (t) => {
      await using hostile = await openHostileStand()
      for (const one of cases) {
        await t.test(one.title, async () => assert.equal(await judgeAnswer(hostile, one), null))
      }
      assert.equal(hostile.stand.agent.app.slots.malformed.get('internal_error'), undefined)
    })
  }
})

test('there are at least 80 cases', () => {
  const titles = answers.flatMap(([group, cases]) => cases.map(({ title }) => `${group}: ${title}`))
  assert.ok(titles.length >= 80, `${titles.length}`)
  assert.equal(new Set(titles).size, titles.length)
})

// A service that speaks on a connection that nobody uses: the next request must not get it as its answer.
for (const [title, steps] of [
  ['another answer', ['HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison']],
  ['half an answer', ['HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\npoi']],
  ['408 and an end', ['HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n', END]],
  ['100 Continue', ['HTTP/1.1 100 Continue\r\n\r\n']],
  ['a blank line', ['\r\n']],
  ['nonsense', ['hello']],
  ['an end', [END]],
  ['a reset', [RESET]],
] as const) {
  test(`${title} on an idle connection of the pool reaches nobody`, async () => {
    await using stand = await openStand()
    for (let round = 0; round < 5; round++) {
      assert.equal(await stand.probe(), null)
      for (const connection of stand.service.connections) await play(connection.socket, steps)
      await sleep(SETTLE_MS)
      await using client = await openClient(stand.agent.http)
      client.write(`POST /upload HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello${PROBE}`)
      const [first, second] = [await client.next('POST'), await client.next()]
      // A connection that ends while a request is on its way: POST is not tried again.
      const unlucky = first.kind === 'answer' && first.status === 502
      if (!unlucky) assert.equal(first.kind === 'answer' && first.body, 'POST /upload 5', JSON.stringify(first))
      assert.equal(second.kind === 'answer' && second.body, 'GET /probe 0', JSON.stringify(second))
    }
    assert.deepEqual(stand.service.violations, [])
  })
}
