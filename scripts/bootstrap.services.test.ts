import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ROOT } from './tooling/paths.ts'

/** A repository with the installed packages of this one, and scripts that the test writes. */
async function repository(t: TestContext, scripts: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'headgate-bootstrap-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  await mkdir(join(root, 'scripts'))
  await cp(join(ROOT, 'scripts', 'bootstrap.mjs'), join(root, 'scripts', 'bootstrap.mjs'))
  // npm's own record as the lock file: whatever is installed is then what is wanted, and nothing gets installed.
  await cp(join(ROOT, 'node_modules', '.package-lock.json'), join(root, 'package-lock.json'))
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  const all = { 'generate.ts': "console.log('generated')", ...scripts }
  for (const [name, content] of Object.entries(all)) await writeFile(join(root, 'scripts', name), content)
  return root
}

function bootstrap(root: string, ...args: string[]) {
  const child = spawn(process.execPath, [join(root, 'scripts', 'bootstrap.mjs'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, output: Buffer.concat(output).toString() }))
  })
  return { child, ended }
}

test('a verb runs on the pinned Node after the generator, with its arguments and exit code', async (t) => {
  const script = "console.log(process.version, process.argv.slice(2).join('|')); process.exitCode = 7"
  const root = await repository(t, { 'bench.ts': script })
  const { code, output } = await bootstrap(root, 'bench', '--a', 'b c').ended
  assert.equal(code, 7)
  assert.match(output, /^generated\nv26\.\d+\.\d+ --a\|b c\n$/)
})

test('a failed generator stops the verb', async (t) => {
  const root = await repository(t, { 'generate.ts': 'process.exitCode = 3', 'bench.ts': "console.log('ran')" })
  assert.deepEqual(await bootstrap(root, 'bench').ended, { code: 3, output: '' })
})

test('an unknown verb names the known ones', async (t) => {
  const { code, output } = await bootstrap(await repository(t, {}), 'destroy').ended
  assert.equal(code, 2)
  assert.match(output, /start, dev, check, test/)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} reaches the verb, which ends in its own way`, async (t) => {
    const script = `
      process.on('${signal}', () => { console.log('closing'); process.exitCode = 5; clearInterval(timer) })
      const timer = setInterval(() => {}, 1000)
      console.log('up')`
    const root = await repository(t, { 'bench.ts': script })
    const { child, ended } = bootstrap(root, 'bench')
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) if (chunk.includes('up')) break
    child.kill(signal)
    const { code } = await ended
    assert.equal(code, 5)
  })
}
