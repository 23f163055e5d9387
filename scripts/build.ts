/**
 * `npm run build`: what ships. Each process as one file that needs Node and nothing else, in `dist/`, with the
 * migrations and the dashboard beside the control plane. The agent has its parts beside it, in `dist/agent/`: each of
 * its threads reads only those that it runs, which is half of its start and a quarter of its memory.
 *
 * Proves that each starts: it is run with `--version` from an empty directory, where no package could be found.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, stat, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Plugin, rolldown } from 'rolldown'
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

/** What bundles use of `node:http`. */
const HTTP_NAMES = ['Agent', 'STATUS_CODES', 'createServer', 'request']

const agentPlugins: Plugin[] = [
  {
    // As a module `node:http` has all of its exports read at once, `WebSocket` among them, which loads undici: a third
    // of what a serving thread takes to start, for something that nobody uses. As an object it does not.
    name: 'light-http',
    resolveId: (id) => (id === 'node:http' || id === 'http' ? '\0light-http' : null),
    load: (id) =>
      id === '\0light-http'
        ? `export const { ${HTTP_NAMES.join(', ')} } = process.getBuiltinModule('node:http')`
        : null,
  },
  {
    // The exporters look for gRPC when they are used, in a way that no bundler sees: it would not be there.
    name: 'grpc-inside',
    transform: (code, id) =>
      id.includes('otlp-grpc-exporter-base') && code.includes(GRPC_REQUIRE)
        ? `import * as grpcInside from '@grpc/grpc-js'\n${code.replaceAll(GRPC_REQUIRE, 'grpcInside')}`
        : null,
  },
]

const GRPC_REQUIRE = '__require("@grpc/grpc-js")'

async function bundle(entry: string, file: string): Promise<void> {
  const isAgent = file === 'agent.js'
  await using build = await rolldown({
    input: { [file.replace(/\.js$/, '')]: join(ROOT, entry) },
    platform: 'node',
    external: OPTIONAL,
    plugins: isAgent ? agentPlugins : [],
    logLevel: 'warn',
  })
  const shape = isAgent ? { chunkFileNames: 'agent/[name]-[hash].mjs' } : { codeSplitting: false }
  await build.write({ dir: DIST, entryFileNames: '[name].js', format: 'esm', minify: true, ...shape })
}

async function proveStart(file: string): Promise<string> {
  const path = join(DIST, file)
  const empty = await mkdtemp(join(tmpdir(), 'headgate-build-'))
  try {
    const moved = join(empty, file.replace(/\.js$/, '.mjs'))
    await cp(path, moved)
    const parts = join(DIST, file.replace(/\.js$/, ''))
    if (file === 'agent.js') await cp(parts, join(empty, 'agent'), { recursive: true })
    const options = { cwd: empty, timeout: START_TIMEOUT_MS, env: {} }
    const { stdout } = await promisify(execFile)(process.execPath, [moved, '--version'], options)
    const bytes = await bytesOf(empty)
    return `${stdout.trim()}, ${(bytes / 1024 / 1024).toFixed(1)} MiB`
  } finally {
    await rm(empty, { recursive: true, force: true })
  }
}

/** All files of a folder together. */
async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = entries.map(async (entry) =>
    entry.isFile() ? (await stat(join(entry.parentPath, entry.name))).size : 0,
  )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

await rm(DIST, { recursive: true, force: true })
await Promise.all([buildWebUi(), ...BUNDLES.map(([entry, file]) => bundle(entry, file))])
await cp(join(ROOT, 'prisma', 'migrations'), join(DIST, 'migrations'), { recursive: true })
await cp(join(ROOT, 'web-ui', 'dist'), join(DIST, 'web-ui'), { recursive: true })
for (const [, file] of BUNDLES) console.log(`dist/${file}: ${await proveStart(file)}`)
