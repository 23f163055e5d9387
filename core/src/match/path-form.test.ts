import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { normalisePath } from './path-form.ts'

for (const [raw, path] of [
  ['/', '/'],
  ['/orders/42', '/orders/42'],
  ['/orders/', '/orders/'],
  ['/%6Frders', '/orders'],
  ['/%7Euser', '/~user'],
  ['/a%40b', '/a@b'],
  ['/a%2Bb', '/a+b'],
  ['/a%20b', '/a%20b'],
  ['/caf%c3%a9', '/caf%C3%A9'],
  ['/%F0%9F%98%80', '/%F0%9F%98%80'],
  ['/100%25', '/100%25'],
  ['/[id]|x', '/%5Bid%5D%7Cx'],
  ['/%5Bid%5d', '/%5Bid%5D'],
  ['/.well-known', '/.well-known'],
  ['/...', '/...'],
  ['/a.', '/a.'],
] as const) {
  test(`${raw} has the form ${path}`, () => assert.deepEqual(normalisePath(raw), { kind: 'path', path }))
}

// What another reader could take for another path; the request is refused instead of repaired.
const ambiguous = [
  '// /a//b /. /.. /./a /../a /a/. /a/.. /a/../b /%2e /%2E%2e/a /a%2eb',
  '/a%2fb /a%2Fb /a%5cb /a\\b /a;b /a%3bb /..;/a /a%00 /a%0a /a%7f',
  // Overlong forms, surrogates, what is above U+10FFFF, lone and cut bytes.
  '/%c0%af /%c1%9c /%e0%80%af /%f0%80%80%af /%f8%80%80%80%af /%ed%a0%80 /%f4%90%80%80 /%80 /%ff /%c3 /%c3/ /%c3a /%e2%82',
  '/%2561 /%252e /%25%32%65 /%25%36a',
]
for (const raw of ambiguous.join(' ').split(' ')) {
  test(`${raw} is ambiguous`, () => assert.deepEqual(normalisePath(raw), { kind: 'refused', reason: 'path_ambiguous' }))
}

const invalid = '/a#b /a"b /a<b /a>b /a^b /a`b /{a} /a\tb /a\u007f /caf\u00e9 /% /%4 /%g0 /%4g'
for (const raw of ['/a b', ...invalid.split(' ')]) {
  test(`${JSON.stringify(raw)} is no path`, () => {
    assert.deepEqual(normalisePath(raw), { kind: 'refused', reason: 'target_invalid' })
  })
}

const piece = fc.constantFrom(...'/ a B . .. ; \\ % %2 %25 %2e %2f %61 %41 %C3%A9 %c3 %20 [ @ %40 ~ #'.split(' '))
const rawPath = fc.array(piece, { maxLength: 10 }).map((pieces) => `/${pieces.join('')}`)

test('the form of a form is itself: what is forwarded is matched as it was', () => {
  fc.assert(
    fc.property(rawPath, (raw) => {
      const first = normalisePath(raw)
      if (first.kind === 'path') assert.deepEqual(normalisePath(first.path), first)
    }),
    { numRuns: 5000 },
  )
})

test('no form decodes to more segments, to dot segments or to another path when decoded twice', () => {
  fc.assert(
    fc.property(rawPath, (raw) => {
      const result = normalisePath(raw)
      if (result.kind === 'refused') return
      const segments = result.path.slice(1).split('/')
      const decoded = segments.map((segment) => decodeURIComponent(segment))
      assert.equal(decodeURIComponent(result.path).split('/').length - 1, segments.length)
      for (const segment of decoded) assert.ok(segment !== '.' && segment !== '..' && !/[\\;\0]/.test(segment))
      // An upstream that decodes twice either fails or reads the same.
      for (const segment of decoded) assert.ok(!/%[0-9A-Fa-f]{2}/.test(segment), result.path)
    }),
    { numRuns: 5000 },
  )
})

test('any text at all is answered, not thrown at', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void normalisePath(`/${text}`)))
})
