import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { FileResult } from './run-file.ts'

const RUN_FILE = new URL('./run-file.ts', import.meta.url).href

/** Runs the content as a test file, from a process that is not itself a test: the runner does not nest. */
async function run(t: TestContext, content: string): Promise<FileResult> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-run-file-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'x.test.mjs')
  await writeFile(file, `import { suite, test } from 'node:test'\n${content}`)
  const code = `
    import { runFiles } from ${JSON.stringify(RUN_FILE)}
    const options = { testTimeoutMs: 1500, fileTimeoutMs: 6000, signal: new AbortController().signal }
    const result = await runFiles([${JSON.stringify(file)}], options)
    const failures = result.failures.map((failure) => ({ ...failure, error: String(failure.error) }))
    console.log(JSON.stringify({ ...result, failures }))`
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const main = join(folder, 'main.mjs')
  await writeFile(main, code)
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const output = Buffer.concat((await child.stdout.toArray()) as Buffer[]).toString()
  return JSON.parse(output) as FileResult
}

test('passed, skipped and failed tests are told apart, with titles from the outside in', async (t) => {
  const result = await run(
    t,
    `suite('outer', () => {
      test('holds', () => {})
      test('not here', { skip: 'no such thing' }, () => {})
      test('breaks', () => { throw new Error('because') })
    })`,
  )
  assert.equal(result.passed, 1)
  assert.deepEqual(result.skipped, ['outer > not here (no such thing)'])
  assert.equal(result.failures.length, 1)
  assert.equal(result.failures[0]?.title, 'outer > breaks')
  assert.match(String(result.failures[0]?.error), /because/)
})

for (const [title, content] of [
  ['a test that never ends', "test('x', () => new Promise((resolve) => setTimeout(resolve, 1e6)))"],
  ['a test that never yields', "test('x', () => { for (;;); })"],
  ['a file that cannot be loaded', "throw new Error('broken')"],
  [
    'an error after the test',
    "test('x', () => { setTimeout(() => { throw new Error('late') }) })\ntest('y', (t, done) => setTimeout(done, 50))",
  ],
  [
    'a promise that nobody handles',
    "test('x', () => { Promise.reject(new Error('lost')) })\ntest('y', (t, done) => setTimeout(done, 50))",
  ],
] as const) {
  test(`fails within its bound: ${title}`, async (t) => {
    const result = await run(t, content)
    assert.ok(result.failures.length > 0)
    assert.ok(result.durationMs < 20_000)
  })
}

test('a timer that is left open does not keep the run from ending', async (t) => {
  const result = await run(t, "test('x', () => { setInterval(() => {}, 1000) })")
  assert.deepEqual([result.passed, result.failures.length], [1, 0])
  assert.ok(result.durationMs < 7_000)
})

// Guards against green runs of half a file: the forced end took what was not yet registered for not there.
test('tests behind a module-level await are run, and hooks of the file wait for them', async (t) => {
  const result = await run(
    t,
    `import { after } from 'node:test'
    import { setTimeout as sleep } from 'node:timers/promises'
    let over = false
    after(() => { over = true })
    test('one', () => {})
    await sleep(200)
    test('two', () => { if (over) throw new Error('the hook came first') })
    test('three', () => { throw new Error('ran') })`,
  )
  assert.equal(result.passed, 2)
  assert.deepEqual(
    result.failures.map(({ title }) => title),
    ['three'],
  )
})
