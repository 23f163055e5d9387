import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile, type CompiledRelease, type Decision, type Facts, publicProblem, refuse } from '@headgate/core'
import type { LiveEnvironment } from '#agent/live-table.ts'
import { ServiceConcurrency } from '#agent/upstream/overload/service-concurrency.ts'
import { Shedding } from './shedding.ts'
import type { ThreadLoad } from './thread-load.ts'

const OPEN = { owner: 'team', reason: 'a test' }

function released(plans: boolean, style: string | null): CompiledRelease {
  const objects = [
    { kind: 'service', name: 'shop', spec: { owner: 'team', targets: [{ url: 'http://127.0.0.1:1' }] } },
    { kind: 'route', name: 'open', spec: { service: 'shop', path: '/open', exposure: 'public' } },
    { kind: 'route', name: 'keyed', spec: { service: 'shop', path: '/keyed', exposure: 'public' } },
    { kind: 'route', name: 'inside', spec: { service: 'shop', path: '/inside', exposure: 'internal' } },
    { kind: 'policy', name: 'all', spec: { type: 'access', on: { environment: true }, public: OPEN } },
    {
      kind: 'policy',
      name: 'key',
      spec: { type: 'access', on: { route: 'keyed' }, credentials: [{ kind: 'api_key' }] },
    },
    ...(style === null ? [] : [{ kind: 'settings', name: 'settings', spec: { rate_limit_fields: style } }]),
    ...(plans ? [{ kind: 'role', name: 'gold', spec: { scopes: [], priority: 'critical' } }] : []),
  ].map((object) => ({ ...object, origin: object.name }))
  const compiled = compile({ tenant: 'acme', environment: 'production', number: 1, objects })
  assert.ok(compiled.kind === 'compiled', JSON.stringify(compiled))
  return compiled.release
}

function sheddingOf(
  refusedBelow: ThreadLoad['refusedBelow'],
  { plans = false, random = 0, style = null as string | null } = {},
) {
  const load = { refusedBelow, shed: 0 }
  const shedding = new Shedding(load as ThreadLoad, () => random)
  const environment = { release: released(plans, style) } as LiveEnvironment
  const before = (path: string): Decision | null =>
    shedding.before(environment, { host: 'a.test', path, method: 'GET' } as Facts)
  const after = (route: string, roles: readonly string[], concurrency: ServiceConcurrency): Decision | null => {
    const principal = { roles } as unknown as Decision['principal']
    return shedding.after(environment, { ...refuse('not_ready'), route, principal }, concurrency)
  }
  return { load, before, after }
}

const free = (): ServiceConcurrency =>
  new ServiceConcurrency({ isAdaptive: true, concurrencyMin: 1, concurrencyMax: null })

/** One that has so many waiting of ten. */
function crowded(waiting: number): ServiceConcurrency {
  const concurrency = new ServiceConcurrency({ isAdaptive: false, concurrencyMin: 1, concurrencyMax: 10 })
  for (let one = 0; one < waiting; one++) concurrency.enter(1_000)
  return concurrency
}

test('a thread that is late refuses what is public before what is internal, and names the route that it was for', () => {
  const { before, load } = sheddingOf(2)
  const refused = before('/open')
  assert.deepEqual(
    [refused?.reason, refused?.status, refused?.route, refused?.service, refused?.had],
    ['agent_overloaded', 503, 'open', 'shop', ['normal']],
  )
  assert.equal(before('/inside'), null)
  assert.equal(sheddingOf(3).before('/inside')?.reason, 'agent_overloaded')
  assert.equal(load.shed, 1)
})

test('what no route serves is refused for that', () => {
  assert.equal(sheddingOf(4).before('/nowhere'), null)
})

// Else a plan would be worth nothing in the moment for which it was made.
test('where plans are, whoever may have one is proven first, and refused then if there is none', () => {
  const { before, after } = sheddingOf(2, { plans: true })
  assert.equal(before('/open')?.reason, 'agent_overloaded')
  assert.equal(before('/keyed'), null)
  assert.equal(after('keyed', [], free())?.reason, 'agent_overloaded')
  assert.equal(after('keyed', ['gold'], free()), null)
  assert.equal(sheddingOf(4, { plans: true }).before('/keyed')?.reason, 'agent_overloaded')
})

test('a crowded service is kept free for what is more important', () => {
  const { after } = sheddingOf(0, { plans: true })
  assert.equal(after('open', [], crowded(6)), null)
  const { reason, had } = after('open', [], crowded(7)) ?? {}
  assert.deepEqual([reason, had], ['load_shed', ['normal']])
  assert.equal(after('inside', [], crowded(8)), null)
  assert.equal(after('inside', [], crowded(9))?.reason, 'load_shed')
  assert.equal(after('keyed', ['gold'], crowded(9)), null)
  assert.equal(after('keyed', ['gold'], crowded(10))?.reason, 'load_shed')
})

test('those who are refused together are told different times, from one to four seconds', () => {
  const times = [0, 0.3, 0.6, 0.999].map((random) => sheddingOf(4, { random }).before('/open')?.retryAfterMs)
  assert.deepEqual(times, [1_000, 2_000, 3_000, 4_000])
})

test('the refusal is a problem of the draft, or ours where the environment asks for that', () => {
  const typeOf = (style: string | null): string | undefined => {
    const refused = sheddingOf(4, { style }).before('/open')
    return refused === null ? undefined : publicProblem(refused, 'req_1').type
  }
  assert.equal(typeOf(null), 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity')
  assert.equal(typeOf('none'), 'https://headgate.dev/problems/agent_overloaded')
})
