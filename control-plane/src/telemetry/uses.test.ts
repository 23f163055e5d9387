import { create } from '@bufbuild/protobuf'
import { ExportLogsServiceRequestSchema } from '@headgate/proto'
import assert from 'node:assert/strict'
import test from 'node:test'
import type { LogRecord } from './attributes.ts'
import { readUses } from './uses.ts'

const ENVIRONMENT = 'env_01KAXYZ0000000000000000000'
const KEY = 'key_01KAXYZ0000000000000000000'
const CERTIFICATE = 'crd_01KAXYZ0000000000000000000'
const NOW_MS = 1_795_500_000_000
const sender = { environmentIds: new Set([ENVIRONMENT]) }

const text = (value: string) => ({ value: { case: 'stringValue' as const, value } })
const number = (value: number) => ({ value: { case: 'intValue' as const, value: BigInt(value) } })

interface Lists {
  readonly environment?: string
  readonly ids?: readonly string[]
  readonly addresses?: readonly string[]
  readonly times?: readonly number[]
}

function log({
  environment = ENVIRONMENT,
  ids = [KEY],
  addresses = ['192.0.2.1'],
  times = [NOW_MS],
}: Lists): LogRecord {
  const list = (values: readonly ReturnType<typeof text | typeof number>[]) => ({
    value: { case: 'arrayValue' as const, value: { values: [...values] } },
  })
  const attributes = [
    { key: 'headgate.environment.id', value: text(environment) },
    { key: 'headgate.credential.ids', value: list(ids.map(text)) },
    { key: 'headgate.credential.addresses', value: list(addresses.map(text)) },
    { key: 'headgate.credential.times', value: list(times.map(number)) },
  ]
  const logRecords = [{ eventName: 'headgate.credentials.used', attributes }]
  const request = create(ExportLogsServiceRequestSchema, { resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
  const record = request.resourceLogs[0]?.scopeLogs[0]?.logRecords[0]
  if (record === undefined) throw new Error('no record')
  return record
}

const usesOf = (lists: Lists) => {
  const read = readUses(log(lists), sender, NOW_MS)
  return read.kind === 'uses' ? read.uses.map(({ credentialId, address, atMs }) => [credentialId, address, atMs]) : read
}

test('lists side by side become uses', () => {
  assert.deepEqual(
    usesOf({ ids: [KEY, CERTIFICATE], addresses: ['192.0.2.1', '2001:db8::1'], times: [NOW_MS - 5, NOW_MS] }),
    [
      [KEY, '192.0.2.1', NOW_MS - 5],
      [CERTIFICATE, '2001:db8::1', NOW_MS],
    ],
  )
})

// An agent of one tenant must not write into the keys of another.
test('a record of an environment that the agent does not serve is refused', () => {
  assert.equal(readUses(log({ environment: 'env_other' }), sender, NOW_MS).kind, 'refused')
})

test('lists of different lengths, or longer than agents send, are refused', () => {
  assert.equal(readUses(log({ times: [] }), sender, NOW_MS).kind, 'refused')
  const many = 1_001
  const lists = { ids: Array(many).fill(KEY), addresses: Array(many).fill(''), times: Array(many).fill(NOW_MS) }
  assert.equal(readUses(log(lists), sender, NOW_MS).kind, 'refused')
})

test('a use that does not fit costs itself: no id, a time far off', () => {
  const ids = ['key_x', KEY, KEY, KEY]
  const times = [NOW_MS, NOW_MS + 3_600_000, NOW_MS - 30 * 86_400_000, NOW_MS]
  assert.deepEqual(usesOf({ ids, addresses: ['', '', '', '::1'], times }), [[KEY, '::1', NOW_MS]])
})

// Guards against an agent whose clock is ahead: nothing that others tell would be newer for minutes.
test('a time that is a little ahead counts as now, and what is no address as none', () => {
  assert.deepEqual(usesOf({ addresses: ['<script>'], times: [NOW_MS + 60_000] }), [[KEY, '', NOW_MS]])
})
