/**
 * Where there can be no ring, there is a reason, and a way back.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Arena } from '#agent/http/arena.ts'
import { NetIo } from '#agent/listen/net-io.ts'
import { createUringBackend, RING_ROOM_BYTES, whyUnusable } from './backend.ts'
import { NativeError } from './native.ts'
import { descriptors, whyNoRing } from './testing/ring-here.ts'

const skip = await whyNoRing()

for (const [code, says] of [
  ['ENOSYS', /no io_uring/],
  ['EPERM', /forbidden.*sysctl.*seccomp/],
  ['EINVAL', /too old: Linux 6\.1/],
  ['ENOMEM', /locked memory/],
  ['ENFILE', /refuses \(io_uring_setup ENFILE\)/],
] as const) {
  test(`a kernel that says ${code} is explained, with the way back`, () => {
    const why = whyUnusable(new NativeError('io_uring_setup', code))
    assert.match(why, says)
    assert.match(why, /HEADGATE_IO=uring/)
    assert.match(why, /HEADGATE_IO=net/)
  })
}

test('a process that may not use foreign functions does not start with a ring', async () => {
  const backend = import.meta.resolve('./backend.ts')
  const script = `await (await import(${JSON.stringify(backend)})).createUringBackend(null, null)`
  const args = ['--permission', '--allow-fs-read=*', '--input-type=module', '--eval', script]
  await assert.rejects(promisify(execFile)(process.execPath, args), /forbid node:ffi \(--allow-ffi\). HEADGATE_IO=net/)
})

test('a ring leaves nothing behind', { skip }, async () => {
  const arena = new Arena(RING_ROOM_BYTES)
  const io = new NetIo(arena, false)
  const before = descriptors()
  for (let index = 0; index < 20; index++) (await createUringBackend(arena, io))[Symbol.dispose]()
  assert.equal(descriptors(), before)
})
