/**
 * What a first visit loads. Decisions are made by agents and the control plane: what they need for it stays there.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'

/** Scripts of a first visit, in bytes after gzip. */
const BYTES_MAX = 260_000

test('scripts stay within their budget, and without expressions, patterns and messages of agents', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-bundle-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const root = join(import.meta.dirname, '..')
  await build({ root, logLevel: 'error', build: { outDir: folder, emptyOutDir: true } })
  const names = (await readdir(join(folder, 'assets'))).filter((name) => name.endsWith('.js'))
  const scripts = await Promise.all(names.map((name) => readFile(join(folder, 'assets', name))))
  const bytes = scripts.reduce((sum, script) => sum + gzipSync(script).length, 0)
  assert.ok(bytes < BYTES_MAX, `${bytes} bytes`)
  const text = scripts.join('')
  // Names that survive minifying, because they are data.
  for (const [what, mark] of [
    ['the compiler of expressions', 'the pattern of matches'],
    ['the parser of CEL', 'cel.expr'],
    ['RE2', 'RE2JS'],
    ['protobuf', 'google.protobuf'],
  ] as const) {
    assert.ok(!text.includes(mark), what)
  }
  assert.match(text, /as_claims/, 'it is the contract that is looked at')
})
