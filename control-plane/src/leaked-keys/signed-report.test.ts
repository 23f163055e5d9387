import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import test from 'node:test'
import { parseScannerKeys } from './scanner-keys.ts'
import { isSignedBy, readReportSignature } from './signed-report.ts'

const ID = 'github-public-key-identifier'
const SIGNATURE = 'github-public-key-signature'

test('the signature of any one programme is read', () => {
  const read = readReportSignature({ 'acme-public-key-identifier': 'k1', 'acme-public-key-signature': 'AAEC' })
  assert.deepEqual(read, { keyIdentifier: 'k1', signature: Buffer.from([0, 1, 2]) })
})

for (const [name, headers] of [
  ['nothing', {}],
  ['no signature', { [ID]: 'k1' }],
  ['a signature of another programme', { [ID]: 'k1', 'acme-public-key-signature': 'AAEC' }],
  ['two identifiers', { [ID]: 'k1', [SIGNATURE]: 'AAEC', 'acme-public-key-identifier': 'k2' }],
  ['a signature that is not base64', { [ID]: 'k1', [SIGNATURE]: 'A A' }],
] as const) {
  test(`${name} is no signature`, () => assert.equal(readReportSignature(headers), null))
}

test('a signature is over the very bytes: any other byte is not signed', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const body = Buffer.from('[{"token":"x","type":"y"}]')
  const signed = { keyIdentifier: 'k1', signature: sign('sha256', body, privateKey) }
  assert.equal(isSignedBy(publicKey, body, signed), true)
  assert.equal(isSignedBy(publicKey, Buffer.from('[{"token":"x","type":"z"}]'), signed), false)
  assert.equal(isSignedBy(publicKey, Buffer.concat([body, Buffer.from('\n')]), signed), false)
  assert.equal(isSignedBy(publicKey, body, { ...signed, signature: Buffer.alloc(8) }), false)
})

test('a file of keys is refused as a whole when one of them could not be used', () => {
  const pem = (type: 'P-256' | 'P-384') =>
    generateKeyPairSync('ec', { namedCurve: type }).publicKey.export({ type: 'spki', format: 'pem' })
  const file = (...keys: unknown[]) => JSON.stringify({ public_keys: keys })
  const good = { key_identifier: 'k1', key: pem('P-256'), is_current: true }
  assert.deepEqual([...parseScannerKeys(file(good)).keys()], ['k1'])
  assert.throws(() => parseScannerKeys(file(good, { key_identifier: 'k2', key: pem('P-384') })), /public_keys\/1/)
  assert.throws(() => parseScannerKeys(file({ key: good.key })), /public_keys\/0/)
  assert.throws(() => parseScannerKeys(file()), /public_keys/)
  assert.throws(() => parseScannerKeys('{}'), /public_keys/)
})
