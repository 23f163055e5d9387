import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalisePath } from './path-form.ts'
import { carelessReading } from './careless.ts'

for (const spelling of [
  '/admin',
  '/Admin',
  '/admin/',
  '/admin.',
  '/admin..',
  '/admin%20',
  '/admin%20/',
  '/admin%20.',
  '/%20admin',
  '/admin%c2%a0',
  '/admin%c2%85',
  '/admin%e2%80%8b',
  '/%ef%bb%bfadmin',
  '/admin%c2%ad',
  '/%ef%bd%81dmin',
  '/%e2%93%90dmin',
]) {
  test(`${spelling} is read as /admin`, () => {
    const form = normalisePath(spelling)
    assert.equal(form.kind === 'path' ? carelessReading(form.path) : 'refused', '/admin')
  })
}

for (const spelling of [
  '/%ef%bc%8fadmin',
  '/public/%ef%bc%8e%ef%bc%8e/admin',
  '/public/%20/admin',
  '/public/.%20/admin',
]) {
  test(`${spelling} is read as no path at all`, () => {
    const form = normalisePath(spelling)
    assert.equal(form.kind === 'path' ? carelessReading(form.path) : null, null)
  })
}

test('usual paths are read as they are, and the root stays the root', () => {
  for (const path of ['/', '/orders/42', '/a.b/c.tar.gz', '/v1/~user/@me', '/caf%C3%A9']) {
    assert.equal(carelessReading(path), decodeURIComponent(path))
  }
})

test('a path of the greatest length is read in a moment', () => {
  const started = performance.now()
  carelessReading(`/${'.'.repeat(8_000)}x.`)
  carelessReading(`/${'%20'.repeat(2_600)}x%20`)
  assert.ok(performance.now() - started < 500)
})
