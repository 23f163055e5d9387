/**
 * A service as a process of its own: 16 MiB at /huge, as fast as they are taken, and two bytes elsewhere.
 *
 * Says its URL as one line, and serves until it is ended.
 *
 * @module
 */
import { serveNode } from './node-service.ts'

const PIECES = 256
const piece = Buffer.alloc(65_536, 'z')

const { url } = await serveNode((incoming, response) => {
  incoming.on('error', () => {}).resume()
  if (incoming.url !== '/huge') return void response.end('ok')
  let left = PIECES
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= 1
      if (!response.write(piece)) return void response.once('drain', more)
    }
    response.end()
  }
  more()
})
process.stdout.write(`${url}\n`)
