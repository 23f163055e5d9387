import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inexactVersions, lockProblems } from './lock-file.ts'

for (const version of ['^1.2.3', '~1.2.3', '1.x', '*', 'latest', '>=1.0.0', 'file:../x', 'github:a/b']) {
  test(`a dependency on ${version} is not exact`, () => {
    assert.equal(inexactVersions('package.json', { dependencies: { a: version } }).length, 1)
  })
}

test('exact versions and pre-releases are exact', () => {
  const manifest = { dependencies: { a: '1.2.3' }, devDependencies: { b: '18.4.0-beta.17' } }
  assert.deepEqual(inexactVersions('package.json', manifest), [])
})

const LOCKED = { version: '1.0.0', integrity: 'sha512-x' }

test('a sound lock file has no problem', () => {
  const packages = {
    '': {},
    'node_modules/a': { ...LOCKED, optionalDependencies: { b: '1.0.0' } },
    'node_modules/b': LOCKED,
    'node_modules/@headgate/kit': { resolved: 'kit', link: true },
  }
  assert.deepEqual(lockProblems(packages, {}), [])
})

for (const [title, packages, expected] of [
  [
    'the address of a registry, which may be a private one',
    { 'node_modules/a': { ...LOCKED, resolved: 'https://registry.example/a.tgz' } },
    /names a host/,
  ],
  ['a package without a hash', { 'node_modules/a': { version: '1.0.0' } }, /has no hash/],
  [
    'an install script that nobody refused',
    { 'node_modules/x/node_modules/@s/a': { ...LOCKED, hasInstallScript: true } },
    /node_modules\/@s\/a has an install script/,
  ],
  [
    'a platform package that is not locked',
    { 'node_modules/a': { ...LOCKED, optionalDependencies: { 'a-darwin': '1.0.0' } } },
    /wants a-darwin/,
  ],
] as const) {
  test(`refused: ${title}`, () => {
    const problems = lockProblems(packages, {})
    assert.equal(problems.length, 1)
    assert.match(problems[0] ?? '', expected)
  })
}

test('an install script that allowScripts refuses is fine', () => {
  assert.deepEqual(lockProblems({ 'node_modules/a': { ...LOCKED, hasInstallScript: true } }, { a: false }), [])
})
