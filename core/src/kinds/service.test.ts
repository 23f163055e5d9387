/**
 * The page about services says what the schema says.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { z } from 'zod'
import { serviceSpec } from './service.ts'

const PAGE = readFileSync(new URL('../../../docs/operations/services.md', import.meta.url), 'utf8')

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

/** Paths of all fields that hold a value, such as `targets[].url`. */
function fieldsOf({ properties, items }: Schema, path = ''): readonly string[] {
  if (items !== undefined && items.properties !== undefined) return fieldsOf(items, `${path}[]`)
  if (properties === undefined) return [path]
  return Object.entries(properties).flatMap(([name, schema]) =>
    fieldsOf(schema, path === '' ? name : `${path}.${name}`),
  )
}

/** Fields of the tables with what stands for their default. */
const rows = new Map(
  PAGE.matchAll(/^\| `([a-z_.[\]]+)` \| ([^|]*)\|/gm).map(([, field = '', fallback = '']) => [field, fallback.trim()]),
)

test('the page about services explains every field, and no other', () => {
  const schema = z.toJSONSchema(serviceSpec, { io: 'input' }) as Schema
  assert.deepEqual([...rows.keys()].toSorted(), fieldsOf(schema).toSorted())
})

test('the defaults on the page about services are those of the schema', () => {
  const spec = serviceSpec.parse({
    owner: 'a',
    targets: [{ url: 'http://a', zone: 'z' }],
    balancing: { zone_preference: {} },
    health: { active: { path: '/' } },
    identity: { token: { audience: 'a' } },
  })
  for (const [field, fallback] of rows) {
    const [, code] = /^`([^`]+)`$/.exec(fallback) ?? []
    if (code === undefined || code.startsWith('HEADGATE_')) continue
    let value: unknown = spec
    for (const part of field.replace('[]', '.0').split('.')) value = (value as Record<string, unknown>)[part]
    assert.deepEqual(typeof value === 'string' ? value : JSON.stringify(value).replaceAll(',', ', '), code, field)
  }
})
