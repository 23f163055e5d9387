/**
 * A name server for tests: answers A and AAAA questions over UDP from a table that the test changes.
 *
 * Source: RFC 1035 section 4.1.
 *
 * @module
 */
import { createSocket } from 'node:dgram'

export interface NameServer extends AsyncDisposable {
  /** As `dns.setServers` takes it. */
  readonly address: string
  /** IPv4 addresses by name. What is not in it does not exist. */
  readonly names: Map<string, readonly string[]>
  ttlS: number
  /** While set, nothing is answered. */
  silent: boolean
  /** Questions for A records that arrived. */
  asked: number
}

const HEADER_BYTES = 12
const TYPE_A = 1

export async function startNameServer(): Promise<NameServer> {
  const socket = createSocket('udp4')
  const server: NameServer = {
    address: '',
    names: new Map(),
    ttlS: 1,
    silent: false,
    asked: 0,
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => {
        socket.close(() => resolve())
      })
    },
  }
  socket.on('message', (question, { port, address }) => {
    const { name, end } = readName(question)
    const type = question.readUInt16BE(end)
    if (type === TYPE_A) server.asked += 1
    if (server.silent) return
    const known = server.names.get(name)
    const answers = type === TYPE_A ? (known ?? []) : []
    const head = Buffer.alloc(HEADER_BYTES)
    question.copy(head, 0, 0, 2)
    // A response, recursion available; and that the name does not exist (3) where it does not.
    head.writeUInt16BE(0x8180 | (known === undefined ? 3 : 0), 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(answers.length, 6)
    const records = answers.map((text) => {
      const record = Buffer.alloc(16)
      // A pointer to the name of the question.
      record.writeUInt16BE(0xc000 | HEADER_BYTES, 0)
      record.writeUInt16BE(TYPE_A, 2)
      record.writeUInt16BE(1, 4)
      record.writeUInt32BE(server.ttlS, 6)
      record.writeUInt16BE(4, 10)
      record.set(text.split('.').map(Number), 12)
      return record
    })
    socket.send(Buffer.concat([head, question.subarray(HEADER_BYTES, end + 4), ...records]), port, address)
  })
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', () => resolve())
  })
  return Object.assign(server, { address: `127.0.0.1:${socket.address().port}` })
}

function readName(question: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}
