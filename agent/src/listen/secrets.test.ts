import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSecret } from './secrets.ts'

test('a secret is read from where its reference points', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-secret-'))
  try {
    await writeFile(join(folder, 'key'), 'from a file\n')
    assert.deepEqual(await readSecret(`file://${folder}/key`, {}), { kind: 'secret', value: 'from a file\n' })
    assert.deepEqual(await readSecret('env://KEY', { KEY: 'from there' }), { kind: 'secret', value: 'from there' })
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a reference that leads nowhere is a value that names it, never a throw', async () => {
  for (const reference of ['env://KEY', 'file:///nowhere', 'file:///tmp', 'vault://x', '', 'file://relative']) {
    const read = await readSecret(reference, {})
    assert.ok(read.kind === 'missing' && read.why.includes(reference), reference)
  }
})
