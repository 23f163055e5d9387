/**
 * The configuration that documents and examples show is configuration that compiles.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compile, type ObjectInput } from '@headgate/core'
import { parseAllDocuments } from 'yaml'
import { ROOT } from '../tooling/paths.ts'

type Written = Pick<ObjectInput, 'kind' | 'name'> & { readonly spec: Record<string, unknown> }

const objectsOf = (text: string): readonly Written[] =>
  parseAllDocuments(text).map((document) => {
    assert.deepEqual(document.errors, [])
    return document.toJS() as Written
  })

/** Blocks that hold whole objects; a document may also show pieces, or YAML of something else. */
function blocksOf(file: string): readonly string[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return [...text.matchAll(/^```yaml\n([^]*?)^```$/gm)].flatMap(([, yaml = '']) =>
    yaml.startsWith('kind: ') ? [yaml] : [],
  )
}

/** What a document leaves out: services, routes, issuers and roles that its objects name. */
function stubs(written: readonly Written[]): readonly Written[] {
  const names = (kind: string, found: readonly unknown[]): readonly string[] =>
    [...new Set(found)].filter(
      (name): name is string =>
        typeof name === 'string' && !written.some((object) => object.kind === kind && object.name === name),
    )
  const specs = written.map(({ spec }) => spec)
  const on = specs.map((spec) => (spec['on'] ?? {}) as Record<string, unknown>)
  const sources = specs.flatMap((spec) => (spec['credentials'] ?? []) as readonly Record<string, unknown>[])
  const routes = names(
    'route',
    on.map(({ route }) => route),
  )
  const services = names('service', [
    ...on.map(({ service }) => service),
    ...specs.map((spec) => spec['service']),
    'stub',
  ])
  const asked = sources.filter(({ kind }) => kind === 'introspection').map(({ issuer }) => issuer)
  return [
    ...services.map((name) => ({ kind: 'service', name, spec: { owner: 'team', targets: [{ url: 'http://a:1' }] } })),
    ...routes.map((name) => ({ kind: 'route', name, spec: { service: 'stub', path: `/${name}` } })),
    ...names(
      'role',
      specs.flatMap((spec) => spec['roles'] as readonly unknown[] | undefined),
    ).map((name) => ({
      kind: 'role',
      name,
      spec: { scopes: [] },
    })),
    ...names(
      'issuer',
      sources.map(({ issuer }) => issuer),
    ).map((name) => ({
      kind: 'issuer',
      name,
      spec: {
        issuer: `https://${name}.example.com`,
        audiences: ['a'],
        ...(asked.includes(name)
          ? {
              introspection: {
                url: 'https://a.example.com',
                client: { method: 'client_secret_basic', client_id: 'a', secret: 'env://A' },
              },
            }
          : { keys: { discovery: true } }),
      },
    })),
  ]
}

/** Errors of a release, in words. */
function errorsOf(written: readonly Written[]): readonly string[] {
  const objects = written.map((object) => ({ ...object, origin: '' }))
  const compiled = compile({ tenant: 'acme', environment: 'production', number: 1, objects })
  if (compiled.kind === 'compiled') return []
  return compiled.findings
    .filter(({ severity }) => severity === 'error')
    .map(({ object, pointer, message }) => `${object}${pointer}: ${message}`)
}

for (const file of readdirSync(join(ROOT, 'docs/examples')).map((name) => `docs/examples/${name}`)) {
  test(`${file} compiles as it is`, () => {
    assert.deepEqual(errorsOf(objectsOf(readFileSync(join(ROOT, file), 'utf8'))), [])
  })
}

for (const name of ['access.md', 'authentication.md', 'limits.md']) {
  const file = `docs/operations/${name}`
  const blocks = blocksOf(file)
  for (const [index, block] of blocks.entries()) {
    test(`configuration ${index + 1} in ${file} compiles`, () => {
      const objects = objectsOf(block)
      assert.deepEqual(errorsOf([...objects, ...stubs(objects)]), [])
    })
  }

  test(`${file} shows configuration`, () => assert.ok(blocks.length >= 5, String(blocks.length)))
}
