import { create, toBinary } from '@bufbuild/protobuf'
import { type MessageInitShape } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { type SignedSnapshot, SignedSnapshotSchema, SnapshotSchema } from '@headgate/proto'
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import test from 'node:test'
import { type HeldRelease, type VerifyContext, verifySnapshot } from './verify.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const stranger = generateKeyPairSync('ed25519').privateKey
const ENVIRONMENT = 'env_01KAXYZ0000000000000000000'
const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')

const small = {
  tenantId: 'ten_1',
  tenant: 'acme',
  environmentId: ENVIRONMENT,
  environment: 'production',
  number: 5n,
  publishedAtMs: 1n,
  capabilityMin: 1,
  objects: [
    { kind: 'route', name: 'orders', spec: Buffer.from('{"service":"orders","path":"/orders"}') },
    { kind: 'service', name: 'orders', spec: Buffer.from('{}') },
  ],
} satisfies MessageInitShape<typeof SnapshotSchema>

function signed(bytes: Uint8Array, key = privateKey, keyId = 'sig_1'): SignedSnapshot {
  const signature = sign(null, Buffer.concat([Buffer.from('headgate snapshot v1\0'), bytes]), key)
  return create(SignedSnapshotSchema, { snapshot: bytes, signature, keyId })
}

function bytesOf(change: MessageInitShape<typeof SnapshotSchema> = {}): Uint8Array {
  return toBinary(SnapshotSchema, create(SnapshotSchema, { ...small, ...change }))
}

function contextWith(held: HeldRelease | null = null): VerifyContext {
  return {
    signingKeys: [{ keyId: 'sig_1', publicKey: raw }],
    isAssigned: (id) => id === ENVIRONMENT,
    held: () => held,
  }
}

function reasonFor(message: SignedSnapshot, held: HeldRelease | null = null): string {
  const verified = verifySnapshot(message, contextWith(held))
  return verified.kind === 'refused' ? verified.reason : 'genuine'
}

test('a signed snapshot of an assigned environment is genuine', () => {
  assert.equal(reasonFor(signed(bytesOf())), 'genuine')
})

test('a snapshot with any single bit flipped is refused', () => {
  const message = signed(bytesOf())
  for (let bit = 0; bit < message.snapshot.length * 8; bit += 1) {
    const snapshot = new Uint8Array(message.snapshot)
    snapshot[bit >> 3] = (snapshot[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(reasonFor({ ...message, snapshot }), 'the signature of the snapshot is wrong', `bit ${bit}`)
  }
})

test('a signature with any single bit flipped, cut or emptied is refused', () => {
  const message = signed(bytesOf())
  for (let bit = 0; bit < message.signature.length * 8; bit += 1) {
    const signature = new Uint8Array(message.signature)
    signature[bit >> 3] = (signature[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(reasonFor({ ...message, signature }), 'the signature of the snapshot is wrong', `bit ${bit}`)
  }
  for (const length of [0, 63]) {
    const signature = message.signature.slice(0, length)
    assert.equal(reasonFor({ ...message, signature }), 'the signature of the snapshot is wrong')
  }
})

test('a snapshot that another key signed is refused, whatever key id it claims', () => {
  assert.match(reasonFor(signed(bytesOf(), stranger)), /signature .* wrong/)
  assert.match(reasonFor(signed(bytesOf(), stranger, 'sig_2')), /unknown key "sig_2"/)
})

// Guards against a signature made for other bytes of ours, such as a certificate or an audit checkpoint.
test('a signature over the snapshot without its prefix is refused', () => {
  const snapshot = bytesOf()
  const message = create(SignedSnapshotSchema, {
    snapshot,
    signature: sign(null, snapshot, privateKey),
    keyId: 'sig_1',
  })
  assert.match(reasonFor(message), /signature .* wrong/)
})

test('an older number is refused, and the same number only with the same bytes', () => {
  const held = { number: 5, tenantId: 'ten_1', bytes: bytesOf() }
  assert.equal(reasonFor(signed(bytesOf({ number: 4n })), held), 'release r4 is older than r5, which is live')
  assert.equal(reasonFor(signed(bytesOf({ publishedAtMs: 2n })), held), 'release r5 is live with other content')
  assert.equal(reasonFor(signed(bytesOf()), held), 'genuine')
  assert.equal(reasonFor(signed(bytesOf({ number: 6n })), held), 'genuine')
})

test('a snapshot of another tenant or of an environment that is not served here is refused', () => {
  const held = { number: 4, tenantId: 'ten_2', bytes: new Uint8Array() }
  assert.match(reasonFor(signed(bytesOf()), held), /another tenant/)
  assert.match(reasonFor(signed(bytesOf({ environmentId: 'env_other' }))), /not served here/)
})

test('a field that this agent does not know refuses the snapshot, wherever it is', () => {
  const field = (no: number) => new BinaryWriter().tag(no, WireType.LengthDelimited).string('deny').finish()
  assert.match(reasonFor(signed(Buffer.concat([bytesOf(), field(99)]))), /unknown field 99/)
  const object = create(SnapshotSchema, small).objects
  if (object[0] === undefined) throw new Error('no object')
  object[0].$unknown = [
    { no: 17, wireType: WireType.LengthDelimited, data: new BinaryWriter().string('deny').finish() },
  ]
  assert.match(reasonFor(signed(bytesOf({ objects: object }))), /"route\/orders" has the unknown field 17/)
})

for (const [name, change, reason] of [
  ['needs a newer agent', { capabilityMin: 4 }, /capability 4, this agent has 3/],
  ['does not say what it needs', { capabilityMin: 0 }, /capability 0/],
  ['has no number', { number: 0n }, /number/],
  ['has a number out of range', { number: 2n ** 31n }, /number/],
  ['has no tenant', { tenantId: '' }, /whose/],
  ['has no time', { publishedAtMs: 0n }, /when/],
  ['holds an object twice', { objects: [small.objects[0], small.objects[0]] }, /order/],
  ['holds its objects in another order', { objects: small.objects.toReversed() }, /order/],
  ['holds an object without a name', { objects: [{ kind: 'route', name: '' }] }, /no kind or name/],
] as const) {
  test(`a snapshot that ${name} is refused`, () => {
    assert.match(reasonFor(signed(bytesOf(change as MessageInitShape<typeof SnapshotSchema>))), reason)
  })
}

test('bytes that are no snapshot are refused, signed or not', () => {
  assert.match(reasonFor(signed(Buffer.from([0xff, 0xff, 0xff]))), /cannot be read/)
  assert.match(reasonFor(create(SignedSnapshotSchema)), /unknown key/)
})
