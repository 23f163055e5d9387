import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionOptions, requestFields, responseFields } from './fields.ts'
import { checkHead } from './framing.ts'

const NONE: ReadonlySet<string> = new Set()

test('the options of all Connection fields are read as one list, without regard to case', () => {
  assert.deepEqual(
    [...(connectionOptions(['Keep-Alive, X-Hop', ' CLOSE ,, x-two']) ?? [])],
    ['keep-alive', 'x-hop', 'close', 'x-two'],
  )
})

test('Connection may not name a field that decides where a request goes, ends or who sends it', () => {
  for (const name of [
    'Host',
    'content-length',
    'Transfer-Encoding',
    'AUTHORIZATION',
    'cookie',
    'x-forwarded-for',
    'x_y',
  ]) {
    assert.equal(connectionOptions([`close, ${name}`]), null, name)
  }
  assert.equal(connectionOptions(['a b']), null)
})

test('order, spelling and repetition of what passes are kept, and our own fields come last', () => {
  const raw = ['ACCEPT', '*/*', 'X-A', '1', 'x-a', '2', 'X-Forwarded-For', '1.2.3.4', 'X-Key', 'secret']
  const out = requestFields(raw, NONE, ['x-key'], [['X-Forwarded-For', '10.0.0.1']])
  assert.deepEqual(out, ['ACCEPT', '*/*', 'X-A', '1', 'x-a', '2', 'X-Forwarded-For', '10.0.0.1'])
})

test('every spelling of a field that services believe is stripped', () => {
  const names = [
    'x-forwarded-for',
    'X-FORWARDED-anything',
    'x_real_ip',
    'X-Headgate-Consumer',
    'FORWARDED',
    'Remote_User',
  ]
  for (const name of names) assert.deepEqual(requestFields([name, 'x'], NONE, [], []), [], name)
})

test('what the agent adds to a response replaces what the service sent', () => {
  const raw = ['RateLimit', 'theirs', 'Server', 'nginx', 'X-Request-ID', 'theirs', 'Connection', 'x-hop', 'X-Hop', '1']
  assert.deepEqual(responseFields(raw, 200, [['RateLimit', 'ours']]), ['Server', 'nginx', 'RateLimit', 'ours'])
})

test('a service cannot take the length of its own response away', () => {
  const raw = ['Connection', 'content-length', 'Content-Length', '5']
  assert.deepEqual(responseFields(raw, 200, []), ['Content-Length', '5'])
  assert.deepEqual(responseFields(raw, 204, []), [])
})

test('200 fields pass and 201 do not', () => {
  const fields = (count: number): string[] => Array.from({ length: count * 2 }, () => 'x')
  assert.equal(checkHead('1.1', fields(200)).kind, 'ok')
  assert.deepEqual(checkHead('1.1', fields(201)), { kind: 'refused', reason: 'head_too_large' })
})

test('a body follows when a length above zero or a coding says so', () => {
  const hasBody = (...raw: string[]): boolean | undefined => {
    const check = checkHead('1.1', raw)
    return check.kind === 'ok' ? check.hasBody : undefined
  }
  assert.equal(hasBody(), false)
  assert.equal(hasBody('content-length', '0'), false)
  assert.equal(hasBody('Content-Length', '1'), true)
  assert.equal(hasBody('Transfer-Encoding', 'CHUNKED'), true)
  assert.equal(hasBody('Content-Length', '1', 'content-length', '1'), undefined)
})
