import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { ensureMasterKeyFile, readMasterKey } from './master-key.ts'
import { createSealer } from './seal.ts'

const plain = Buffer.from('the private key of an authority')

test('what was sealed opens again, and never holds the plain bytes', () => {
  const sealer = createSealer(randomBytes(32))
  for (const value of [plain, new Uint8Array(), randomBytes(100_000)]) {
    const sealed = sealer.seal('agent_ca', 'key_1', value)
    assert.deepEqual(Buffer.from(sealer.open('agent_ca', 'key_1', sealed)), Buffer.from(value))
    if (value.length > 0) assert.equal(Buffer.from(sealed).includes(value), false)
  }
})

test('the same value sealed twice gives different bytes', () => {
  const sealer = createSealer(randomBytes(32))
  assert.notDeepEqual(sealer.seal('p', 'i', plain), sealer.seal('p', 'i', plain))
})

test('another master key is named as the reason', () => {
  const sealed = createSealer(randomBytes(32)).seal('agent_ca', 'key_1', plain)
  assert.throws(() => createSealer(randomBytes(32)).open('agent_ca', 'key_1', sealed), { code: 'master_key_wrong' })
})

// Guards against swapping rows: a signing key must not open as the authority's.
test('a value that was moved to another row or purpose does not open', () => {
  const sealer = createSealer(randomBytes(32))
  const sealed = sealer.seal('agent_ca', 'key_1', plain)
  assert.throws(() => sealer.open('agent_ca', 'key_2', sealed), { code: 'sealed_damaged' })
  assert.throws(() => sealer.open('snapshot_signing', 'key_1', sealed), { code: 'sealed_damaged' })
})

test('a value with any bit flipped or any length cut does not open', () => {
  const sealer = createSealer(randomBytes(32))
  const sealed = sealer.seal('agent_ca', 'key_1', plain)
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const flipped = new Uint8Array(sealed)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.throws(() => sealer.open('agent_ca', 'key_1', flipped), { name: 'DependencyError' }, `bit ${bit}`)
  }
  for (let length = 0; length < sealed.length; length += 1) {
    assert.throws(() => sealer.open('agent_ca', 'key_1', sealed.slice(0, length)), { name: 'DependencyError' })
  }
})

test('a master key is 32 bytes as hex or base64, and nothing else', () => {
  const bytes = randomBytes(32)
  for (const written of [bytes.toString('hex'), bytes.toString('base64'), `${bytes.toString('base64url')}\n`]) {
    assert.deepEqual(readMasterKey(written), { kind: 'ok', masterKey: bytes })
  }
  for (const written of [
    '',
    'secret',
    bytes.toString('hex').slice(1),
    `${bytes.toString('base64')}A`,
    'é'.repeat(43),
  ]) {
    assert.equal(readMasterKey(written).kind, 'invalid')
  }
})

test('a master key file is made once, readable by its owner alone, and two processes agree on it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-master-key-'))
  try {
    const path = join(directory, 'kept', 'master.key')
    const reads = await Promise.all([1, 2, 3, 4].map(() => ensureMasterKeyFile(path)))
    const again = await ensureMasterKeyFile(path)
    assert.equal(again.kind, 'ok')
    for (const read of reads) assert.deepEqual(read, again)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(join(directory, 'kept')), ['master.key'])
  } finally {
    await rm(directory, { recursive: true })
  }
})
