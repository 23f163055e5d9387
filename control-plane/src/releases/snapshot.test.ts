import { fromBinary } from '@bufbuild/protobuf'
import { SnapshotSchema } from '@headgate/proto'
import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, verify } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import { createSigner } from './sign.ts'
import { type SnapshotInput, buildSnapshot } from './snapshot.ts'

const GOLDEN = new URL('./testdata/snapshot.out.hex', import.meta.url)
const input = JSON.parse(readFileSync(new URL('./testdata/snapshot.in.json', import.meta.url), 'utf8')) as SnapshotInput

// Ed25519 is deterministic, so the signature is as golden as the bytes. RFC 8032 section 7.1, test 1.
const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
const signer = createSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))

// What is stored and signed must stay the same for ever: `UPDATE_GOLDEN=1` writes it anew, and the diff is read.
test('the same release has the same bytes and signature on every machine and in every version', () => {
  const bytes = buildSnapshot(input)
  const { signature, keyId } = signer.sign(bytes)
  const lines = [
    Buffer.from(bytes)
      .toString('hex')
      .match(/.{1,100}/g)
      ?.join('\n'),
    Buffer.from(signature).toString('hex'),
    keyId,
  ]
  const text = `${lines.join('\n\n')}\n`
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(GOLDEN, text)
  assert.equal(text, readFileSync(GOLDEN, 'utf8'))
})

test('the order of objects and of fields in a spec does not matter', () => {
  const objects = input.objects.toReversed().map((object) => {
    const fields = Object.entries(object.spec as Record<string, unknown>)
    return { ...object, spec: Object.fromEntries(fields.toReversed()) }
  })
  assert.deepEqual(buildSnapshot({ ...input, objects }), buildSnapshot(input))
})

test('objects are sorted by kind and name, by code unit and not by any language', () => {
  const spec = {}
  const names = ['ä', 'z', 'a', 'B', 'a-b', 'a.b']
  const objects = names.map((name) => ({ kind: 'route', name, spec, origin: '' }))
  const snapshot = fromBinary(SnapshotSchema, buildSnapshot({ ...input, objects }))
  assert.deepEqual(
    snapshot.objects.map(({ name }) => name),
    ['B', 'a', 'a-b', 'a.b', 'z', 'ä'],
  )
})

test('a snapshot says whose it is, which number it has and what an agent must know', () => {
  const { $typeName: _, objects, ...fields } = fromBinary(SnapshotSchema, buildSnapshot(input))
  assert.equal(objects.length, input.objects.length)
  assert.deepEqual(fields, {
    tenantId: input.tenant.id,
    tenant: input.tenant.name,
    environmentId: input.environment.id,
    environment: input.environment.name,
    number: BigInt(input.number),
    publishedAtMs: BigInt(input.publishedAtMs),
    capabilityMin: 3,
  })
})

test('the signature is over the prefix and the bytes, and over nothing else', () => {
  const bytes = buildSnapshot(input)
  const { signature } = signer.sign(bytes)
  const x = Buffer.from(signer.publicKey).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  assert.equal(verify(null, Buffer.concat([Buffer.from('headgate snapshot v1\0'), bytes]), key, signature), true)
  assert.equal(verify(null, bytes, key, signature), false)
})

test('a key that is not Ed25519 signs nothing', async () => {
  const { generateKeyPairSync } = await import('node:crypto')
  assert.throws(() => createSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey), TypeError)
})
