/**
 * Hostile tokens and requests, sent to a real agent over HTTP: each refused for its reason, beside one that is admitted.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRaw } from '#agent/testing/raw-client.ts'
import { families } from './cases/index.ts'
import { tokenWith } from './testing/forge.ts'
import { assertForgotten, judge } from './testing/judge.ts'
import { HOST, keys } from './testing/people.ts'
import { openStand } from './testing/stand.ts'

test('hostile tokens and requests are refused for what is wrong with them, and nothing is told', async (t) => {
  await using stand = await openStand()
  const secrets = new Set<string>()
  for (const [family, attacks] of families) {
    await t.test(family, async (part) => {
      for (const attack of attacks) {
        await part.test(attack.title, async () => {
          for (const secret of await judge(stand, attack)) secrets.add(secret)
        })
      }
    })
  }
  await t.test('no credential is in a log or a record', () => assertForgotten(stand, secrets))
})

test('what one request presents counts for no other one on its connection', async () => {
  await using stand = await openStand()
  await using client = await openRaw(stand.agent.http)
  const requests = [
    ['/jwt', `Authorization: Bearer ${tokenWith({})}`, 200],
    ['/jwt', 'X-Nothing: x', 401],
    ['/keys', `X-Api-Key: ${keys.good}`, 200],
    ['/keys', 'X-Nothing: x', 401],
    ['/opaque', 'Authorization: Bearer opaque-token-of-case-000', 200],
    ['/opaque', 'X-Nothing: x', 401],
  ] as const
  // All at once: the second is read while the first is still being proven.
  client.write(requests.map(([target, line]) => `GET ${target} HTTP/1.1\r\nHost: ${HOST}\r\n${line}\r\n\r\n`).join(''))
  for (const [, , status] of requests) assert.equal((await client.read('GET')).status, status)
})

test('there are at least 120 attacks, each with a title of its own, and a control in every family', () => {
  const attacks = families.flatMap(([, all]) => all.filter(({ expected }) => expected !== 'allowed'))
  assert.ok(attacks.length >= 120, `${attacks.length}`)
  const titles = families.flatMap(([family, all]) => all.map(({ title }) => `${family}: ${title}`))
  assert.equal(new Set(titles).size, titles.length)
  for (const [family, all] of families)
    assert.ok(
      all.some(({ expected }) => expected === 'allowed'),
      family,
    )
})
