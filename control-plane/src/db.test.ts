import { Prisma } from '@headgate/prisma'
import assert from 'node:assert/strict'
import test from 'node:test'
import { isDatabaseAway, isUniqueViolation } from './db.ts'

const known = (code: string, cause: object = {}, message = 'failed') =>
  new Prisma.PrismaClientKnownRequestError(message, {
    code,
    clientVersion: '7',
    meta: { driverAdapterError: { name: 'DriverAdapterError', cause } },
  })
const postgres = (code: string) => ({ kind: 'postgres', code, originalCode: code })

// Seen with a server that was killed, restarted, frozen, filled up and cut off.
for (const [name, error] of [
  ['a refused connection', known('P1001', { kind: 'DatabaseNotReachable' })],
  ['a closed connection', known('P1017', { kind: 'ConnectionClosed' })],
  ['a killed server', known('P2039', postgres('57P01'))],
  ['a crashed neighbour', known('P2039', postgres('57P02'))],
  ['a server that is starting', known('P2039', postgres('57P03'))],
  ['a cancelled statement', known('P2039', postgres('57014'))],
  ['no free slot', known('P2039', postgres('53300'))],
  ['no free connection of the pool', known('P2024')],
  ['a transaction that could not start', known('P2028')],
  ['an error of the adapter', Object.assign(new Error('x'), { cause: postgres('57P01') })],
  ['a broken connection', new Error('Connection terminated unexpectedly')],
  ['a connection after an error', new Error('Client has encountered a connection error and is not queryable')],
  ['an answer that does not come', new Error('Query read timeout')],
  ['a reset', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })],
  ['a name that does not resolve', new Error('outer', { cause: Object.assign(new Error('x'), { code: 'ENOTFOUND' }) })],
] as const) {
  test(`${name} counts as the database being away`, () => {
    assert.equal(isDatabaseAway(error), true)
  })
}

for (const [name, error] of [
  ['a taken name', known('P2002', postgres('23505'))],
  ['a broken rule of ours', known('P2039', postgres('23514'))],
  ['a bug', new TypeError('x is not a function')],
  ['nothing', undefined],
  ['a text', 'Connection'],
  ['a cycle', Object.assign(new Error('x'), { cause: null })],
] as const) {
  test(`${name} does not`, () => {
    assert.equal(isDatabaseAway(error), false)
  })
}

test('an error that is its own cause comes to an end', () => {
  const error = new Error('x')
  error.cause = error
  assert.equal(isDatabaseAway(error), false)
})

test('a taken name is told from everything else', () => {
  assert.equal(isUniqueViolation(known('P2002')), true)
  assert.equal(isUniqueViolation(known('P2025')), false)
})
