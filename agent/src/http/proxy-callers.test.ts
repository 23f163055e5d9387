import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddressRanges } from '@headgate/core'
import { ProxyCallers } from './proxy-callers.ts'

type Said = Readonly<Record<string, readonly string[]>>

const proxy = { scheme: 'http', address: '10.0.0.9' } as const
const valuesOf =
  (said: Said) =>
  (name: string): readonly string[] =>
    said[name] ?? []

test('a caller that is remembered is the same as one that is read', () => {
  const callers = new ProxyCallers(parseAddressRanges(['10.0.0.0/8']))
  for (let time = 0; time < 3; time++) {
    assert.deepEqual(callers.callerOf(proxy, valuesOf({ 'x-forwarded-for': ['6.6.6.6, 198.51.100.1, 10.0.0.3'] })), {
      address: '198.51.100.1',
      scheme: 'http',
      forwardedFor: '198.51.100.1, 10.0.0.3, 10.0.0.9',
      isInvalid: false,
    })
    const invalid = callers.callerOf(proxy, valuesOf({ 'x-forwarded-for': ['nonsense'] }))
    assert.deepEqual(invalid, { address: '10.0.0.9', scheme: 'http', forwardedFor: '10.0.0.9', isInvalid: true })
  }
})

// Guards against what was remembered of one saying being taken for another.
test('the same words in another field, on other lines or over another connection are remembered apart', () => {
  const callers = new ProxyCallers(parseAddressRanges(['10.0.0.0/8']))
  const seen = (said: Said, of: { scheme: 'http' | 'https'; address: string } = proxy): string => {
    const { address, scheme, isInvalid } = callers.callerOf(of, valuesOf(said))
    return `${address} ${scheme} ${isInvalid}`
  }
  for (let time = 0; time < 2; time++) {
    assert.equal(seen({}), '10.0.0.9 http false')
    assert.equal(seen({}, { scheme: 'https', address: '10.0.0.9' }), '10.0.0.9 https false')
    assert.equal(seen({}, { scheme: 'http', address: '10.0.0.8' }), '10.0.0.8 http false')
    assert.equal(seen({ 'x-forwarded-for': ['198.51.100.1'] }), '198.51.100.1 http false')
    assert.equal(seen({ forwarded: ['198.51.100.1'] }), '10.0.0.9 http true')
    assert.equal(seen({ 'x-forwarded-proto': ['https'] }), '10.0.0.9 https false')
    assert.equal(seen({ 'x-forwarded-for': ['https'] }), '10.0.0.9 http true')
    const both = { 'x-forwarded-for': ['198.51.100.1', '198.51.100.2'], 'x-forwarded-proto': ['https'] }
    assert.equal(seen(both), '198.51.100.2 https false')
    assert.equal(seen({ ...both, 'x-forwarded-proto': ['http', 'https'] }), '198.51.100.2 https false')
    assert.equal(seen({ ...both, 'x-forwarded-proto': ['https', 'http'] }), '198.51.100.2 http false')
  }
})

test('more callers than are remembered are each who they are', () => {
  const callers = new ProxyCallers(parseAddressRanges(['10.0.0.0/8']))
  for (let index = 0; index < 10_000; index++) {
    const address = `198.51.${index >> 8}.${index & 255}`
    assert.equal(callers.callerOf(proxy, valuesOf({ 'x-forwarded-for': [address] })).address, address)
  }
})
