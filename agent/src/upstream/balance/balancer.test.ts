/**
 * Who is chosen: shares are kept, what is full is passed over, and a hash moves no more than it must.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRandom } from '#agent/testing/random.ts'
import { type Balancer, type Candidate, createBalancer } from './balancer.ts'
import { hashText } from './hash.ts'

interface Fake extends Candidate {
  readonly name: string
  busy: number
  hasRoom: boolean
}

const algorithms = ['round_robin', 'least_request', 'consistent_hash'] as const

function fakes(shares: readonly number[]): Fake[] {
  return shares.map((share, index) => {
    const name = `http://10.0.0.${index}:8080`
    return { name, share, busy: 0, hasRoom: true, seed: hashText(name), owed: 0 }
  })
}

function balancerOf(
  algorithm: (typeof algorithms)[number],
  candidates: readonly Fake[],
  seed: number | null = 1,
): Balancer<Fake> {
  const below = createRandom(seed ?? 1)
  const balancer = createBalancer<Fake>(algorithm, () => below(1_000_000) / 1_000_000)
  balancer.use(candidates)
  return balancer
}

const shares = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 })

for (const algorithm of algorithms) {
  test(`${algorithm}: whoever has room is chosen, nobody else, and somebody as long as there is one`, () => {
    fc.assert(
      fc.property(shares, fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), fc.nat(), (each, rooms, key) => {
        const candidates = fakes(each)
        for (const [index, candidate] of candidates.entries()) candidate.hasRoom = rooms[index] === true
        const except = candidates[key % (candidates.length + 1)] ?? null
        const balancer = balancerOf(algorithm, candidates, key)
        for (let time = 0; time < 5; time++) {
          const chosen = balancer.choose(key, except)
          const able = candidates.filter((candidate) => candidate.hasRoom && candidate !== except)
          if (able.length === 0) assert.equal(chosen, null)
          else assert.ok(chosen !== null && able.includes(chosen))
        }
      }),
      { seed: 7, numRuns: 300 },
    )
  })
}

test('round_robin: every candidate gets exactly its share, and heavy ones do not come all at once', () => {
  fc.assert(
    fc.property(shares, (each) => {
      const candidates = fakes(each)
      const balancer = balancerOf('round_robin', candidates)
      const rounds = each.reduce((sum, share) => sum + share, 0)
      const counts = new Map<Fake, number>()
      for (let time = 0; time < rounds; time++) {
        const chosen = balancer.choose(0, null)
        if (chosen !== null) counts.set(chosen, (counts.get(chosen) ?? 0) + 1)
      }
      if (new Set(each).size === 1) assert.ok(candidates.every((candidate) => counts.get(candidate) === each[0]))
      else
        assert.deepEqual(
          candidates.map((candidate) => counts.get(candidate)),
          each,
        )
    }),
    { seed: 7, numRuns: 200 },
  )
  const smooth = balancerOf('round_robin', fakes([5, 1, 1]))
  const order = Array.from({ length: 7 }, () => smooth.choose(0, null)?.share).join('')
  assert.equal(order, '5515155')
})

test('least_request: shares are kept when nobody is busy', () => {
  const candidates = fakes([1, 3, 6])
  const balancer = balancerOf('least_request', candidates)
  const counts = new Map(candidates.map((candidate) => [candidate, 0]))
  for (let time = 0; time < 20_000; time++) {
    const chosen = balancer.choose(0, null)
    if (chosen !== null) counts.set(chosen, (counts.get(chosen) ?? 0) + 1)
  }
  for (const { share } of candidates) {
    const part = [...counts].find(([candidate]) => candidate.share === share)?.[1] ?? 0
    assert.ok(Math.abs(part / 20_000 - share / 10) < 0.02, `${share}: ${part}`)
  }
})

// The reason to look at two: the longest queue grows with log log n, not with log n / log log n.
test('least_request: nobody gets much busier than the others, whoever is slow', () => {
  const candidates = fakes([1, 1, 1, 1, 1, 1, 1, 1])
  const below = createRandom(3)
  const balancer = createBalancer<Fake>('least_request', () => below(1_000_000) / 1_000_000)
  balancer.use(candidates)
  for (let time = 0; time < 4_000; time++) {
    const chosen = balancer.choose(0, null)
    if (chosen !== null) chosen.busy += 1
  }
  const busy = candidates.map((candidate) => candidate.busy)
  assert.ok(Math.max(...busy) - Math.min(...busy) <= 6, busy.join(' '))
})

const KEYS = Array.from({ length: 20_000 }, (_, index) => hashText(`consumer-${index}`))

function owners(candidates: readonly Fake[]): readonly (string | undefined)[] {
  const balancer = balancerOf('consistent_hash', candidates)
  return KEYS.map((key) => balancer.choose(key, null)?.name)
}

function spread(names: readonly (string | undefined)[]): Map<string | undefined, number> {
  return new Map([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]))
}

test('consistent_hash: keys are spread evenly, within a tenth of a share', () => {
  const counts = [...spread(owners(fakes(Array.from({ length: 10 }, () => 1)))).values()]
  assert.equal(counts.length, 10)
  for (const count of counts) assert.ok(Math.abs(count / 2_000 - 1) < 0.1, counts.join(' '))
})

test('consistent_hash: weights are kept, within a tenth', () => {
  const candidates = fakes([1, 2, 4])
  const counts = spread(owners(candidates))
  for (const { name, share } of candidates) {
    const part = (counts.get(name) ?? 0) / KEYS.length
    assert.ok(Math.abs(part / (share / 7) - 1) < 0.1, `${share}: ${part}`)
  }
})

test('consistent_hash: when a target goes, only its keys move, and they move to all others', () => {
  for (const each of [
    [1, 1, 1, 1, 1],
    [1, 2, 3, 4, 5],
  ]) {
    const candidates = fakes(each)
    const before = owners(candidates)
    const [gone, ...rest] = candidates
    assert.ok(gone !== undefined)
    const after = owners(rest)
    const moved = KEYS.keys().filter((index) => before[index] !== after[index])
    const took = new Set<string | undefined>()
    for (const index of moved) {
      assert.equal(before[index], gone.name)
      took.add(after[index])
    }
    assert.equal(took.size, rest.length)
  }
})

test('consistent_hash: a target that has no room lends its keys to others, and no others move', () => {
  const candidates = fakes([1, 1, 1, 1])
  const before = owners(candidates)
  const [full] = candidates
  assert.ok(full !== undefined)
  full.hasRoom = false
  for (const [index, owner] of owners(candidates).entries()) {
    if (before[index] !== full.name) assert.equal(owner, before[index])
    else assert.notEqual(owner, full.name)
  }
})

// Agents of different releases would send the same consumer to different targets.
test('the same text has the same number everywhere', () => {
  const numbers = ['', 'a', 'consumer-1'].map((text) => hashText(text))
  assert.deepEqual(numbers, [2_872_998_923, 444_641_715, 3_857_844_118])
})
