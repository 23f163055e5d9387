/**
 * Names are followed: by their TTL, through outages, and with few questions.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startNameServer } from '#agent/upstream/testing/name-server.ts'
import { createNames, createResolve, type Resolve, type Resolved } from './names.ts'

const monotonic = (): number => performance.now()

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 10) {
    if (condition()) return
    await sleep(10)
  }
  assert.fail(`waited in vain for ${what}`)
}

/** Ten times as fast as in production. */
const PACE = { ttlMsMin: 100, ttlMsMax: 30_000, ttlMsUnknown: 500, retryMs: 50, retryMsMax: 1_000 }

/** Follows a name and keeps what was told. */
function follow(resolve: Resolve, name: string) {
  const names = createNames(resolve, monotonic, PACE)
  const told: (readonly string[] | null)[] = []
  const followed = names.follow(name, (addresses) => void told.push(addresses))
  return { names, told, followed, [Symbol.dispose]: () => names[Symbol.dispose]() }
}

test('a name server is asked again when its answer has expired, and a change is told', async () => {
  await using server = await startNameServer()
  server.names.set('shop.example.test', ['10.0.0.2', '10.0.0.1'])
  using fake = follow(createResolve([server.address]), 'shop.example.test')
  await until('the addresses', () => fake.told.length === 1)
  assert.deepEqual(fake.told, [['10.0.0.1', '10.0.0.2']])
  server.names.set('shop.example.test', ['10.0.0.3'])
  await until('the change', () => fake.told.length === 2)
  assert.deepEqual(fake.told[1], ['10.0.0.3'])
  assert.ok(server.asked <= 3, `${server.asked} questions`)
})

test('while nobody answers, what was known stays in use', async () => {
  const answers: (Resolved | null)[] = [{ addresses: ['10.0.0.1'], ttlMs: 0 }]
  let asked = 0
  using fake = follow(async () => {
    asked += 1
    return await Promise.resolve(answers.shift() ?? null)
  }, 'shop.test')
  await until('some questions in vain', () => asked > 1)
  assert.deepEqual(fake.told, [['10.0.0.1']])
  answers.push({ addresses: ['10.0.0.2'], ttlMs: 60_000 })
  await until('the new address', () => fake.told.length === 2)
  assert.deepEqual(fake.told[1], ['10.0.0.2'])
})

test('a name without an answer is told as such, and asked for again', async () => {
  const answers: (Resolved | null)[] = [null]
  using fake = follow(
    async () =>
      await Promise.resolve(answers.length > 0 ? (answers.shift() ?? null) : { addresses: ['10.0.0.1'], ttlMs: null }),
    'shop.test',
  )
  await until('the answer', () => fake.told.length === 2)
  assert.deepEqual(fake.told, [null, ['10.0.0.1']])
})

test('a name is asked for once, whoever follows it, and not any more when nobody does', async () => {
  let asked = 0
  using names = createNames(
    async () => {
      asked += 1
      return await Promise.resolve({ addresses: ['10.0.0.1'], ttlMs: 0 })
    },
    monotonic,
    PACE,
  )
  const told: string[] = []
  const one = names.follow('shop.test', () => void told.push('one'))
  const two = names.follow('shop.test', () => void told.push('two'))
  await until('both', () => told.length === 2)
  const three = names.follow('shop.test', () => void told.push('three'))
  assert.deepEqual(told, ['one', 'two'])
  await until('the third, at once', () => told.length === 3)
  assert.equal(asked, 1)
  for (const followed of [one, two, three]) followed.stop()
  await sleep(150)
  assert.equal(asked, 1)
})

test('few questions are asked at a time, and none of them soon after another one for the same name', async () => {
  let [open, most, asked] = [0, 0, 0]
  using names = createNames(
    async () => {
      open += 1
      asked += 1
      most = Math.max(most, open)
      await sleep(5)
      open -= 1
      return { addresses: ['10.0.0.1'], ttlMs: 60_000 }
    },
    monotonic,
    PACE,
  )
  let told = 0
  const followed = Array.from({ length: 20 }, (_, index) => names.follow(`n${index}.test`, () => void (told += 1)))
  await until('all', () => told === 20)
  for (let time = 0; time < 100; time++) for (const each of followed) each.refresh()
  await sleep(30)
  assert.deepEqual([most, asked], [3, 20])
})

test('a name that only this machine knows is found', async () => {
  await using server = await startNameServer()
  const resolve = createResolve([server.address])
  assert.deepEqual(await resolve('localhost'), { addresses: ['127.0.0.1'], ttlMs: null })
  assert.equal(server.asked, 0)
  assert.equal(await resolve('nobody.knows.this.test'), null)
})
