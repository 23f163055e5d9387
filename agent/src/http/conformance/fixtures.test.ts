/**
 * The situations of llhttp's request fixtures: wherever llhttp stops, the agent refuses; what it takes is refused by a rule
 * of ours or forwarded as llhttp reads it.
 */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { fixtures } from './cases/fixtures.ts'
import { openClient } from './testing/client.ts'
import { judge } from './testing/judge.ts'
import { openStand } from './testing/stand.ts'

test('the agent agrees with llhttp in every situation of its request fixtures', async (t) => {
  await using stand = await openStand()
  for (const { about, one } of fixtures) {
    await t.test(about, async () => {
      const { wrong } = await judge(stand, one)
      assert.equal(wrong, null, JSON.stringify(one.bytes).slice(0, 2_000))
    })
  }
  assert.ok(fixtures.length >= 117, `${fixtures.length}`)
})

// Guards the table itself: what it says about llhttp is asked of llhttp.
test('what the fixtures say about llhttp is what it does', async (t) => {
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    request.resume().on('end', () => response.end())
  })
  let refused = false
  server.on('clientError', (_error, socket) => {
    refused = true
    socket.destroy()
  })
  server.on('connect', (_request, socket) => socket.end())
  server.on('upgrade', (_request, socket) => socket.end())
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const { about, llhttp, one } of fixtures) {
    await t.test(about, async () => {
      refused = false
      await using client = await openClient(url)
      for (const piece of typeof one.bytes === 'string' ? [one.bytes] : one.bytes) client.write(piece)
      client.socket.end()
      await client.ended()
      if (llhttp === 'takes' && one.expected.every(({ kind }) => kind === 'arrives')) assert.equal(refused, false)
      if (llhttp === 'refuses') assert.equal(refused, true)
    })
  }
  server.close()
})
