/**
 * `npm run build`: what ships. Each process as one file that needs Node and nothing else, in `dist/`, with the
 * migrations and the dashboard beside the control plane.
 *
 * Proves that each file starts: it is run with `--version` from an empty directory, where no package could be found.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { rolldown } from 'rolldown'
import { ROOT } from './tooling/paths.ts'
import { buildWebUi } from './tooling/web-ui.ts'

const DIST = join(ROOT, 'dist')

const BUNDLES = [
  ['agent/src/main.ts', 'agent.js'],
  ['control-plane/src/main.ts', 'control-plane.js'],
  ['cli/src/main.ts', 'headgate.js'],
] as const

/** Longest start of a bundle for `--version`, in milliseconds. It takes some 150. */
const START_TIMEOUT_MS = 10_000

/** Looked for by `pg` and used only where someone installed it. */
const OPTIONAL = ['pg-native']

async function bundle(entry: string, file: string): Promise<void> {
  await using build = await rolldown({
    input: join(ROOT, entry),
    platform: 'node',
    external: OPTIONAL,
    logLevel: 'warn',
  })
  await build.write({ file: join(DIST, file), format: 'esm', minify: true, codeSplitting: false })
}

async function proveStart(file: string): Promise<string> {
  const path = join(DIST, file)
  const empty = await mkdtemp(join(tmpdir(), 'headgate-build-'))
  try {
    const moved = join(empty, file.replace(/\.js$/, '.mjs'))
    await cp(path, moved)
    const options = { cwd: empty, timeout: START_TIMEOUT_MS, env: {} }
    const { stdout } = await promisify(execFile)(process.execPath, [moved, '--version'], options)
    return `${stdout.trim()}, ${((await stat(path)).size / 1024 / 1024).toFixed(1)} MiB`
  } finally {
    await rm(empty, { recursive: true, force: true })
  }
}

await rm(DIST, { recursive: true, force: true })
await Promise.all([buildWebUi(), ...BUNDLES.map(([entry, file]) => bundle(entry, file))])
await cp(join(ROOT, 'prisma', 'migrations'), join(DIST, 'migrations'), { recursive: true })
await cp(join(ROOT, 'web-ui', 'dist'), join(DIST, 'web-ui'), { recursive: true })
for (const [, file] of BUNDLES) console.log(`dist/${file}: ${await proveStart(file)}`)
