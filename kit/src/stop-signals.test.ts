import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { onStopSignal } from './stop-signals.ts'

function fakeProcess() {
  const killed: string[] = []
  const emitter = new EventEmitter()
  const process = Object.assign(emitter, { pid: 1, kill: (_: number, signal: string) => killed.push(signal) })
  // Only `on`, `off`, `pid` and `kill` are used.
  return { process: process as unknown as NodeJS.Process, emitter, killed }
}

// Guards against orphans: a group signal that npm hands on too once killed the parent before it had stopped its children.
test('one wish that arrives twice stops once and kills nothing', () => {
  const { process, emitter, killed } = fakeProcess()
  const stops: string[] = []
  onStopSignal(process, ['SIGTERM', 'SIGINT'], (signal) => stops.push(signal))
  emitter.emit('SIGTERM', 'SIGTERM')
  emitter.emit('SIGTERM', 'SIGTERM')
  emitter.emit('SIGINT', 'SIGINT')
  assert.deepEqual(stops, ['SIGTERM'])
  assert.deepEqual(killed, [])
})

test('a second wish ends the process at once', async (t) => {
  const { process, emitter, killed } = fakeProcess()
  let nowMs = 0
  t.mock.method(performance, 'now', () => nowMs)
  onStopSignal(process, ['SIGTERM'], () => {})
  emitter.emit('SIGTERM', 'SIGTERM')
  nowMs = 1_500
  emitter.emit('SIGTERM', 'SIGTERM')
  assert.deepEqual(killed, ['SIGKILL'])
})

test('nothing is listened to afterwards', () => {
  const { process, emitter } = fakeProcess()
  onStopSignal(process, ['SIGTERM'], () => {})()
  assert.equal(emitter.listenerCount('SIGTERM'), 0)
})
