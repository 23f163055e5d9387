import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseStrictObject } from './strict-json.ts'

const parse = (text: string) => parseStrictObject(new TextEncoder().encode(text))

for (const text of [
  '{}',
  ' { "a" : 1 } ',
  '{"a":{"a":{"a":"a"}},"b":["a","a",{"a":1}]}',
  '{"a":"b\\"c:\\"","c":"{\\"c\\":1}"}',
  '{"a\\\\":1,"a":2}',
  '{"a b":"\\u0061\\u0062","ab":"__proto__"}',
  '{"a":"x","A":"x","\t":1}'.replace('\t', 'tab'),
  '{"a"\r\n\t :1,"b"\n:2}',
]) {
  test(`${JSON.stringify(text)} has one reading`, () => assert.deepEqual(parse(text), JSON.parse(text)))
}

for (const text of [
  '',
  'null',
  '[]',
  '"a"',
  '{"a":1',
  '{"a":1,"a":1}',
  '{"a" :1,"b":2,"a"\n:3}',
  '{"x":{"a":1,"a":2}}',
  '{"x":[{"a":1,"a":2}]}',
  '{"ab":1,"\\u0061b":2}',
  '{"a\\"b":1,"a\\u0022b":2}',
  '{"__proto__":1}',
  '{"x":{"constructor":1}}',
  '{"\\u005f_proto__":1}',
  '{"\\u0061":1}',
  `${'{"a":'.repeat(17)}1${'}'.repeat(17)}`,
  `{"a":${'['.repeat(16)}${']'.repeat(16)}}`,
]) {
  test(`${JSON.stringify(text).slice(0, 60)} is refused`, () => assert.equal(parse(text), null))
}

test('text that is not UTF-8, or begins with a byte order mark, is refused', () => {
  assert.equal(parseStrictObject(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), null)
  assert.equal(parse('\ufeff{}'), null)
})

const names = fc.string({ minLength: 2, maxLength: 6 }).filter((name) => !/^(?:__proto__|prototype)$/.test(name))
const documents = fc.dictionary(names, fc.oneof(fc.string(), fc.integer(), fc.array(fc.string(), { maxLength: 3 })))

test('every object with names that differ is read as the parser reads it', () => {
  fc.assert(
    fc.property(documents, fc.integer({ min: 0, max: 2 }), (document, spaces) => {
      assert.deepEqual(parse(JSON.stringify(document, null, spaces)), JSON.parse(JSON.stringify(document)))
    }),
  )
})

test('one name twice is refused, wherever it stands and however it is written', () => {
  fc.assert(
    fc.property(documents, names, fc.boolean(), fc.nat(), (document, name, isEscaped, at) => {
      const members = Object.entries(document).map((entry) => entry.map((part) => JSON.stringify(part)).join(':'))
      const escaped = `"${Array.from(name, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
      const plain = JSON.stringify(name)
      members.splice(at % (members.length + 1), 0, `${plain}:1`)
      members.splice((at >> 3) % (members.length + 1), 0, `${isEscaped ? escaped : plain}:2`)
      assert.equal(parse(`{${members.join(',')}}`), null)
    }),
  )
})
