/**
 * docs/operations/metrics.md and docs/reference/agent-settings.md name what there is, and nothing else.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { settingsReference } from '#agent/config.ts'
import { metricAttributes, metricNames } from './metrics.ts'

const docs = new URL('../../../docs/', import.meta.url)
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

test('the page of settings has every setting with its default and meaning, in their order', () => {
  const rows = page('reference/agent-settings.md')
    .split('\n')
    .filter((row) => row.startsWith('| `'))
  const expected = settingsReference.map(
    ({ name, fallback, doc }) =>
      `| \`${name}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${doc.replaceAll('|', '\\|')} |`,
  )
  assert.deepEqual(rows, expected)
})
