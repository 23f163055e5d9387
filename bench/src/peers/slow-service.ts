/**
 * A service that takes a second for each answer. A process of its own, on the core of load and services.
 *
 * Usage: node slow-service.ts <port>
 *
 * @module
 */
import { createServer } from 'node:http'

/** How long an answer takes, in milliseconds. */
const DELAY_MS = 1_000

const body = 'headgate'.repeat(128)

const server = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => {
  setTimeout(() => response.end(body), DELAY_MS)
})
server.listen(Number(process.argv[2]), '127.0.0.1', 4_096)
