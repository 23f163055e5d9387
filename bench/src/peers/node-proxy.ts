/**
 * What a Node developer writes first: a proxy of `node:http` and `http.request`. A process of its own, measured as such.
 *
 * Usage: node node-proxy.ts <port> <upstream port>
 *
 * @module
 */
import { Agent, createServer, request } from 'node:http'

const [port, upstreamPort] = process.argv.slice(2).map(Number)
const agent = new Agent({ keepAlive: true, maxSockets: 128 })

const server = createServer((incoming, outgoing) => {
  const { method, url, headers, socket } = incoming
  const forwarded = request(
    {
      host: '127.0.0.1',
      port: upstreamPort,
      agent,
      method,
      path: url,
      headers: { ...headers, connection: 'keep-alive', 'x-forwarded-for': socket.remoteAddress },
    },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    },
  )
  // Clients leave in the middle when a round ends.
  forwarded.on('error', () => {
    if (!outgoing.headersSent) outgoing.writeHead(502)
    outgoing.end()
  })
  outgoing.once('close', () => forwarded.destroy())
  incoming.pipe(forwarded)
})
server.listen(port, '127.0.0.1', 1024)
