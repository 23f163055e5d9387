import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { status } from '@grpc/grpc-js'
import {
  DirectorySchema,
  HelloSchema,
  OutcomeSchema,
  SignedSnapshotSchema,
  SubscribeRequestSchema,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from '@headgate/proto'
import assert from 'node:assert/strict'
import test from 'node:test'
import { createBudget } from './budget.ts'
import { createContent } from './content/cache.ts'
import type { Wanted } from './plan.ts'
import type { Holding } from './receipts/store.ts'
import { createSession } from './session.ts'
import { silentLog } from './testing.ts'

const ENVIRONMENT = 'env_1'

/** A stream whose both ends are here, with a clock that is set by hand. */
function stage(options: { wanted?: Wanted; held?: { releaseNumber: bigint; directorySequence: bigint } } = {}) {
  const sent: SubscribeResponse[] = []
  const holdings: Holding[] = []
  const ends: { code: status; details: string }[] = []
  const state = { nowMs: 1_000_000, full: false, wanted: options.wanted ?? { releaseNumber: 3, directorySequence: 5n } }
  const session = createSession({
    agent: { id: 'agt_1', name: 'one', groupId: 'grp_1', groupName: 'group', revoked: false, controlPlaneId: 'cpl_1' },
    hello: create(HelloSchema, {
      capability: 1,
      held: options.held === undefined ? [] : [{ environmentId: ENVIRONMENT, ...options.held }],
    }),
    certificateEndsAtMs: 1_000_000 + 3_600_000,
    stream: {
      write: (message) => {
        // Over the wire and back: what is encoded by hand has to be what the agent reads.
        sent.push(fromBinary(SubscribeResponseSchema, toBinary(SubscribeResponseSchema, message)))
        return !state.full
      },
      end: (code, details) => ends.push({ code, details }),
    },
    view: { environments: () => [ENVIRONMENT], wanted: () => state.wanted },
    content: createContent({
      readRelease: async (_id, number) => create(SignedSnapshotSchema, { keyId: `r${number}` }),
      readDirectory: async (environmentId) =>
        create(DirectorySchema, { environmentId, sequence: state.wanted.directorySequence }),
      readDelta: async () => null,
    }),
    budget: createBudget(1_000_000),
    clock: { now: () => state.nowMs, monotonic: () => state.nowMs, sleep: async () => {} },
    log: silentLog,
    onHolding: (holding) => holdings.push(holding),
    onServed: () => {},
  })
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return { session, sent, holdings, ends, state, settle }
}

function outcome(pushId: bigint, accepted: boolean, releaseNumber: bigint, directorySequence: bigint) {
  const held = { environmentId: ENVIRONMENT, releaseNumber, directorySequence }
  const value = create(OutcomeSchema, { pushId, accepted, reasons: accepted ? [] : ['no'], held })
  return create(SubscribeRequestSchema, { message: { case: 'outcome', value } })
}

test('an agent is sent assignment, directory and release, one at a time, as it answers', async () => {
  const { session, sent, holdings, settle } = stage()
  session.sync()
  await settle()
  assert.deepEqual(
    sent.map(({ message }) => message.case),
    ['assignment', 'directory'],
  )
  session.sync()
  await settle()
  assert.equal(sent.length, 2, 'nothing more before the answer')
  session.receive(outcome(2n, true, 0n, 5n))
  await settle()
  assert.deepEqual(sent.map(({ pushId, message }) => [pushId, message.case]).at(-1), [3n, 'snapshot'])
  session.receive(outcome(3n, true, 3n, 5n))
  await settle()
  assert.equal(sent.length, 3)
  const last = holdings.at(-1)
  assert.deepEqual([last?.releaseNumber, last?.directorySequence, last?.refusedNumber], [3, 5n, null])
})

test('a refusal is told with its reasons, which stay until a later release is live', async () => {
  const { session, sent, holdings, state, settle } = stage({ held: { releaseNumber: 2n, directorySequence: 5n } })
  session.sync()
  await settle()
  session.receive(outcome(2n, false, 2n, 5n))
  assert.deepEqual([holdings.at(-1)?.refusedNumber, holdings.at(-1)?.refusedReasons], [3, ['no']])
  session.sync()
  await settle()
  assert.equal(sent.length, 2, 'not sent again')
  state.wanted = { releaseNumber: 4, directorySequence: 5n }
  session.sync()
  await settle()
  session.receive(outcome(3n, true, 4n, 5n))
  assert.equal(holdings.at(-1)?.refusedNumber, null)
})

test('nothing is sent while the connection is full, and the rest after it has drained', async () => {
  const { session, sent, state, settle } = stage()
  state.full = true
  session.sync()
  await settle()
  const before = sent.length
  session.sync()
  state.nowMs += 6_000
  session.tick()
  await settle()
  assert.equal(sent.length, before)
  state.full = false
  session.drained()
  await settle()
  assert.ok(sent.length > before)
})

test('a silent agent is pinged every 5 seconds and given up after 15', () => {
  const { session, sent, ends, state } = stage()
  for (let second = 0; second < 16; second += 1) {
    state.nowMs += 1_000
    session.tick()
  }
  assert.equal(sent.filter(({ message }) => message.case === 'ping').length, 3)
  assert.deepEqual(ends, [{ code: status.DEADLINE_EXCEEDED, details: 'no answer to pings' }])
})

test('an agent that answers pings and not a push is given up after a minute', async () => {
  const { session, sent, ends, state, settle } = stage()
  session.sync()
  await settle()
  for (let second = 0; second < 61 && ends.length === 0; second += 1) {
    state.nowMs += 1_000
    session.tick()
    const ping = sent.findLast(({ message }) => message.case === 'ping')
    if (ping === undefined) continue
    const value = { $typeName: 'headgate.fleet.v1.Pong' as const, pushId: ping.pushId }
    session.receive(create(SubscribeRequestSchema, { message: { case: 'pong', value } }))
  }
  assert.deepEqual(ends, [{ code: status.DEADLINE_EXCEEDED, details: 'no answer to a push' }])
})

test('an ended stream does nothing any more', async () => {
  const { session, sent, ends, holdings, settle } = stage()
  session.sync()
  session.end(status.PERMISSION_DENIED, 'revoked')
  const [before, told] = [sent.length, holdings.length]
  await settle()
  session.sync()
  session.receive(outcome(1n, true, 3n, 5n))
  session.end(status.OK, 'again')
  await settle()
  assert.deepEqual([sent.length, holdings.length, ends.length], [before, told, 1])
})

test('an ack that does not say what is held ends the stream', async () => {
  const { session, ends, settle } = stage()
  session.sync()
  await settle()
  const value = create(OutcomeSchema, { pushId: 2n, accepted: true })
  session.receive(create(SubscribeRequestSchema, { message: { case: 'outcome', value } }))
  assert.equal(ends[0]?.code, status.INVALID_ARGUMENT)
})

test('a database that went back has the agent sent the whole directory', async () => {
  const { session, sent, state, settle } = stage()
  session.sync()
  await settle()
  session.receive(outcome(2n, true, 0n, 5n))
  await settle()
  session.receive(outcome(3n, true, 3n, 5n))
  state.wanted = { releaseNumber: 3, directorySequence: 2n }
  session.sync()
  await settle()
  assert.equal(sent.at(-1)?.message.case, 'directory')
})
