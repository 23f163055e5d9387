import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '@headgate/core'
import { defaultLimits } from './default-limits.ts'
import { stageOfName } from './stage.ts'

const stages = ['development', 'staging', 'production'] as const

const routes = (['public', 'internal'] as const).flatMap((exposure) => [
  { kind: 'route', name: exposure, spec: { service: 's', path: `/${exposure}`, exposure }, origin: '' },
  {
    kind: 'policy',
    name: `${exposure}.access`,
    spec: { type: 'access', on: { route: exposure }, public: { owner: 'team', reason: 'a test' } },
    origin: '',
  },
])
const service = { kind: 'service', name: 's', spec: { owner: 'team', targets: [{ url: 'http://a:1' }] }, origin: '' }

/** The one limit of a route. */
function limitOf(stage: (typeof stages)[number], route: string) {
  const objects = [service, ...routes, ...defaultLimits(stage)]
  const compiled = compile({ tenant: 't', environment: 'e', number: 1, objects })
  assert.ok(compiled.kind === 'compiled', JSON.stringify(compiled))
  assert.deepEqual(compiled.warnings, [])
  const limits = compiled.release.routes.get(route)?.limits ?? []
  assert.equal(limits.length, 1)
  return limits[0] ?? assert.fail()
}

for (const stage of stages) {
  test(`a new environment of stage ${stage} limits public routes by address, and more than internal ones`, () => {
    const [outside, inside] = [limitOf(stage, 'public'), limitOf(stage, 'internal')]
    assert.deepEqual([outside.key, inside.key], [['address'], ['consumer']])
    assert.ok(outside.amount < inside.amount)
  })
}

test('production begins with other numbers than staging, and staging than development', () => {
  const amounts = stages.map((stage) => limitOf(stage, 'public').amount)
  assert.deepEqual(
    amounts,
    amounts.toSorted((a, b) => a - b),
  )
  assert.equal(new Set(amounts).size, stages.length)
})

for (const [name, stage] of [
  ['dev', 'development'],
  ['ci-7', 'development'],
  ['staging', 'staging'],
  ['pre-production', 'staging'],
  ['production', 'production'],
  ['eu-prod', 'production'],
  ['devices', 'production'],
] as const) {
  test(`an environment called ${name} is for ${stage} unless somebody says otherwise`, () => {
    assert.equal(stageOfName(name), stage)
  })
}
