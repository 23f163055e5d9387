/**
 * API keys and the places of credentials, damaged: one credential is found, or none counts.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { facts } from '#core/fakes/request.ts'
import type { CompiledSources } from '#core/release.ts'
import { damage, fuzz, pick, type Random } from '#core/testing/damage.ts'
import { apiKeyEnvironment, BASE62, formatApiKey, parseApiKey } from './api-key.ts'
import { findCredential } from './find.ts'

const keys = ['production', 'a', 'eu.west-1_x'].map((environment) => formatApiKey(environment, 'k1Z'.repeat(10)))

const FORM = /^hgk_([a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?)_([0-9A-Za-z]{30})_([0-9A-Za-z]{6})$/

/** What the form says, in another way than the parser does. */
function environmentOf(text: string): string | null {
  const [, environment, , checksum = ''] = FORM.exec(text) ?? []
  if (environment === undefined) return null
  const value = Array.from(checksum).reduce((sum, digit) => sum * 62 + BASE62.indexOf(digit), 0)
  return value === crc32(text.slice(0, text.lastIndexOf('_'))) ? environment : null
}

test('a damaged key is refused, unless it is a key', async (t) => {
  let accepted = 0
  await fuzz(t, (random) => {
    const good = pick(keys, random)
    const text = random(10) === 0 ? good : damage(good, ['_', 'hgk_', '0', 'a', 'A', '-', '.', '__'], random)
    const expected = environmentOf(text)
    const parsed = parseApiKey(text)
    assert.equal(parsed.kind === 'api_key' ? parsed.environment : null, expected, JSON.stringify(text))
    assert.equal(apiKeyEnvironment(text, 'production'), expected)
    if (expected !== null) accepted += 1
  })
  assert.ok(accepted > 0)
})

const sources: CompiledSources = {
  kinds: ['api_key', 'jwt', 'signature'],
  apiKeyHeaders: ['x-api-key', 'x-key'],
  apiKeyQuery: ['api_key', 'key'],
  tokens: [{ kind: 'jwt', issuer: 'id', mustBeBound: false }],
  certificate: ['uri'],
  signature: { covered: ['@method'], ageMsMax: 1_000 },
}

const schemes = ['Bearer ', 'bearer ', 'BEARER  ', 'DPoP ', 'dpop\t', 'Bearer', 'Basic ', 'Bearerx ', '']
const texts = ['one', 'two', 'three', '', ' ', 'one ', 'hgk_']
const names = ['api_key', 'key', 'API_KEY', 'api%5Fkey', 'other', 'key[]', '']

const some = (random: Random, make: () => string): readonly string[] => Array.from({ length: random(3) }, make)

test('two texts are never resolved to one, wherever they stand', async (t) => {
  await fuzz(t, (random) => {
    const authorization = some(random, () => pick(schemes, random) + pick(texts, random))
    const first = some(random, () => pick(texts, random))
    const second = random(3) === 0 ? some(random, () => pick(texts, random)) : []
    const pairs = some(random, () => `${pick(names, random)}=${encodeURIComponent(pick(texts, random))}`)
    const isSigned = random(5) === 0
    const query =
      pairs.length === 0
        ? ''
        : `?${random(8) === 0 ? damage(pairs.join('&'), ['&', '=', '%', '+'], random) : pairs.join('&')}`
    const found = findCredential(
      sources,
      facts(
        { query },
        {
          authorization,
          'x-api-key': first,
          'x-key': second,
          ...(isSigned && { 'signature-input': 'sig=()' }),
        },
      ),
    )
    const inQuery = [...new URLSearchParams(query)].filter(([name]) => name === 'api_key' || name === 'key')
    const inFields = authorization.flatMap((value) => /^(?:bearer|dpop)(?: +|(?=\t)|$)(.*)$/is.exec(value)?.[1] ?? [])
    const all = new Set([...inFields, ...first, ...second, ...inQuery.map(([, value]) => value)])
    if (authorization.length > 1 || all.size + (isSigned ? 1 : 0) > 1) assert.equal(found.kind, 'repeated')
    else if (isSigned) assert.equal(found.kind, 'signature')
    else if (all.size === 0) assert.equal(found.kind, 'missing')
    else {
      assert.ok(found.kind === 'text' && all.has(found.text), `${found.kind}`)
      // Whatever carried it must be taken away.
      assert.equal(found.headers.includes('authorization'), inFields.length > 0)
      assert.equal(found.headers.includes('x-api-key'), first.length > 0)
      assert.equal(found.headers.includes('x-key'), second.length > 0)
      assert.deepEqual(new Set(found.query), new Set(inQuery.map(([name]) => name)))
    }
  })
})
