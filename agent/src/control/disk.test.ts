import { create, toBinary } from '@bufbuild/protobuf'
import { createLog } from '@headgate/kit/log.ts'
import { DirectoryDeltaSchema, DirectorySchema, SignedSnapshotSchema } from '@headgate/proto'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { createDisk } from './disk.ts'

const ONE = 'env_01KAXYZ0000000000000000001'
const TWO = 'env_01KAXYZ0000000000000000002'
const log = createLog({ name: 'test', level: 'silent' })
const HASH = Buffer.from('a hash of an api key............')

const release = create(SignedSnapshotSchema, { snapshot: randomBytes(500), signature: randomBytes(64), keyId: 'sig_1' })
const directoryOf = (environmentId: string) =>
  toBinary(
    DirectorySchema,
    create(DirectorySchema, {
      environmentId,
      sequence: 7n,
      consumers: [{ id: 'cns_1', name: 'planted-consumer' }],
      apiKeys: [{ id: 'key_1', consumerId: 'cns_1', sha256: HASH, last4: 'abcd', state: 1 }],
    }),
  )
const deltaOf = (fromSequence: bigint) =>
  create(DirectoryDeltaSchema, { environmentId: ONE, fromSequence, toSequence: fromSequence + 1n })

async function withFolder(work: (stateDir: string) => Promise<void>): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), 'headgate-disk-'))
  try {
    await work(stateDir)
  } finally {
    await rm(stateDir, { recursive: true })
  }
}

async function fill(stateDir: string, privateKey: Uint8Array) {
  const disk = createDisk({ stateDir, privateKey, log })
  for (const id of [ONE, TWO]) {
    await disk.saveRelease(id, release)
    await disk.saveDirectory(id, directoryOf(id))
  }
  await disk.appendDelta(deltaOf(7n))
  await disk.appendDelta(deltaOf(8n))
  return disk
}

test('what was saved is loaded by the same agent after a restart', () =>
  withFolder(async (stateDir) => {
    const privateKey = randomBytes(100)
    await fill(stateDir, privateKey)
    const [one, two, ...others] = await createDisk({ stateDir, privateKey, log }).load()
    assert.deepEqual(others, [])
    assert.equal(one?.environmentId, ONE)
    assert.deepEqual(toBinary(SignedSnapshotSchema, one?.release ?? release), toBinary(SignedSnapshotSchema, release))
    assert.deepEqual(one?.directory, Buffer.from(directoryOf(ONE)))
    assert.deepEqual(
      one?.deltas.map(({ toSequence }) => toSequence),
      [8n, 9n],
    )
    assert.deepEqual(two?.directory, Buffer.from(directoryOf(TWO)))
  }))

test('files are for their owner alone and hold nothing in clear', () =>
  withFolder(async (stateDir) => {
    const privateKey = randomBytes(100)
    await fill(stateDir, privateKey)
    const folder = join(stateDir, 'environments')
    assert.equal((await stat(folder)).mode & 0o777, 0o700)
    for (const name of await readdir(folder)) {
      assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600)
      const content = await readFile(join(folder, name))
      for (const planted of ['planted-consumer', HASH, release.snapshot, privateKey.subarray(10, 40)]) {
        assert.equal(content.includes(planted), false, name)
      }
    }
  }))

test('the files of another agent do not open', () =>
  withFolder(async (stateDir) => {
    await fill(stateDir, randomBytes(100))
    const found = await createDisk({ stateDir, privateKey: randomBytes(100), log }).load()
    assert.equal(found.length, 2)
    for (const { release: none, directory, deltas } of found) {
      assert.deepEqual({ none, directory, deltas }, { none: null, directory: null, deltas: [] })
    }
  }))

test('a file that was put in the place of another does not open', () =>
  withFolder(async (stateDir) => {
    const privateKey = randomBytes(100)
    await fill(stateDir, privateKey)
    const folder = join(stateDir, 'environments')
    await writeFile(join(folder, `${TWO}.directory`), await readFile(join(folder, `${ONE}.directory`)))
    await writeFile(join(folder, `${TWO}.release`), await readFile(join(folder, `${TWO}.directory`)))
    const [one, two] = await createDisk({ stateDir, privateKey, log }).load()
    assert.notEqual(one?.directory, null)
    assert.equal(two?.directory, null)
    assert.equal(two?.release, null)
  }))

test('a file with any byte changed or cut at any length is refused, and the other environment loads', () =>
  withFolder(async (stateDir) => {
    const privateKey = randomBytes(100)
    await fill(stateDir, privateKey)
    const path = join(stateDir, 'environments', `${ONE}.directory`)
    const whole = await readFile(path)
    const disk = createDisk({ stateDir, privateKey, log })
    for (let at = 0; at < whole.length; at += 1) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
      await writeFile(path, changed)
      const [one, two] = await disk.load()
      assert.equal(one?.directory, null, `byte ${at}`)
      assert.notEqual(two?.directory, null)
      await writeFile(path, whole.subarray(0, at))
      assert.equal((await disk.load())[0]?.directory, null, `length ${at}`)
    }
  }))

test('a crash while a change was appended costs that change and no earlier one', () =>
  withFolder(async (stateDir) => {
    const privateKey = randomBytes(100)
    const disk = await fill(stateDir, privateKey)
    const path = join(stateDir, 'environments', `${ONE}.deltas`)
    const { size } = await stat(path)
    for (const [length, left] of [
      [size - 1, 1],
      [size / 2 + 2, 1],
      [size / 2, 1],
      [3, 0],
    ] as const) {
      await truncate(path, length)
      assert.equal((await disk.load())[0]?.deltas.length, left, `${length} of ${size} bytes`)
    }
  }))

test('saving the whole directory takes the place of what was appended', () =>
  withFolder(async (stateDir) => {
    const disk = await fill(stateDir, randomBytes(100))
    await disk.saveDirectory(ONE, directoryOf(ONE))
    assert.deepEqual((await disk.load())[0]?.deltas, [])
  }))

test('an id that is no id of an environment never becomes a file name', () =>
  withFolder(async (stateDir) => {
    const disk = createDisk({ stateDir, privateKey: randomBytes(100), log })
    for (const id of ['../../etc/passwd', '', 'env_1', `${ONE}/x`]) {
      await assert.rejects(disk.saveRelease(id, release), TypeError)
      await assert.rejects(disk.remove(id), TypeError)
    }
  }))

test('a long appended part asks to be folded into the directory', () =>
  withFolder(async (stateDir) => {
    const disk = await fill(stateDir, randomBytes(100))
    const large = create(DirectoryDeltaSchema, { ...deltaOf(9n), deletedApiKeyIds: ['x'.repeat(300_000)] })
    assert.equal(await disk.appendDelta(deltaOf(9n)), false)
    assert.equal(await disk.appendDelta(large), true)
  }))
