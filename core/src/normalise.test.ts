import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { head, headerOf } from '#core/fakes/request.ts'
import type { Facts, RequestHead } from './decision.ts'
import { normalise, PATH_BYTES_MAX, TARGET_BYTES_MAX } from './normalise.ts'

function factsOf(request: RequestHead): Facts {
  const result = normalise(request)
  if (result.kind === 'refused') throw new assert.AssertionError({ message: result.reason })
  return result.facts
}

const reasonOf = (request: RequestHead): string => {
  const result = normalise(request)
  return result.kind === 'refused' ? result.reason : 'facts'
}

test('facts are what everybody reads: host in lower case, one form of the path, the query as it came', () => {
  const request = head({ method: 'POST', target: '/%61/b?q=%41&r=/../' }, { host: 'Shop.Test:8080' })
  const facts = factsOf(request)
  assert.partialDeepStrictEqual(facts, {
    method: 'POST',
    host: 'shop.test',
    path: '/a/b',
    query: '?q=%41&r=/../',
    scheme: 'http',
    address: '127.0.0.1',
  })
  assert.deepEqual(facts.header('host'), ['Shop.Test:8080'])
})

test('facts read fields through the request head that they came from', () => {
  // A head whose method depends on its object, as one over a parser's buffer does.
  class Head {
    readonly method = 'GET'
    readonly target = '/'
    readonly scheme = 'http'
    readonly address = '127.0.0.1'
    readonly #fields = { host: 'a', 'x-a': ['1', '2'] }
    header(name: string): readonly string[] {
      return headerOf(this.#fields)(name)
    }
  }
  assert.deepEqual(factsOf(new Head()).header('x-a'), ['1', '2'])
})

for (const method of ['get', 'CONNECT', 'TRACE', 'PROPFIND', '', 'GET ', '__proto__', 'constructor']) {
  test(`the method ${JSON.stringify(method)} is refused`, () => {
    assert.equal(reasonOf(head({ method })), 'method_invalid')
  })
}

test('exactly one valid Host is needed', () => {
  assert.equal(reasonOf(head({}, {})), 'host_missing')
  assert.equal(reasonOf(head({}, { host: ['a', 'b'] })), 'host_invalid')
  assert.equal(reasonOf(head({}, { host: ['a', 'a'] })), 'host_invalid')
  assert.equal(reasonOf(head({}, { host: 'a b' })), 'host_invalid')
  assert.equal(reasonOf(head({}, { host: '' })), 'host_invalid')
})

for (const target of [
  '',
  '*',
  'a',
  '?',
  'http://shop.test/',
  '/a b',
  '/#',
  '/?#',
  '/?a b',
  '/?\\',
  '/?\u0000',
  '/?\u00e9',
]) {
  test(`the target ${JSON.stringify(target)} is refused`, () =>
    assert.equal(reasonOf(head({ target })), 'target_invalid'))
}

for (const query of ['?', '?%', '?%4', '?%zz=1', '?a=100%']) {
  test(`the query ${query} is ${query === '?' ? 'accepted' : 'refused'}`, () => {
    assert.equal(reasonOf(head({ target: `/${query}` })), query === '?' ? 'facts' : 'target_invalid')
  })
}

test('a query may hold what browsers do not encode', () => {
  assert.equal(factsOf(head({ target: `/?a[]={"b":'c|d'}&e=<f>^\`~` })).query, `?a[]={"b":'c|d'}&e=<f>^\`~`)
})

test('a path above its bound is refused, and one at it is not', () => {
  assert.equal(reasonOf(head({ target: `/${'a'.repeat(PATH_BYTES_MAX - 1)}` })), 'facts')
  assert.equal(reasonOf(head({ target: `/${'a'.repeat(PATH_BYTES_MAX)}` })), 'target_invalid')
  assert.equal(reasonOf(head({ target: `/?${'a'.repeat(TARGET_BYTES_MAX)}` })), 'target_invalid')
})

test('an ambiguous path is called so', () => {
  assert.equal(reasonOf(head({ target: '/a/../b' })), 'path_ambiguous')
  assert.equal(reasonOf(head({ target: '//shop.test/a' })), 'path_ambiguous')
})

test('a refusal says for which host it was, so that it can be told to whose it is', () => {
  for (const request of [head({ target: '/a/../b' }), head({ target: '*' }), head({ method: 'TRACE' })]) {
    const result = normalise(request)
    assert.deepEqual([result.kind, result.kind === 'refused' && result.host], ['refused', 'shop.test'])
  }
  const result = normalise(head({ target: '/a/../b' }, { host: 'a b' }))
  assert.equal(result.kind === 'refused' && result.host, null)
})

test('what is forwarded is read the same again', () => {
  const target = fc
    .array(fc.constantFrom(...'/ a . %41 %25 %C3%A9 ? ?b= %20 @ [ ] | ~'.split(' ')), { maxLength: 10 })
    .map((pieces) => `/${pieces.join('')}`)
  fc.assert(
    fc.property(target, (raw) => {
      const first = normalise(head({ target: raw }))
      if (first.kind === 'refused') return
      const { path, query } = first.facts
      const again = factsOf(head({ target: path + query }))
      assert.deepEqual([again.path, again.query], [path, query])
    }),
    { numRuns: 2000 },
  )
})

test('any target is answered, not thrown at', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (target) => void normalise(head({ target }))))
})
