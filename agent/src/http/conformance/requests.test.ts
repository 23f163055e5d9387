/**
 * Raw requests of every kind: refused, or forwarded so that the strictest service reads what the agent understood.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectInput } from '@headgate/core'
import { openRelease } from '#agent/testing/agent.ts'
import { groups } from './cases/index.ts'
import { handshakes, trailers } from './cases/opened.ts'
import { judge } from './testing/judge.ts'
import { openStand } from './testing/stand.ts'

for (const [group, cases] of groups) {
  test(`${group}: every request is refused or forwarded clean`, async (t) => {
    await using stand = await openStand()
    const stricter: string[] = []
    for (const one of cases) {
      await t.test(one.title, async () => {
        const verdict = await judge(stand, one)
        assert.equal(verdict.wrong, null, JSON.stringify(one.bytes).slice(0, 2_000))
        if (verdict.stricter) stricter.push(one.title)
      })
    }
    if (stricter.length > 0) t.diagnostic(`refused where it might be forwarded: ${stricter.join('; ')}`)
    assert.equal(stand.agent.app.slots.malformed.get('internal_error'), undefined)
  })
}

/** The open release, with a route that lets everything pass that a route can let pass. */
function openedRelease(url: string): Omit<ObjectInput, 'origin'>[] {
  return openRelease(url).map((object) =>
    object.kind === 'route'
      ? { ...object, spec: { ...(object.spec as object), websocket: true, trailers: true } }
      : object,
  )
}

for (const [group, cases] of [
  ['handshakes', handshakes],
  ['trailers', trailers],
] as const) {
  test(`${group} where a route allows them: every request is refused or forwarded clean`, async (t) => {
    await using stand = await openStand({ objects: openedRelease })
    for (const one of cases) {
      await t.test(one.title, async () => {
        const { wrong } = await judge(stand, one)
        assert.equal(wrong, null, JSON.stringify(one.bytes).slice(0, 2_000))
      })
    }
  })
}

test('there are at least 300 cases, each with a title of its own', () => {
  const titles = groups.flatMap(([group, cases]) => cases.map(({ title }) => `${group}: ${title}`))
  assert.ok(titles.length >= 300, `${titles.length}`)
  assert.equal(new Set(titles).size, titles.length)
})
