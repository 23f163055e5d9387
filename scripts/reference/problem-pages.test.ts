import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemCodes } from '@headgate/admin-api'
import { reasons } from '@headgate/core'
import { problemPages } from './problem-pages.ts'
import { wireReasons } from './wire-reasons.ts'

const pages = problemPages(await wireReasons())

test('every code that can be answered has a page, and the list leads to each', () => {
  const index = pages.get('README.md') ?? ''
  for (const code of [...Object.keys(reasons), ...Object.keys(problemCodes), 'framing_invalid']) {
    assert.match(pages.get(`${code}.md`) ?? '', new RegExp(`^# ${code}$`, 'm'))
    assert.ok(index.includes(`[${code}](${code}.md)`), code)
  }
})

test('a page has a status, a meaning and one fix', () => {
  for (const [name, text] of pages) {
    if (name === 'README.md') continue
    const sections = text.split('\n---\n')
    for (const section of sections) {
      assert.equal(section.match(/^\*\*What helps:\*\* \S.*\.$/gm)?.length, 1, name)
      assert.match(section, /with status [1-5]\d\d\./)
    }
  }
})

// Agents and the admin API answer with the same code for another thing.
test('one page explains both meanings of a code', () => {
  const text = pages.get('method_not_allowed.md') ?? ''
  assert.match(text, /at the gate Route[^]*\n---\n[^]*The admin API answers/)
})
