import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { connect, type ConnectionOptions } from 'node:tls'
import { createRandom } from '#agent/testing/random.ts'
import { CLIENT_HELLO_BYTES_MAX, readClientHello } from './client-hello.ts'

/** What a client of this TLS library sends first. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ host: '127.0.0.1', port, ...options }).on('error', () => {})
  const [socket] = await once(server, 'connection')
  let bytes = Buffer.alloc(0)
  while (readClientHello(bytes).kind === 'more') {
    const [chunk] = await once(socket, 'data')
    bytes = Buffer.concat([bytes, chunk])
  }
  client.destroy()
  socket.destroy()
  server.close()
  return bytes
}

const hello = await helloOf({ servername: 'Shop.Example.test', ALPNProtocols: ['h2', 'http/1.1'] })
const old = await helloOf({ servername: 'shop.example.test', maxVersion: 'TLSv1.2' })
const named = { kind: 'named', serverName: 'shop.example.test', ticket: null }

/** The same message in records of so many bytes. */
function inRecords(bytes: Buffer, size: number): Buffer {
  const message = bytes.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size)
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 0xff]), part)
  }
  return Buffer.concat(records)
}

/** A hello with nothing in it but these extensions. */
function helloWith(extensions: Buffer): Buffer {
  const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 1),
    Buffer.from([0]),
    u16(2),
    u16(0x1301),
    Buffer.from([1, 0]),
    u16(extensions.length),
    extensions,
  ])
  const message = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body])
  return Buffer.concat([Buffer.from([22, 3, 1]), u16(message.length), message])
}

function nameExtension(name: string, type = 0): Buffer {
  const bytes = Buffer.from(name, 'latin1')
  const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
  const entry = Buffer.concat([Buffer.from([type]), u16(bytes.length), bytes])
  const list = Buffer.concat([u16(entry.length), entry])
  return Buffer.concat([u16(0), u16(list.length), list])
}

test('the server name is read from what real clients send, in lower case', () => {
  assert.deepEqual(readClientHello(hello), named)
  assert.deepEqual(readClientHello(old), named)
})

test('a client that names no server is known as such', async () => {
  assert.deepEqual(readClientHello(await helloOf({})), { kind: 'nameless' })
})

test("a ticket is read from both places in which clients bring one, and is nobody else's to judge", () => {
  const extension = (type: number, ...bytes: readonly number[]): Buffer =>
    Buffer.from([0, type, 0, bytes.length, ...bytes])
  const ticketIn = (...extensions: readonly Buffer[]): readonly number[] | null => {
    const read = readClientHello(helloWith(Buffer.concat([nameExtension('a.test'), ...extensions])))
    assert.ok(read.kind === 'named')
    return read.ticket === null ? null : [...read.ticket]
  }
  assert.deepEqual(ticketIn(extension(35, 1, 2, 3)), [1, 2, 3])
  assert.deepEqual(ticketIn(extension(35)), null)
  // Two identities, and what proves them.
  const identities = [0, 15, 0, 3, 4, 5, 6, 0, 0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0]
  assert.deepEqual(ticketIn(extension(35), extension(41, ...identities)), [4, 5, 6])
  assert.deepEqual(ticketIn(extension(35, 1), extension(41, ...identities)), [4, 5, 6])
  for (let length = 0; length < identities.length; length++) ticketIn(extension(41, ...identities.slice(0, length)))
})

test('a hello that arrives byte by byte asks for more until its last byte', () => {
  for (let length = 0; length < hello.length; length++) {
    assert.equal(readClientHello(hello.subarray(0, length)).kind, 'more', `${length}`)
  }
  assert.deepEqual(readClientHello(Buffer.concat([hello, Buffer.from('more')])), named)
})

test('a hello that is spread over records is put together, within a bound', () => {
  const length = hello.length - 5
  for (const size of [Math.ceil(length / 2), Math.ceil(length / 15), length - 1]) {
    const spread = inRecords(hello, size)
    assert.deepEqual(readClientHello(spread), named, `${size}`)
    assert.equal(readClientHello(spread.subarray(0, -1)).kind, 'more')
  }
  assert.equal(readClientHello(inRecords(hello, 1)).kind, 'malformed')
})

test('what is no TLS is told apart from TLS that is not as it may be', () => {
  assert.equal(readClientHello(Buffer.from('GET / HTTP/1.1\r\n')).kind, 'foreign')
  assert.equal(readClientHello(Buffer.from([22, 2, 0, 0, 1])).kind, 'foreign')
  // An alert, a ServerHello, an empty record, a record and a message that are too long.
  assert.equal(readClientHello(Buffer.from([21, 3, 1, 0, 2, 1, 0])).kind, 'foreign')
  assert.equal(readClientHello(Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 9])).kind, 'malformed')
  assert.equal(readClientHello(Buffer.from([22, 3, 1, 0, 0])).kind, 'malformed')
  assert.equal(readClientHello(Buffer.from([22, 3, 1, 0x40, 1])).kind, 'malformed')
  const long = CLIENT_HELLO_BYTES_MAX
  assert.equal(readClientHello(Buffer.from([22, 3, 1, 0, 9, 1, 0, long >> 8, long & 0xff])).kind, 'malformed')
})

for (const [title, extensions] of [
  ['two server names', Buffer.concat([nameExtension('a.test'), nameExtension('b.test')])],
  ['a name of another type', nameExtension('a.test', 1)],
  ['an empty name', nameExtension('')],
  ['a name with a dot at its end', nameExtension('a.test.')],
  ['a name with a zero byte', nameExtension('a.test\0.evil')],
  ['a name beyond ASCII', nameExtension('\xe4.test')],
  ['a name that is too long', nameExtension(`${'a'.repeat(63)}.`.repeat(4))],
  ['a list with something behind the name', Buffer.concat([nameExtension('a.test').fill(12, 3, 4), Buffer.alloc(3)])],
  ['an extension that is cut off', nameExtension('a.test').subarray(0, -1)],
] as const) {
  test(`${title} is malformed, never a guess`, () => {
    assert.equal(readClientHello(helloWith(extensions)).kind, 'malformed')
  })
}

test('no damaged hello makes the reader throw', () => {
  const random = createRandom(7)
  for (let round = 0; round < 2_000; round++) {
    const damaged = Buffer.from(hello)
    for (let times = random(4); times >= 0; times--) damaged[random(damaged.length)] = random(256)
    readClientHello(damaged.subarray(0, random(damaged.length + 1)))
  }
})
