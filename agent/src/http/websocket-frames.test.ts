import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { test } from 'node:test'
import * as ws from 'ws'
import { closeCodes, closeFrame, FrameReader } from './websocket-frames.ts'

/** Parts of the library that its types do not tell of. */
const { Receiver, Sender } = ws as unknown as {
  readonly Receiver: new (options: { readonly isServer: boolean }) => Writable
  readonly Sender: { frame(data: Buffer, options: object): Buffer[] }
}

/** A frame as the library writes it. */
function frame(length: number, mask: boolean, opcode = 2): Buffer {
  const options = { fin: true, rsv1: false, opcode, mask, readOnly: false }
  return Buffer.concat(Sender.frame(Buffer.alloc(length, 0x88), options))
}

test('the ends of frames are found, however they are cut', () => {
  const frames = [0, 1, 125, 126, 127, 65_535, 65_536, 3].flatMap((length) => [
    frame(length, true),
    frame(length, false),
  ])
  const all = Buffer.concat(frames)
  const ends = new Set<number>()
  let at = 0
  for (const each of frames) ends.add((at += each.length))
  for (const size of [1, 2, 3, 7, 1_000, all.length]) {
    const reader = new FrameReader()
    for (let start = 0; start < all.length; start += size) {
      const end = Math.min(all.length, start + size)
      reader.take(all, start, end)
      assert.equal(reader.isBetween, ends.has(end), `${size} ${end}`)
    }
  }
})

test('the rest of a frame is told from what comes behind it', () => {
  const [first, second] = [frame(300, true), frame(5, true)]
  const reader = new FrameReader()
  reader.take(first, 0, 3)
  const rest = Buffer.concat([first.subarray(3), second])
  assert.equal(reader.takeFrame(rest, 0, 100), 100)
  assert.equal(reader.takeFrame(rest, 100, rest.length), first.length - 3)
  assert.ok(reader.isBetween)
})

test('a close frame is seen when it begins, and data that looks like one is not', () => {
  const reader = new FrameReader()
  const data = frame(200, false)
  reader.take(data, 0, data.length)
  assert.equal(reader.closes, false)
  const close = frame(2, true, 8)
  reader.take(close, 0, 1)
  assert.equal(reader.closes, true)
})

for (const masked of [true, false]) {
  test(`a library reads the close frame that is ${masked ? 'masked, as to a service' : 'not masked, as to a client'}`, async () => {
    const receiver = new Receiver({ isServer: masked })
    const concluded = once(receiver, 'conclude') as Promise<[number, Buffer]>
    receiver.write(closeFrame(closeCodes.policy, 'credential_revoked', masked))
    const [code, why] = await concluded
    assert.deepEqual([code, why.toString()], [1008, 'credential_revoked'])
  })
}
