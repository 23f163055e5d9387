import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readObjects } from './objects.ts'
import { renderObjects } from './render.ts'

const TEXT = `# what we protect
kind: service
name: orders
spec:
  owner: shop
  targets:
    - url: http://127.0.0.1:9000
---
- kind: route
  name: orders
  spec:
    service: orders
    path: /orders
- kind: policy
  name: orders.access
  spec: { type: access, on: { route: orders }, credentials: [{ kind: api_key }] }
`

const read = (text: string) => readObjects([{ label: 'headgate.yaml', text }])

test('documents and lists are one list of objects, each with the line it begins at', () => {
  const { objects, problems } = read(TEXT)
  assert.deepEqual(problems, [])
  assert.deepEqual(
    objects.map(({ kind, name, origin }) => `${kind}/${name} ${origin}`),
    ['service/orders headgate.yaml:2', 'route/orders headgate.yaml:9', 'policy/orders.access headgate.yaml:14'],
  )
})

test('a pointer of the control plane becomes the line it means', () => {
  const { locate, locateObject } = read(TEXT)
  assert.equal(locate('/objects/0/spec/targets/0/url'), 'headgate.yaml:7')
  assert.equal(locate('/route/orders/spec/path'), 'headgate.yaml:13')
  assert.equal(locateObject('policy/orders.access', '/on/route'), 'headgate.yaml:16')
})

test('a pointer to what is missing becomes the line of what holds it', () => {
  assert.equal(read(TEXT).locateObject('route/orders', '/hosts/0'), 'headgate.yaml:11')
})

test('a pointer to somebody else is not placed', () => {
  assert.equal(read(TEXT).locate('/objects/9/spec'), undefined)
  assert.equal(read(TEXT).locateObject('route/other', '/path'), undefined)
})

for (const [what, text, problem] of [
  ['an unknown kind', 'kind: servise\nname: a\nspec: {}', /^headgate\.yaml:1 {2}kind: /],
  ['an unknown field', 'kind: service\nname: a\nspec: {}\ntargets: []', /^headgate\.yaml:4 {2}/],
  ['a bad name', 'kind: service\nname: A B\nspec: {}', /^headgate\.yaml:2 {2}name: /],
  ['a missing spec', 'kind: service\nname: a', /^headgate\.yaml:1 {2}spec: /],
  ['a text in place of an object', '- hello', /^headgate\.yaml:1 {2}an object/],
  ['broken YAML', 'kind: service\nname: [a', /^headgate\.yaml:\d+ {2}/],
  ['a key that stands twice', 'kind: service\nkind: route\nname: a\nspec: {}', /^headgate\.yaml:2 {2}/],
  [
    'an object that stands twice',
    'kind: service\nname: a\nspec: {}\n---\nkind: service\nname: a\nspec: {}',
    /^headgate\.yaml:5 {2}service\/a is at headgate\.yaml:1/,
  ],
] as const) {
  test(`${what} is a problem with its line`, () => {
    const { problems } = read(text)
    assert.equal(problems.length, 1)
    assert.match(problems[0] ?? '', problem)
  })
}

test('all problems are told at once', () => {
  assert.equal(read('kind: a\nname: a\nspec: {}\n---\nkind: b\nname: b\nspec: {}').problems.length, 2)
})

// Each alias multiplies by nine: a few lines would fill the memory.
test('an alias bomb is refused', () => {
  const levels = Array.from(
    { length: 12 },
    (_, index) => `l${index + 1}: &l${index + 1} [${Array(9).fill(`*l${index}`).join(', ')}]`,
  )
  const { problems } = read(
    `kind: service\nname: a\nspec:\n  l0: &l0 [x]\n${levels.map((line) => `  ${line}`).join('\n')}\n`,
  )
  assert.equal(problems.length, 1)
})

test('an empty file holds no object', () => {
  for (const text of ['', '# only a comment\n', '---\n']) assert.deepEqual(read(text).objects, [])
})

test('any text is read without throwing', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => Array.isArray(read(text).problems)))
})

test('fields stand in the order of the schema, whatever order they come in', () => {
  const spec = { targets: [{ url: 'http://a:1' }], owner: 'x', data_label: 'open' }
  const shuffled = { data_label: 'open', owner: 'x', targets: [{ url: 'http://a:1' }] }
  const text = renderObjects([{ kind: 'service', name: 'a', spec }])
  assert.equal(text, renderObjects([{ kind: 'service', name: 'a', spec: shuffled }]))
  assert.deepEqual(text.match(/^ {2}(\w+):/gm), ['  owner:', '  data_label:', '  targets:'])
})

test('a field that objects have by themselves is a mistake with a line, and not passed over', () => {
  const { objects, problems } = read('kind: service\nname: a\nspec:\n  __proto__: { owner: x }\n')
  assert.deepEqual(objects, [])
  assert.match(problems.join(), /:4 {2}__proto__ cannot be the name of a field/)
})

test('what is written is read back, and gives the same bytes again', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('yes', '1e3', '007', '~', '- a', 'a: b', '#', "'", '\n', '{}', '|'),
  )
  const name = text.filter((written) => written !== '__proto__')
  const json = fc.dictionary(
    name,
    fc.oneof(text, fc.integer(), fc.boolean(), fc.array(text), fc.dictionary(name, text)),
  )
  const safe = json.map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>)
  fc.assert(
    fc.property(safe, (spec) => {
      const first = renderObjects([{ kind: 'service', name: 'a', spec }])
      const { objects, problems } = read(first)
      assert.deepEqual(problems, [])
      assert.deepEqual(objects[0]?.spec, spec)
      assert.equal(renderObjects(objects), first)
    }),
  )
})
