/**
 * Damaged requests by the ten thousand, read by three: the agent, Node in front of it, and Node behind it.
 *
 * Behind: whatever the agent forwards, Node reads as the very requests that the strictest reader reads. In front: every
 * request that arrives is one that Node finds in what the same client sent, with the same body; so the agent takes
 * nothing for a request that Node does not. And no answer reaches a client that it does not belong to.
 *
 * `HEADGATE_FUZZ` is the number of inputs (a million before a release), `HEADGATE_FUZZ_SEED` where they begin.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { normalise } from '@headgate/core'
import { type Client, type Next, openClient } from './testing/client.ts'
import { valuesOf } from './testing/message.ts'
import { createRandom, mutated, type Random } from './testing/mutate.ts'
import { fairReadings } from './testing/fair.ts'
import { createNodeReader, createOfflineReader, type NodeSeen } from './testing/node-reader.ts'
import { openStand, until } from './testing/stand.ts'

const INPUTS = Number(process.env['HEADGATE_FUZZ'] ?? 20_000)
/** Inputs of one test: so many take a few seconds, far below the runner's bound. */
const PART = 4_000
const FIRST_SEED = Number(process.env['HEADGATE_FUZZ_SEED'] ?? Date.now() & 0x7fffffff)
const CLIENTS = 48
const BATCH = 2_000
/**
 * Turns of the event loop without an answer after which the input was the beginning of something. All ends of all
 * connections are in this process, so a busy machine does not make it more.
 */
const SILENT_TURNS = 50

/** What a client sent at the beginning of a connection, or behind a request that was answered. */
interface Sent {
  readonly address: string
  readonly bytes: string
}

const keyOf = (address: string, method: string, target: string, body: string): string =>
  JSON.stringify([address, method, target, body])

/** What the agent should have made of what Node read; null: it is refused. */
function forwardedTarget(seen: NodeSeen, address: string): string | null {
  const { method, target, header } = seen
  const normalised = normalise({ method, target, scheme: 'http', address, header })
  return normalised.kind === 'refused' ? null : normalised.facts.path + normalised.facts.query
}

for (let first = 0; first < INPUTS; first += PART) {
  const inputs = Math.min(PART, INPUTS - first)
  test(`damaged requests from ${first} on are read alike in front of the agent, in it and behind it`, async (t) => {
    await compareReaders(t, FIRST_SEED + first, inputs)
  })
}

async function compareReaders(t: TestContext, seed: number, inputs: number): Promise<void> {
  const random = createRandom(seed)
  const behind = new Map<string, NodeSeen>()
  const errorsBehind: string[] = []
  const nodeBehind = createNodeReader(
    (seen, response) => {
      behind.set(seen.header('x-request-id').join('+'), seen)
      response.setHeader('x-client', seen.header('x-forwarded-for').join('+'))
      // Not every client can be shown its target: it may hold what no field may.
      response.setHeader('x-serial', '1')
      response.setHeader('content-length', '0')
      if (/^\/sentinel-[0-9-]+$/.test(seen.target)) response.setHeader('x-sentinel', seen.target)
      response.end()
    },
    (error, socket) => {
      errorsBehind.push(error.code ?? error.message)
      socket.destroy()
    },
  )
  await using stand = await openStand({
    beside: nodeBehind,
    settings: { headTimeoutMs: 500, clientIdleMs: 500, recordsAllowedPerS: 0, connectionsMax: 4 * CLIENTS },
  })
  const { service, agent } = stand
  const offline = createOfflineReader()
  // What may arrive, and how often. What did not arrive is kept for the next batch, because a request can be late.
  const allowed = new Map<string, number>()
  let [arrived, silent, refused] = [0, 0, 0]
  const fail = (what: string): never => assert.fail(`HEADGATE_FUZZ_SEED=${seed}: ${what}`)

  async function send(sent: Sent[], client: Client, address: string, id: string): Promise<boolean> {
    const bytes = `${mutated(random, id)}GET /sentinel-${id} HTTP/1.1\r\nHost: api.example.com\r\n\r\n`
    sent.push({ address, bytes })
    await write(client, bytes, random)
    for (;;) {
      const next = await nextOf(client)
      if (next.kind === 'invalid') return fail(`an answer that cannot be read: ${next.why} to ${JSON.stringify(bytes)}`)
      if (next.kind !== 'answer') {
        if (next.rest !== '') fail(`half an answer: ${next.rest} to ${JSON.stringify(bytes)}`)
        if (next.kind === 'silent') silent += 1
        return false
      }
      const [to] = valuesOf(next.fields, 'x-client')
      if (to !== undefined && to !== address) fail(`${address} got an answer for ${to}`)
      if (next.serial === 0) refused += 1
      if (valuesOf(next.fields, 'x-sentinel')[0] === `/sentinel-${id}`) return !client.over
    }
  }

  async function runClient(number: number, own: number, first: number, sent: Sent[]): Promise<void> {
    const address = `127.0.1.${number + 1}`
    let client: Client | null = null
    for (let index = 0; index < own; index++) {
      client ??= await openClient(agent.http, address)
      if (await send(sent, client, address, `${first + index}-${number}`)) continue
      client.socket.destroy()
      client = null
    }
    client?.socket.destroy()
  }

  /** Counts what Node finds, for a request of this client. */
  function count(counts: Map<string, number>, found: readonly NodeSeen[], address: string): void {
    for (const seen of found) {
      const target = forwardedTarget(seen, address)
      if (target === null) continue
      const key = keyOf(address, seen.method, target, seen.body)
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  }

  /** Adds what Node finds more in what a client sent when it is read fairly. */
  async function addFairReadings(counts: Map<string, number>, sent: readonly Sent[], address: string): Promise<void> {
    for (const { bytes } of sent.filter((each) => each.address === address)) {
      const [literal = new Map<string, number>(), ...others] = (await fairReadings(offline, bytes)).map((found) => {
        const counted = new Map<string, number>()
        count(counted, found, address)
        return counted
      })
      const most = new Map(literal)
      for (const other of others) for (const [key, times] of other) most.set(key, Math.max(times, most.get(key) ?? 0))
      for (const [key, times] of most) counts.set(key, (counts.get(key) ?? 0) + times - (literal.get(key) ?? 0))
    }
  }

  async function compare(sent: readonly Sent[]): Promise<void> {
    assert.ok(await until(() => service.unfinished() === 0), 'a half request is left')
    if (service.violations.length > 0) fail(service.violations.join('\n'))
    const broken = errorsBehind.filter((code) => !/ECONNRESET|HPE_INVALID_EOF_STATE|EPIPE/.test(code))
    if (broken.length > 0) fail(`Node behind the agent says ${broken.join(', ')}`)
    if (behind.size !== service.seen.length) fail(`${behind.size} requests to Node, ${service.seen.length} to us`)
    for (const { address, bytes } of sent) count(allowed, (await offline.read(bytes)).seen, address)
    const readFairly = new Set<string>()
    for (const seen of service.seen) {
      const told = `${seen.line} ${JSON.stringify(seen.fields)} ${JSON.stringify(seen.body)}`
      const node = behind.get(valuesOf(seen.fields, 'x-request-id').join('+'))
      const alike = node?.method === seen.method && node.target === seen.target && node.body === seen.body
      if (!alike) fail(`Node behind the agent reads ${JSON.stringify(node)}: ${told}`)
      const key = keyOf(seen.client, seen.method, seen.target, seen.body)
      if ((allowed.get(key) ?? 0) === 0 && !readFairly.has(seen.client)) {
        readFairly.add(seen.client)
        await addFairReadings(allowed, sent, seen.client)
      }
      const left = allowed.get(key) ?? 0
      if (left === 0) {
        const from = sent.filter(({ address }) => address === seen.client).map(({ bytes }) => bytes)
        const near = from.find((bytes) => bytes.includes(seen.target.slice(1)))
        fail(`Node in front of the agent finds no such request: ${told}\nin ${JSON.stringify(near ?? from)}`)
      }
      if (left === 1) allowed.delete(key)
      else allowed.set(key, left - 1)
    }
    arrived += service.seen.length
    // What has not arrived yet may still do so, for a while.
    if (allowed.size > 4 * BATCH) allowed.clear()
    behind.clear()
    errorsBehind.length = 0
    service.forget()
  }

  for (let done = 0; done < inputs; done += BATCH) {
    const each = Math.ceil(Math.min(BATCH, inputs - done) / CLIENTS)
    const sent = Array.from({ length: CLIENTS }, (): Sent[] => [])
    await Promise.all(sent.map(async (list, number) => await runClient(number, each, done, list)))
    await compare(sent.flat())
    assert.equal(agent.app.slots.malformed.get('internal_error'), undefined, `HEADGATE_FUZZ_SEED=${seed}`)
  }
  t.diagnostic(`${arrived} arrived, ${refused} refused, ${silent} unfinished; seed ${seed}`)
  assert.ok(arrived > inputs / 2, `hardly anything got through: ${arrived}`)
  assert.ok(refused > inputs / 20, `hardly anything was refused: ${refused}`)
}

/** The next answer, unless it does not come although everything that could send it has had its turn. */
async function nextOf(client: Client): Promise<Next> {
  for (let turn = 0; ; turn++) {
    const next = await client.next('GET', 0)
    if (next.kind !== 'silent' || turn === SILENT_TURNS) return next
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

/** In one piece mostly, and else in two or byte by byte. */
async function write(client: Client, bytes: string, random: Random): Promise<void> {
  const way = random(10)
  const cut = way === 0 ? random(bytes.length) : 0
  if (cut === 0) {
    client.write(bytes)
    return
  }
  client.write(bytes.slice(0, cut))
  await new Promise<void>((resolve) => setImmediate(resolve))
  client.write(bytes.slice(cut))
}
