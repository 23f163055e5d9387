/**
 * Runs a verb of the repository from a clean clone: installs what the lock file names, generates what is not
 * written by hand, then runs `scripts/<verb>.ts` on the pinned Node.
 *
 * Plain JavaScript without any dependency, because it runs on the system's Node before anything is installed.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** npm 11 and its lock file need it; everything else runs on the Node that gets installed. */
const NODE_MAJOR_MIN = 20

/** Lines of a failed installation that are shown. */
const OUTPUT_LINES_MAX = 40

const SCRIPTS = dirname(fileURLToPath(import.meta.url))
const ROOT = dirname(SCRIPTS)
const BIN = join(ROOT, 'node_modules', '.bin')
const WINDOWS = process.platform === 'win32'

/** How often it is looked whether whoever started this is still there, in milliseconds. */
const ORPHAN_POLL_MS = 1_000

const VERBS = ['start', 'dev', 'check', 'test', 'e2e', 'bench', 'generate', 'build', 'format', 'db-new']

/** Packages that a lock file (ours, or npm's record of what it installed) names, by folder. */
function packagesOf(file) {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages
}

/** Whether node_modules holds exactly what the lock file names. What is for other platforms may be absent. */
function isInstalled() {
  const record = join('node_modules', '.package-lock.json')
  if (!existsSync(join(ROOT, record))) return false
  const installed = packagesOf(record)
  return Object.entries(packagesOf('package-lock.json')).every(([folder, wanted]) => {
    if (!folder.includes('node_modules/')) return true
    const found = installed[folder]
    if (found === undefined) return wanted.optional === true
    return found.link === wanted.link && found.version === wanted.version && found.integrity === wanted.integrity
  })
}

function install() {
  const started = Date.now()
  process.stderr.write('Installing the packages of package-lock.json (under a minute) ... ')
  // npm tells its path to what it runs; called without npm, it is found on PATH.
  const npm = process.env.npm_execpath
  const [program, first] = npm ? [process.execPath, [npm]] : ['npm', []]
  const args = [...first, 'ci', '--loglevel=error', '--no-audit', '--no-fund', '--include=dev', '--include=optional']
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    shell: WINDOWS && !npm,
  })
  if (status !== 0) {
    // Below the reasons npm prints its whole manual.
    const lines = `${stdout}${stderr}`.split('\n')
    process.stderr.write(`failed\n${lines.slice(0, OUTPUT_LINES_MAX).join('\n')}\n`)
    return false
  }
  process.stderr.write(`${Math.round((Date.now() - started) / 1000)} s\n`)
  return true
}

/** The pinned Node, as one of the platform packages brought it. */
function pinnedNode() {
  const modules = join(ROOT, 'node_modules')
  for (const name of readdirSync(modules)) {
    if (!/^node-(bin-)?(linux|darwin|win)-(x64|arm64)$/.test(name)) continue
    const program = join(modules, name, 'bin', WINDOWS ? 'node.exe' : 'node')
    if (existsSync(program)) return program
  }
  return undefined
}

/** Runs a script in the foreground: same streams, signals handed on, exit code handed back. */
function run(node, script, args) {
  // WebAssembly modules of the tooling are reported as experimental on every run.
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(SCRIPTS, script), ...args], {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}`,
      NODE_COMPILE_CACHE: join(ROOT, '.cache', 'compile'),
    },
  })
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    process.on(signal, () => {
      // An interrupt typed in a terminal reaches the child by itself; a second one would mean "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  // npm asked to end takes only its shell along: what the shell started would run on, with nobody to end it.
  const parent = process.ppid
  const orphaned = setInterval(() => {
    if (process.ppid === parent) return
    // Once: a second signal would mean "at once".
    clearInterval(orphaned)
    child.kill('SIGTERM')
  }, ORPHAN_POLL_MS)
  orphaned.unref()
  return new Promise((resolve) => {
    child.once('error', (error) => {
      process.stderr.write(`${node} does not run here: ${error.message}\n`)
      resolve(1)
    })
    child.once('exit', (code, signal) => {
      clearInterval(orphaned)
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1))
    })
  })
}

async function main([verb, ...args]) {
  if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
    process.stderr.write(
      `Headgate installs with Node ${NODE_MAJOR_MIN} or later; this is ${process.versions.node}. ` +
        'Everything after the installation runs on a Node of its own.\n',
    )
    return 1
  }
  if (!VERBS.includes(verb)) {
    process.stderr.write(`Usage: npm run <verb>, one of: ${VERBS.join(', ')}\n`)
    return 2
  }
  if (!isInstalled() && !install()) return 1
  const node = pinnedNode()
  if (node === undefined) {
    process.stderr.write(`There is no Node package for ${process.platform} on ${process.arch}.\n`)
    return 1
  }
  const generated = await run(node, 'generate.ts', verb === 'generate' ? args : [])
  if (generated !== 0 || verb === 'generate') return generated
  return run(node, `${verb}.ts`, args)
}

process.exitCode = await main(process.argv.slice(2))
