/**
 * Addresses as the kernel writes them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AF_INET, AF_INET6, packAddress, readHost, readPort } from './address.ts'

for (const [host, family, same] of [
  ['127.0.0.1', AF_INET, '127.0.0.1'],
  ['255.254.0.9', AF_INET, '255.254.0.9'],
  ['::', AF_INET6, '::'],
  ['::1', AF_INET6, '::1'],
  ['2001:db8::', AF_INET6, '2001:db8::'],
  ['2001:0DB8:0:0:1::8', AF_INET6, '2001:db8::1:0:0:8'],
  ['1:2:3:4:5:6:7:8', AF_INET6, '1:2:3:4:5:6:7:8'],
  ['64:ff9b::192.0.2.33', AF_INET6, '64:ff9b::c000:221'],
  // What arrives over IPv4 is IPv4, on whatever it was listened for.
  ['::ffff:192.0.2.7', AF_INET6, '192.0.2.7'],
  ['fe80::1%eth0', AF_INET6, 'fe80::1'],
] as const) {
  test(`${host} is the same to the kernel and back`, () => {
    const packed = packAddress(host, 65_000)
    assert.equal(packed.family, family)
    assert.equal(packed.bytes.readUInt16LE(0), family)
    assert.equal(readHost(packed.bytes), same)
    assert.equal(readPort(packed.bytes), 65_000)
  })
}
