import assert from 'node:assert/strict'
import { test } from 'node:test'
import { input, object, route, service } from '#core/fakes/release.ts'
import { findingList } from './findings.ts'
import { readObjects } from './read-objects.ts'

test('good objects are sorted by kind, with defaults; bad ones are declared all the same', () => {
  const findings = findingList()
  const objects = readObjects(input(route('a', '/a'), service('shop'), route('b', 'b')), findings)
  assert.deepEqual(
    objects.byKind.route.map(({ name, spec }) => [name, spec.match]),
    [['a', 'exact']],
  )
  assert.ok(objects.declares('route', 'b') && objects.declares('service', 'shop'))
  assert.ok(!objects.declares('service', 'a') && !objects.declares('policy', '__proto__'))
  assert.equal(findings.errors.length, 1)
})

for (const name of ['', 'A', '-a', 'a b', 'a/b', 'ä', '__proto__', 'a'.repeat(64)]) {
  test(`the name ${JSON.stringify(name.slice(0, 10))} is refused`, () => {
    const findings = findingList()
    const objects = readObjects(input(object('service', name, service('x').spec)), findings)
    assert.deepEqual(
      findings.errors.map(({ code }) => code),
      ['name_invalid'],
    )
    assert.equal(objects.byKind.service.length, 0)
  })
}

test('objects of the same name and another kind are other objects', () => {
  const findings = findingList()
  readObjects(input(service('a'), route('a', '/a')), findings)
  assert.deepEqual(findings.errors, [])
})
