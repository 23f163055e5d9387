import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import fc from 'fast-check'
import { readJoinToken } from './join-token.ts'

/** Written here anew, so that a change of the form is noticed: tokens outlive an upgrade. */
function write(body: Uint8Array): string {
  const checksum = createHash('sha256').update(body).digest().subarray(0, 4)
  return `hgj_${Buffer.concat([body, checksum]).toString('base64url')}`
}

const pin = Buffer.alloc(32, 7)
const secret = Buffer.alloc(32, 9)
const whole = write(Buffer.concat([Uint8Array.of(1), pin, secret, Buffer.from('control.example.com:7443')]))

test('a token of the first version is read', () => {
  const expected = { address: 'control.example.com:7443', pin, secret: secret.toString('base64url') }
  assert.deepEqual(readJoinToken(whole), { kind: 'ok', joinToken: expected })
  assert.deepEqual(readJoinToken(`  ${whole}\n`), { kind: 'ok', joinToken: expected })
})

test('a token that lost or changed any character is refused', () => {
  for (let length = 0; length < whole.length; length += 1)
    assert.equal(readJoinToken(whole.slice(0, length)).kind, 'invalid')
  for (let at = 0; at < whole.length; at += 1) {
    const other = whole[at] === 'A' ? 'B' : 'A'
    assert.equal(readJoinToken(whole.slice(0, at) + other + whole.slice(at + 1)).kind, 'invalid', `character ${at}`)
  }
})

test('a token of another version, or with something else in place of the address, is refused', () => {
  for (const address of [
    '',
    'control',
    'a b:1',
    'host:port',
    'host:123456',
    'http://host:1',
    '[::1',
    '\0:1',
    'hôst:1',
  ]) {
    const body = Buffer.concat([Uint8Array.of(1), pin, secret, Buffer.from(address, 'latin1')])
    assert.equal(readJoinToken(write(body)).kind, 'invalid', address)
  }
  const next = Buffer.concat([Uint8Array.of(2), pin, secret, Buffer.from('a:1')])
  assert.deepEqual(readJoinToken(write(next)), {
    kind: 'invalid',
    problem: 'the join token is of a newer control plane: update this agent',
  })
  assert.equal(
    readJoinToken(write(Buffer.concat([Uint8Array.of(1), pin, secret, Buffer.from('[2001:db8::1]:7443')]))).kind,
    'ok',
  )
})

test('no text makes the reader throw, and none that it refuses is repeated', () => {
  const hostile = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.base64String().map((text) => `hgj_${text}`),
  )
  fc.assert(
    fc.property(hostile, (text) => {
      const read = readJoinToken(text)
      assert.equal(read.kind, 'invalid')
      assert.ok(text.length < 8 || !JSON.stringify(read).includes(text))
    }),
    { numRuns: 5_000 },
  )
})

test('every token that is written is read as it was meant', () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(bytes, bytes, fc.domain(), fc.integer({ min: 1, max: 65_535 }), (aPin, aSecret, host, port) => {
      const address = `${host}:${port}`
      const read = readJoinToken(write(Buffer.concat([Uint8Array.of(1), aPin, aSecret, Buffer.from(address)])))
      assert.deepEqual(read, {
        kind: 'ok',
        joinToken: { address, pin: Buffer.from(aPin), secret: Buffer.from(aSecret).toString('base64url') },
      })
    }),
  )
})
