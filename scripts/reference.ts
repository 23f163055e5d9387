/**
 * Writes `docs/reference/problems`: a page for each code that a refusal can have. `npm run generate` runs it.
 *
 * With `--check` it changes nothing, names what is missing, left over or different, and ends in code 1.
 *
 * @module
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Pages, problemPages } from './reference/problem-pages.ts'
import { wireReasons } from './reference/wire-reasons.ts'
import { ROOT } from './tooling/paths.ts'

const FOLDER = 'docs/reference/problems'

const pages = problemPages(await wireReasons())
const stale = await differing(pages)

if (process.argv.includes('--check')) {
  for (const name of stale) console.log(`${FOLDER}/${name} is not what its sources say: npm run generate`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else if (stale.length > 0) {
  await write(stale)
  console.log(`generated ${stale.length} of ${pages.size} pages of ${FOLDER}`)
}

/** Names of files that are missing, left over or different. */
async function differing(wanted: Pages): Promise<readonly string[]> {
  const there = await readdir(join(ROOT, FOLDER)).catch(() => [])
  const names = [...new Set([...wanted.keys(), ...there])].toSorted()
  const found = await Promise.all(names.map((name) => readFile(join(ROOT, FOLDER, name), 'utf8').catch(() => null)))
  return names.filter((name, at) => found[at] !== (wanted.get(name) ?? null))
}

async function write(names: readonly string[]): Promise<void> {
  await mkdir(join(ROOT, FOLDER), { recursive: true })
  for (const name of names) {
    const text = pages.get(name)
    if (text === undefined) await rm(join(ROOT, FOLDER, name))
    else await writeFile(join(ROOT, FOLDER, name), text)
  }
}
