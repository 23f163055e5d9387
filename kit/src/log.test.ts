import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from './log.ts'

test('fields that hold secrets come out as a mark, one level deep too', () => {
  const lines: string[] = []
  const log = createLog({ name: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } })
  log.info({ token: 'planted-1', headers: { 'x-api-key': 'planted-2', authorization: 'planted-3' } }, 'request')
  const line = lines.join('')
  assert.ok(!line.includes('planted'))
  assert.equal(JSON.parse(line).token, '[secret]')
})
