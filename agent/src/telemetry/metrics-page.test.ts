/**
 * docs/operations/metrics.md and docs/reference/agent-settings.md name what there is, and nothing else.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { settingsReference } from '#agent/config.ts'
import { metricAttributes, metricNames } from './metrics.ts'

const docs = new URL('../../../docs/', import.meta.url)
const SETTINGS = 'reference/agent-settings.md'
const page = (path: string): string => readFileSync(new URL(path, docs), 'utf8')

test('the page of metrics has every metric once, with its kind, and every attribute', () => {
  const rows = page('operations/metrics.md').split('\n')
  const listed = rows.flatMap((row) => /^\| `([a-z._]+)` \| (?:sum|gauge|histogram)/.exec(row)?.[1] ?? [])
  assert.deepEqual(listed.toSorted(), Object.values(metricNames).toSorted())
  for (const name of Object.values(metricAttributes)) {
    assert.ok(
      rows.some((row) => row.startsWith('| `headgate.') && row.includes(`\`${name}\``)),
      name,
    )
  }
})

// Made by `UPDATE_GOLDEN=1 npm test -- metrics-page`.
test('the page of settings has every setting with its default and meaning, in their order', () => {
  const [head = ''] = page(SETTINGS).split(/^(?=\| `)/m, 1)
  const rows = settingsReference.map(({ name, fallback, doc }) => {
    const shown = fallback === '' ? '' : `\`${fallback}\``
    return `| \`${name}\` | ${shown} | ${doc.replaceAll('|', '\\|')} |\n`
  })
  const expected = head + rows.join('')
  if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(new URL(SETTINGS, docs), expected)
  assert.equal(page(SETTINGS), expected)
})
