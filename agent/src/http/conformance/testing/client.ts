/**
 * A client that writes exactly the bytes it is given, and reads answers by the letter.
 *
 * Nothing is thrown for what an engine may do: an ended connection, silence and nonsense are answers to judge.
 *
 * @module
 */
import { connect, type Socket } from 'node:net'
import { type Message, readResponse, valuesOf } from './message.ts'

export interface Answer extends Message {
  readonly kind: 'answer'
  readonly status: number
  /** The request that it says it answers; 0: it does not come from the service. */
  readonly serial: number
  /** Interim responses before it. */
  readonly interim: readonly Message[]
}

export type Next =
  | Answer
  /** `rest`: what came and is no whole response. */
  | { readonly kind: 'ended' | 'silent'; readonly rest: string }
  | { readonly kind: 'invalid'; readonly why: string }

export interface Client extends AsyncDisposable {
  readonly socket: Socket
  /** Whether the other side has ended the connection. */
  readonly over: boolean
  write(bytes: string): void
  /** The next final response, to a request of `method`. */
  next(method?: string, waitMs?: number): Promise<Next>
  /** @returns what came and was not read, once the other side has ended; null when it does not end. */
  ended(waitMs?: number): Promise<string | null>
}

/** Longest wait for an answer, in milliseconds: far above what an engine needs on a busy machine. */
const WAIT_MS = 5_000

export async function openClient(url: string, localAddress?: string): Promise<Client> {
  const { hostname, port } = new URL(url)
  const socket = connect({
    host: hostname,
    port: Number(port),
    noDelay: true,
    ...(localAddress !== undefined && { localAddress }),
  })
  let [received, over] = ['', false]
  let wake = (): void => {}
  const end = (): void => {
    over = true
    wake()
  }
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
    wake()
  })
  socket.on('error', end).on('end', end).on('close', end)
  await new Promise<void>((resolve) => {
    socket.once('connect', () => resolve())
    socket.once('close', () => resolve())
  })

  /** Looks again whenever something has come, until the time is over. */
  async function until<T>(waitMs: number, look: () => T | null): Promise<T | null> {
    const deadlineMs = performance.now() + waitMs
    for (;;) {
      const found = look()
      const leftMs = deadlineMs - performance.now()
      if (found !== null || leftMs <= 0) return found
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, leftMs)
      wake = resolve
      await promise
      clearTimeout(timer)
    }
  }

  return {
    socket,
    get over() {
      return over
    },
    write: (bytes) => {
      if (socket.writable) socket.write(bytes, 'latin1')
    },
    next: async (method = 'GET', waitMs = WAIT_MS) => {
      const interim: Message[] = []
      const found = await until<Next>(waitMs, () => {
        for (;;) {
          const read = readResponse(received, 0, method, over)
          if (read.kind === 'invalid') return read
          if (read.kind === 'more') return over ? { kind: 'ended', rest: received } : null
          received = received.slice(read.end)
          const { message } = read
          const status = Number(message.line.slice(9, 12))
          if (status >= 200) {
            return {
              kind: 'answer',
              ...message,
              status,
              serial: Number(valuesOf(message.fields, 'x-serial')[0] ?? 0),
              interim,
            }
          }
          interim.push(message)
        }
      })
      return found ?? { kind: 'silent', rest: received }
    },
    ended: async (waitMs = WAIT_MS) => await until(waitMs, () => (over ? received : null)),
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
      await Promise.resolve()
    },
  }
}
