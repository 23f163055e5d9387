import assert from 'node:assert/strict'
import { test } from 'node:test'
import { celEnv, CelScalar, mapType, parse, plan } from '@bufbuild/cel'
import fc from 'fast-check'
import { type Bindings, compileExpression } from './compile.ts'
import type { Value } from './values.ts'

const bindings: Bindings = {
  request: {
    method: 'GET',
    host: 'api.test',
    path: '/orders/4711',
    query: '?a=b',
    scheme: 'https',
    address: '10.0.0.7',
    headers: { 'x-tenant': 'acme' },
  },
  principal: { consumer: 'shop', credential_kind: 'jwt', scopes: ['orders:read'], roles: ['reader'] },
  claims: {
    sub: 'alice',
    groups: ['admins', 'staff'],
    level: 3,
    verified: true,
    address: { country: 'NL' },
    empty: [],
  },
}

function evaluate(text: string): boolean | string {
  const compiled = compileExpression(text)
  return compiled.kind === 'invalid' ? compiled.why : compiled.evaluate(bindings)
}

for (const [text, expected] of [
  ['true', true],
  ['request.method == "GET"', true],
  ['request.method != "GET"', false],
  ['request.method in ["GET", "HEAD"]', true],
  ['request.path.startsWith("/orders/") && request.path.endsWith("11")', true],
  ['request.path.contains("/../")', false],
  ['request.path.matches("^/orders/[0-9]+$")', true],
  ['request.path.matches("^/orders/[a-z]+$")', false],
  ['request.headers["x-tenant"] == "acme"', true],
  ['"x-other" in request.headers', false],
  ['has(request.headers.other)', false],
  ['"X-TENANT" in request.headers', true],
  ['has(request.headers.accept) ? false : "x-tenant" in request.headers', true],
  ['request.headers["x-tenant"].startsWith("ac")', true],
  ['request["method"] == "GET" && claims["level"] == 3', true],
  ['claims.groups.exists(request, request == "staff")', true],
  ['claims.level >= 3 && claims.level < 4', true],
  ['claims.level == 3.0', true],
  ['claims.verified', true],
  ['"admins" in claims.groups', true],
  ['claims.groups.exists(g, g.startsWith("adm"))', true],
  ['claims.groups.all(g, size(g) > 4)', true],
  ['claims.groups.exists_one(g, g == "staff")', true],
  ['size(claims.groups.filter(g, g.startsWith("s"))) == 1', true],
  ['claims.groups.map(g, size(g)) == [6, 5]', true],
  ['claims.empty.all(g, false)', true],
  ['claims.empty.exists(g, true)', false],
  ['claims.address.country == "NL"', true],
  ['claims["sub"] == principal.consumer ? false : true', true],
  ['!(claims.sub == "bob")', true],
  ['claims.sub == 3', false],
  ['claims.groups == ["admins", "staff"]', true],
  ['principal.scopes.exists(s, principal.roles.exists(r, s != r))', true],
  // What is known without the other side does not need it, in either order.
  ['claims.missing || true', true],
  ['true || claims.missing', true],
  ['claims.missing && false', false],
  ['has(claims.missing) && claims.missing', false],
  ['claims.groups.exists(g, g == "staff" || claims.missing)', true],
] as const) {
  test(`${text} is ${expected}`, () => assert.equal(evaluate(text), expected))
}

// Whatever cannot be said is a refusal, so it must not look like true or like false.
for (const text of [
  'claims.missing',
  'claims.missing == 1',
  'claims.missing != 1',
  '!claims.missing',
  'claims.sub',
  'claims.level',
  'claims.sub > 3',
  'claims.sub.startsWith(claims.level)',
  'claims.level.contains("3")',
  'claims.groups[7] == "x"',
  'claims.groups["0"] == "x"',
  'claims.groups[-1] == "x"',
  'claims.groups[0.5] == "x"',
  'claims.sub["length"] == 5',
  'claims.__proto__ == claims',
  'claims["constructor"] != 1',
  'has(claims.sub.length)',
  'request.headers["other"] == "acme"',
  'claims.missing || false',
  'claims.missing && true',
  'claims.sub ? true : false',
  'claims.level in claims.sub',
  'size(claims.level) > 0',
  'claims.sub.all(c, true)',
] as const) {
  test(`${text} cannot be said`, () => assert.equal(evaluate(text), 'failed'))
}

for (const [text, why] of [
  ['', 'end of input'],
  ['request.method = "GET"', 'expecting'],
  ['request.methode == "GET"', 'there is no request.methode'],
  ['principal.admin', 'there is no principal.admin'],
  ['user.name == "x"', 'there is no user'],
  // Which header fields are looked at must be known when the expression is written.
  ['size(request.headers) > 3', 'a header field is named'],
  ['has(request.headers)', 'a header field is named'],
  ['request.headers.exists(name, name == "x")', 'a header field is named'],
  ['request.headers == claims', 'a header field is named'],
  ['claims.field in request.headers', 'a header field is named'],
  ['request.headers[claims.field] == "x"', 'a header field is named'],
  ['request["headers"]["x-tenant"] == "x"', 'a header field is named'],
  ['"x-tenant" in request["headers"]', 'a header field is named'],
  ['request.headers["x_tenant"] == "x"', 'there is no header field'],
  ['request.headers[""] == "x"', 'there is no header field'],
  ['request.headers["__proto__"] == "x"', 'there is no header field'],
  ['request.exists(name, name == "headers")', 'no value of its own'],
  ['size(principal) > 1', 'no value of its own'],
  ['request[claims.field] == "x"', 'no value of its own'],
  ['request["methode"] == "GET"', 'there is no request.methode'],
  ['principal["admin"]', 'there is no principal.admin'],
  ['process.exit(1)', 'there is no'],
  ['eval("1")', 'there is no function eval'],
  ['1 + 1 == 2', 'there is no function'],
  ['claims.sub.matches(claims.pattern)', 'written out'],
  ['claims.sub.matches("(")', 'missing'],
  ['claims.sub.matches("(a)\\\\1")', 'escape'],
  [`claims.sub.matches("${'a'.repeat(300)}")`, 'too long'],
  ['{"a": 1} == claims', 'cannot be written'],
  ['b"abc" == claims.sub', 'not supported'],
  ['9223372036854775807 == claims.level', 'too big'],
  ['[1].all(a, [1].all(b, [1].all(c, true)))', 'loops inside'],
  ['claims.a'.padEnd(3_000, ' '), 'longer than'],
  [Array.from({ length: 200 }, () => 'true').join(' && '), 'parts'],
] as const) {
  test(`${text.slice(0, 60)} is refused when it is written`, () => {
    const said = evaluate(text)
    assert.ok(typeof said === 'string' && said.includes(why), String(said))
  })
}

test('an expression tells what it looks at', () => {
  for (const [text, roots, headers] of [
    ['true', [], []],
    [
      'request.headers["X-A"] == "1" || "x-b" in request.headers || has(request.headers.accept)',
      ['request'],
      ['x-a', 'x-b', 'accept'],
    ],
    ['claims.groups.exists(principal, principal == "a")', ['claims'], []],
    ['size(claims) == 0 && "a" in principal.scopes', ['claims', 'principal'], []],
  ] as const) {
    const compiled = compileExpression(text)
    assert.ok(compiled.kind === 'expression')
    assert.deepEqual([compiled.roots, compiled.headers], [roots, headers], text)
  }
})

test('a loop over a list that a caller made long ends', () => {
  const compiled = compileExpression('claims.a.all(x, claims.a.all(y, x == y))')
  assert.ok(compiled.kind === 'expression')
  const list = Array.from({ length: 1_000 }, () => 'a')
  const start = performance.now()
  assert.equal(compiled.evaluate({ ...bindings, claims: { a: list } }), 'failed')
  assert.ok(performance.now() - start < 10_000)
})

test('a pattern cannot be made to run for ever', () => {
  const compiled = compileExpression('claims.a.matches("(a+)+$")')
  assert.ok(compiled.kind === 'expression')
  const start = performance.now()
  assert.equal(compiled.evaluate({ ...bindings, claims: { a: `${'a'.repeat(2_000)}!` } }), false)
  assert.ok(performance.now() - start < 10_000)
})

// The library's own evaluation is slower and made by others: both must say the same of whatever is written.
test('closures say what the library says', () => {
  const leaf = fc.constantFrom(
    'claims.a',
    'claims.b',
    'claims.l',
    'claims.o.a',
    'claims.missing',
    '"x"',
    '"xy"',
    '1',
    '2.5',
    'true',
    'false',
    'null',
    '[1, 2]',
    '["x"]',
  )
  const { expression } = fc.letrec<{ expression: string }>((tie) => {
    const two = fc.tuple(tie('expression'), tie('expression'))
    return {
      expression: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        fc
          .tuple(fc.constantFrom('==', '!=', '&&', '||', 'in', '<', '<=', '>', '>='), two)
          .map(([o, [a, b]]) => `(${a} ${o} ${b})`),
        tie('expression').map((a) => `!(${a})`),
        fc.tuple(fc.constantFrom('startsWith', 'endsWith', 'contains'), two).map(([f, [a, b]]) => `(${a}).${f}(${b})`),
        fc.tuple(tie('expression'), two).map(([c, [a, b]]) => `(${c} ? ${a} : ${b})`),
        fc
          .tuple(fc.constantFrom('all', 'exists', 'exists_one'), leaf, leaf)
          .map(([f, a, b]) => `${a}.${f}(v, v == ${b})`),
        tie('expression').map((a) => `size(${a})`),
      ),
    }
  })
  const claims: { readonly [name: string]: Value } = { a: 'x', b: 1, l: ['x', 'y'], o: { a: true } }
  const env = celEnv({ variables: { claims: mapType(CelScalar.STRING, CelScalar.DYN) } })
  let compared = 0
  fc.assert(
    fc.property(expression, (text) => {
      const ours = compileExpression(text)
      if (ours.kind === 'invalid') return
      const theirs = plan(env, parse(text))({ claims: claims as never })
      const expected = typeof theirs === 'boolean' ? theirs : 'failed'
      assert.equal(ours.evaluate({ ...bindings, claims }), expected, text)
      compared += 1
    }),
    { numRuns: 1_000 },
  )
  assert.ok(compared > 500, `${compared}`)
})
