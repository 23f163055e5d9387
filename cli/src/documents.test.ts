/**
 * Every `headgate` command line that documents show, that explain gives as a fix and that the dashboard shows is one that
 * the command line takes: its commands and its options exist.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Command } from 'commander'
import { createCli } from './cli.ts'
import { fakeTerminal } from './fakes/terminal.ts'
import { createProgram } from './program.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Command lines in blocks of `sh`, without what stands before and behind. */
function commandLines(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = '']) => block)
  return blocks
    .flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
    .flatMap((line) => /(?:^|\$\()(?:npx )?headgate ([^#|;)>&]*)/.exec(line)?.[1] ?? [])
}

/** What the command line would not understand; undefined: nothing. */
function problem(line: string): string | undefined {
  const words = line
    .replaceAll(/"[^"]*"|'[^']*'/g, 'text')
    .split(/\s+/)
    .filter((word) => word !== '')
  let one: Command = createProgram(createCli(fakeTerminal({ args: [], cwd: ROOT }), () => ({})))
  const shared = one.options.map(({ long }) => long)
  while (one.commands.length > 0) {
    const word = words.shift()
    const next = one.commands.find((sub) => sub.name() === word)
    if (next === undefined) return word?.startsWith('-') === true ? undefined : `there is no command ${word}`
    one = next
  }
  const known = [...shared, ...one.options.map(({ long }) => long), '--help']
  const unknown = words.find((word) => word.startsWith('--') && !known.includes(word.split('=', 1)[0]))
  return unknown === undefined ? undefined : `${one.name()} does not take ${unknown}`
}

for (const file of globSync(['README.md', 'docs/**/*.md'], { cwd: ROOT })) {
  const lines = commandLines(readFileSync(join(ROOT, file), 'utf8'))
  if (lines.length === 0) continue
  test(`the commands that ${file} shows exist`, () => {
    for (const line of lines) assert.equal(problem(line), undefined, `headgate ${line}`)
  })
}

/** Command lines in texts of a program; what is put in at run time counts as a word. */
function commandsIn(source: string): readonly string[] {
  const texts = source.replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, ' x')
  return [...texts.matchAll(/['"`](?:npx )?headgate ([a-z][^'"`]*)['"`]/g)].map(([, line = '']) =>
    line.replace(/ >.*$/, ''),
  )
}

for (const [what, pattern] of [
  ['explain gives', 'control-plane/src/decisions/explain/*.ts'],
  ['the dashboard shows', 'web-ui/src/**/*.tsx'],
  ['pages of problems show', 'scripts/reference/*.ts'],
] as const) {
  test(`the commands that ${what} exist`, () => {
    const lines = globSync(pattern, { cwd: ROOT }).flatMap((file) => commandsIn(readFileSync(join(ROOT, file), 'utf8')))
    assert.ok(lines.length >= 8, String(lines.length))
    for (const line of lines) assert.equal(problem(line), undefined, `headgate ${line}`)
  })
}

test('a command that is gone would be found', () => {
  assert.deepEqual(commandLines('```sh\nKEY=$(npx headgate keys make --x)   # why\n```\n'), ['keys make --x'])
  assert.equal(problem('keys make'), 'there is no command make')
  assert.equal(problem('keys create --colour red'), 'create does not take --colour')
})
