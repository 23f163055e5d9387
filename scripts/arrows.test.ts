import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ARROWS, findArrowViolations, importsOf } from './arrows.ts'
import { command } from './tooling/command.ts'
import { ROOT } from './tooling/paths.ts'

const PACKAGES = Object.keys(ARROWS).filter((name) => name !== 'scripts')

/** A repository of empty packages with the files given. */
async function plant(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'headgate-arrows-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const manifests = ['package.json', ...PACKAGES.map((name) => `${name}/package.json`)]
  await Promise.all(
    manifests.map(async (file) => {
      await mkdir(join(root, dirname(file)), { recursive: true })
      await cp(join(ROOT, file), join(root, file))
    }),
  )
  for (const [file, content] of Object.entries(files)) {
    await mkdir(join(root, dirname(file)), { recursive: true })
    await writeFile(join(root, file), content)
  }
  return root
}

async function violations(t: TestContext, file: string, content: string): Promise<string[]> {
  const found = await findArrowViolations(await plant(t, { [file]: content }))
  return found.map(({ place, message }) => `${place} ${message}`)
}

test('every arrow that is not allowed is reported, by this check and by the linter', async (t) => {
  const files: Record<string, string> = {}
  const allowed: string[] = []
  for (const from of PACKAGES) {
    const targets: readonly string[] = ARROWS[from as keyof typeof ARROWS]
    for (const to of PACKAGES) {
      if (from === to) continue
      // Type imports, which every allowed arrow may be.
      const file = `${from}/src/to-${to}.ts`
      files[file] = `import type { X } from '@headgate/${to}'\nexport type Y = X\n`
      if (targets.includes(to)) allowed.push(file)
    }
  }
  const root = await plant(t, files)
  const forbidden = Object.keys(files).filter((file) => !allowed.includes(file))

  const found = await findArrowViolations(root)
  assert.deepEqual(new Set(found.map(({ place }) => place.split(':')[0])), new Set(forbidden))

  await cp(join(ROOT, '.oxlintrc.json'), join(root, '.oxlintrc.json'))
  const { stdout } = await command('oxlint', ['--format', 'json', root, '--config', join(root, '.oxlintrc.json')])
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] }
  const linted = diagnostics
    .filter(({ code }) => code.includes('no-restricted-imports'))
    .map(({ filename }) => /[\w-]+\/src\/to-[\w-]+\.ts$/.exec(filename)?.[0])
  assert.deepEqual(new Set(linted), new Set(forbidden))
})

for (const [title, file, content, expected] of [
  [
    'a value of proto in core',
    'core/src/x.ts',
    "import { toBinary } from '@headgate/proto'",
    /core imports only types from proto/,
  ],
  [
    'a dynamic import across packages',
    'agent/src/x.ts',
    "await import('@headgate/prisma')",
    /agent does not import prisma/,
  ],
  [
    'a resolved path across packages',
    'cli/src/x.ts',
    "import.meta.resolve('@headgate/agent/src/main.ts')",
    /cli does not import agent/,
  ],
  [
    'a type from a forbidden package',
    'kit/src/x.ts',
    "type A = import('@headgate/core').A",
    /kit does not import core/,
  ],
  [
    'another package by its path',
    'e2e/src/x.ts',
    "import '../../agent/src/main.ts'",
    /imported by its name, never by its path/,
  ],
  ['a path out of its folder', 'agent/src/auth/x.ts', "import '../limits/y.ts'", /written #agent/],
  ['a Node module in core', 'core/src/x.ts', "import 'node:crypto'", /core runs without Node/],
  ['a Node module in the contract', 'admin-api/src/x.ts', "import 'node:url'", /admin-api runs without Node/],
  ['the process beside main.ts', 'agent/src/x.ts', "import 'node:process'", /only main.ts touches the process/],
  ['an undeclared package', 'core/src/x.ts', "import 'lodash'", /core\/package.json does not name lodash/],
  ['a tool of the root in a source', 'agent/src/x.ts', "import 'typescript'", /does not name typescript/],
] as const) {
  test(`refused: ${title}`, async (t) => {
    const found = await violations(t, file, content)
    assert.equal(found.length, 1)
    assert.match(found[0] ?? '', expected)
    assert.ok(found[0]?.startsWith(`${file}:1 `))
  })
}

for (const [title, file, content] of [
  ['a Node module in a test of core', 'core/src/x.test.ts', "import 'node:fs'"],
  ['a tool of the root in a test', 'agent/src/x.test.ts', "import 'fast-check'"],
  ['a type of proto in core', 'core/src/x.ts', "import type { Snapshot } from '@headgate/proto'"],
  ['the process in main.ts', 'agent/src/main.ts', "import 'node:process'"],
  ['a file of the same folder', 'agent/src/auth/x.ts', "import './jwt.ts'"],
] as const) {
  test(`accepted: ${title}`, async (t) => {
    assert.deepEqual(await violations(t, file, content), [])
  })
}

test('an import is found whatever its form, with its line', () => {
  const code = "import a from 'a'\nexport * from 'b'\nexport { c } from 'c'\nconst d = await import('d')\n"
  assert.deepEqual(
    importsOf(code, 'x.ts').map(({ specifier }) => specifier),
    ['a', 'b', 'c', 'd'],
  )
})
