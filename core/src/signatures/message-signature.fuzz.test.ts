/**
 * Damaged signatures of requests: nothing is thrown, and what is read can be put together again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { facts } from '#core/fakes/request.ts'
import { damage, fuzz, pick, type Random } from '#core/testing/damage.ts'
import { judgeSignature, readSignature } from './message-signature.ts'

const inputs = [
  'sig=("@method" "@authority" "@path" "@query");created=1750000000;keyid="k"',
  'a=("x-a" "@target-uri");created=1750000000;keyid="k";alg="ed25519";expires=1750000060;nonce="n"',
  'sig=();created=1750000000;keyid="k"',
]
const signatures = ['sig=:AAAA:', 'a=:c2ln:']
const PIECES = [
  'sig=',
  'a=',
  ', ',
  '("@path")',
  '"@path"',
  '"x-a"',
  '"@status"',
  ';req',
  ';key="a"',
  ';created=1',
  ';keyid="z"',
  ';expires=-1',
  ';nonce=tok',
  ':AAAA:',
  '?1',
  '(',
  ')',
  '"',
  '\\"',
  ';',
  '=',
  ':',
  '1.5',
  '999999999999999',
]

const damagedOrNot = (text: string, random: Random): string => (random(3) === 0 ? text : damage(text, PIECES, random))

test('what a signature covers stands in it once, and in the text that was signed', async (t) => {
  let read = 0
  await fuzz(t, (random) => {
    const index = random(2)
    const input = damagedOrNot(inputs[index] ?? '', random)
    const signature = damagedOrNot(signatures[index] ?? '', random)
    const found = readSignature(
      facts({ query: '?a=b' }, { 'signature-input': input, signature, 'x-a': ['one', ' two '] }),
    )
    if (found.kind === 'refused') return
    read += 1
    const { components, base, keyId, createdMs, expiresMs, nonce, algorithm } = found.signature
    assert.ok(components.length > 0 && new Set(components).size === components.length)
    assert.notEqual(keyId, '')
    assert.ok(Number.isFinite(createdMs) && (expiresMs === null || Number.isFinite(expiresMs)))
    assert.ok(nonce === null || typeof nonce === 'string')
    const lines = base.split('\n')
    assert.equal(lines.length, components.length + 1)
    for (const [at, name] of components.entries()) assert.ok(lines[at]?.startsWith(`"${name}": `), base)
    assert.ok(lines.at(-1)?.startsWith('"@signature-params": ('))
    const rules = { covered: ['@method', '@path'], ageMsMax: 60_000 }
    const problem = judgeSignature(found.signature, 'ed25519', rules, 1_750_000_000_000)
    if (problem !== null) return
    assert.ok(components.includes('@method') && components.includes('@path'))
    assert.ok(algorithm === null || algorithm === 'ed25519')
  })
  assert.ok(read > 0)
})

test('a request without a signature has none, whatever stands in its other fields', async (t) => {
  await fuzz(t, (random) => {
    const field = damage(pick(inputs, random), PIECES, random)
    const read = readSignature(facts({}, { 'signature-inputs': field, 'x-signature': field }))
    assert.deepEqual(read, { kind: 'refused', problem: 'missing' })
  })
})
