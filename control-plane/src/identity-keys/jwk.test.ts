import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import test from 'node:test'
import { identityKeyOf, readKey } from './jwk.ts'

// The key and thumbprint of RFC 9449, sections 4.1 and 6.1.
const jwk = {
  kty: 'EC',
  crv: 'P-256',
  x: 'l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs',
  y: '9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA',
}

test('a thumbprint is the one of RFC 7638, as others compute it', () => {
  const spki = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' })
  assert.deepEqual(identityKeyOf(spki), { thumbprint: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I', jwk })
})

test('a key of another curve is refused', () => {
  assert.throws(() => readKey(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey), TypeError)
})
