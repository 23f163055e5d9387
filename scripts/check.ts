/**
 * `npm run check`: everything that can be known without running the program. All checks run, at once, and each is
 * reported with its time; any problem ends in code 1.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { findArrowViolations } from './arrows.ts'
import { checkLockFile } from './checks/lock-file.ts'
import { checkProtoCompatible, checkProtoFresh, checkProtoStyle } from './checks/proto.ts'
import { missingMigration } from './database/drift.ts'
import { command } from './tooling/command.ts'
import { ROOT } from './tooling/paths.ts'

type Check = {
  readonly name: string
  /** @returns problems; empty when there is none. */
  readonly run: () => Promise<readonly string[]>
}

function tool(program: string, args: readonly string[]): () => Promise<string[]> {
  return async () => {
    const { code, output } = await command(program, args)
    return code === 0 ? [] : [output.trim()]
  }
}

async function checkMigrations(): Promise<string[]> {
  const sql = await missingMigration()
  return sql === '' ? [] : [`schema.prisma is ahead of the migrations (npm run db:new -- <name>):\n${sql}`]
}

async function checkArrows(): Promise<string[]> {
  const violations = await findArrowViolations(ROOT)
  return violations.map(({ place, message }) => `${place} ${message}`)
}

/** A check of a part that a checkout may not have. */
function when(path: string, check: Check): Check[] {
  return existsSync(join(ROOT, path)) ? [check] : []
}

const CHECKS: readonly Check[] = [
  { name: 'types', run: tool('tsc', ['-p', '.']) },
  ...when('web-ui/tsconfig.json', { name: 'types of the dashboard', run: tool('tsc', ['-p', 'web-ui']) }),
  { name: 'lint', run: tool('oxlint', ['--type-aware', '--deny-warnings']) },
  { name: 'import arrows', run: checkArrows },
  { name: 'format', run: tool('oxfmt', ['--check']) },
  { name: 'proto style', run: checkProtoStyle },
  { name: 'proto compatible with the baseline', run: checkProtoCompatible },
  { name: 'generated messages', run: checkProtoFresh },
  { name: 'migrations', run: checkMigrations },
  { name: 'lock file', run: checkLockFile },
  ...when('scripts/reference.ts', {
    name: 'generated reference',
    run: tool('node', ['--disable-warning=ExperimentalWarning', 'scripts/reference.ts', '--check']),
  }),
]

async function report({ name, run }: Check): Promise<boolean> {
  const started = performance.now()
  const problems = await run().catch((error: unknown) => [error instanceof Error ? (error.stack ?? '') : String(error)])
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`)
  for (const problem of problems) console.log(problem.replaceAll(/^/gm, '     '))
  return problems.length === 0
}

const results = await Promise.all(CHECKS.map(report))
const failed = CHECKS.filter((_, index) => !results[index]).map(({ name }) => name)
console.log(failed.length === 0 ? `${CHECKS.length} checks passed` : `failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
