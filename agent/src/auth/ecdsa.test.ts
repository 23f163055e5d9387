import assert from 'node:assert/strict'
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { derOfShortEcdsa, SHORT_ECDSA_BYTES } from './ecdsa.ts'

/** Both integers of a sequence, which is in the one form of DER, as hex. */
function numbersOf(der: Uint8Array): string[] {
  assert.deepEqual([der[0], der[1]], [0x30, der.length - 2])
  const numbers: string[] = []
  let at = 2
  while (at < der.length) {
    assert.equal(der[at], 0x02)
    const length = der[at + 1] ?? 0
    const bytes = Buffer.from(der.subarray(at + 2, at + 2 + length))
    assert.ok(length > 0 && bytes.length === length)
    const [first = 0, second = 0xff] = bytes
    assert.ok(first < 0x80, 'below zero')
    assert.ok(first !== 0 || length === 1 || second > 0x7f, 'a zero that need not be')
    numbers.push(bytes.toString('hex'))
    at += 2 + length
  }
  return numbers
}

const hexOf = (bytes: Uint8Array): string => {
  const digits = Buffer.from(bytes)
    .toString('hex')
    .replace(/^(?:00)+(?=..)/, '')
  return Number.parseInt(digits.slice(0, 2), 16) > 0x7f ? `00${digits}` : digits
}

// Short numbers, and such with a first bit, are rare where nobody makes them.
const number = fc
  .tuple(fc.nat(32), fc.constantFrom(0x01, 0x7f, 0x80, 0xff), fc.uint8Array({ minLength: 32, maxLength: 32 }))
  .map(([zeros, first, rest]) => {
    const bytes = rest.fill(0, 0, zeros)
    if (zeros < 32) bytes[zeros] = first
    return bytes
  })

test('both numbers stay what they are, each in its shortest form', () => {
  fc.assert(
    fc.property(number, number, (r, s) => {
      const signature = new Uint8Array([...r, ...s])
      assert.equal(signature.length, SHORT_ECDSA_BYTES)
      assert.deepEqual(numbersOf(derOfShortEcdsa(signature)), [hexOf(r), hexOf(s)])
    }),
    { numRuns: 2_000 },
  )
})

test('the library takes one form for what it takes the other for', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  for (let index = 0; index < 300; index++) {
    const text = Buffer.from(`text ${index}`)
    const signature = sign('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    assert.ok(verify('sha256', text, publicKey, derOfShortEcdsa(signature)))
    signature[index % signature.length] = (signature[index % signature.length] ?? 0) ^ (1 << (index & 7))
    assert.equal(verify('sha256', text, publicKey, derOfShortEcdsa(signature)), verify('sha256', text, key, signature))
  }
})

test('a signature of nothing proves nothing', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  for (const fill of [0, 1, 0xff]) {
    const signature = new Uint8Array(SHORT_ECDSA_BYTES).fill(fill)
    assert.equal(verify('sha256', Buffer.from('text'), publicKey, derOfShortEcdsa(signature)), false)
  }
})
