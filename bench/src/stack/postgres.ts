/**
 * Runs SQL at a Postgres that trusts loopback: enough of its protocol to insert what would take hours through REST.
 *
 * Source: PostgreSQL documentation, chapter 55 (Frontend/Backend Protocol), simple query.
 *
 * @module
 */
import { connect } from 'node:net'

/** Version 3.0. */
const PROTOCOL = 196_608

/** Runs the statements in one connection, one after the other. Results are not read. */
export async function runSql(url: string, statements: readonly string[]): Promise<void> {
  const { hostname, port, username, pathname } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  try {
    const parameters = `user\0${username}\0database\0${pathname.slice(1)}\0\0`
    const start = Buffer.from(`\0\0\0\0\0\0\0\0${parameters}`)
    start.writeInt32BE(start.length, 0)
    start.writeInt32BE(PROTOCOL, 4)
    socket.write(start)
    const waiting = [...statements]
    for await (const { type, body } of messages(socket)) {
      if (type === 'E') throw new Error(`Postgres refused: ${body.toString('utf8').replaceAll('\0', ' ')}`)
      if (type === 'R' && body.readInt32BE(0) !== 0) throw new Error('Postgres asks for a password')
      // Ready for the next one.
      if (type !== 'Z') continue
      const next = waiting.shift()
      if (next === undefined) return
      socket.write(query(next))
    }
    throw new Error('Postgres hung up')
  } finally {
    socket.destroy()
  }
}

function query(text: string): Buffer {
  const bytes = Buffer.from(`Q\0\0\0\0${text}\0`)
  bytes.writeInt32BE(bytes.length - 1, 1)
  return bytes
}

interface Message {
  readonly type: string
  readonly body: Buffer
}

async function* messages(socket: AsyncIterable<Buffer>): AsyncGenerator<Message> {
  let rest = Buffer.alloc(0)
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 5 && rest.length >= 1 + rest.readInt32BE(1)) {
      const end = 1 + rest.readInt32BE(1)
      yield { type: String.fromCharCode(rest[0] ?? 0), body: rest.subarray(5, end) }
      rest = rest.subarray(end)
    }
  }
}
