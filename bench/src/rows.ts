/**
 * The rows of the data path: which work, which peers do it, and how it is sent or held.
 *
 * @module
 */
import { h2load } from './load/h2load.ts'
import type { Load, LoadRequest } from './load/load.ts'
import { wrkLoad } from './load/wrk.ts'
import { startCaddy } from './peers/caddy.ts'
import { startPlainHaproxy, startPolicyHaproxy } from './peers/haproxy.ts'
import { startLuaNginx } from './peers/nginx-lua.ts'
import { startPlainNginx, startPolicyNginx } from './peers/nginx.ts'
import { startPlainNode } from './peers/node.ts'
import type { Peer, PeerOptions } from './peers/peer.ts'
import { LARGE_PATH, OPEN_PATH, requestPath, SLOW_PATH } from './release.ts'
import type { Tool } from './tools.ts'

/** Different requests of the policy row: each to another route, with the key of another consumer. */
const POLICY_REQUESTS = 1_000

/**
 * Rate of the paced row, in requests per second: about half of what the slower of the fast proxies take on one core of
 * the machines that this ran on.
 */
const PACED_PER_S = 12_000

export interface PeerPlan {
  readonly name: string
  /** What must be installed. */
  readonly tool?: Tool
  readonly start: (options: PeerOptions) => Promise<Peer>
}

export interface Row {
  readonly about: string
  /** Beside our agent, which is in every row. */
  readonly peers: readonly PeerPlan[]
  readonly requests: (options: PeerOptions) => readonly LoadRequest[]
  /** Where a peer is asked. */
  readonly url: (peer: Peer) => string
  /** Null: connections are opened, used once and held; what they take of memory is the figure. */
  readonly load: Load | null
  /** Shortest round, in seconds: in a shorter one nothing is answered. */
  readonly secondsMin?: number
  /** What must be installed to send it, beside what every row needs. */
  readonly tool?: Tool
}

const http = ({ httpPort }: Peer): string => `http://127.0.0.1:${httpPort}`
const https = ({ httpsPort }: Peer): string => `https://localhost:${httpsPort}`

const get = (path: string) => (): readonly LoadRequest[] => [{ path }]

const NGINX: PeerPlan = { name: 'nginx', start: startPlainNginx }
const HAPROXY: PeerPlan = { name: 'haproxy', tool: 'haproxy', start: startPlainHaproxy }
const CADDY: PeerPlan = { name: 'caddy', tool: 'caddy', start: startCaddy }

const KEPT = wrkLoad({ connections: 64, closes: false })

export const ROWS = {
  // First, so that what earlier load left free in a heap does not hide what connections take.
  idle: {
    about: '10,000 kept connections without a request: memory of each',
    peers: [NGINX, HAPROXY, CADDY],
    requests: get(OPEN_PATH),
    url: http,
    load: null,
  },
  plain: {
    about: 'forwarding only; for headgate a public route without limits',
    peers: [NGINX, HAPROXY, CADDY, { name: 'node:http', start: startPlainNode }],
    requests: get(OPEN_PATH),
    url: http,
    load: KEPT,
  },
  policy: {
    about: 'route, API key, limit by consumer, counters, record',
    peers: [
      { name: 'nginx', start: (options) => startPolicyNginx(options, true) },
      { name: 'nginx, no log', start: (options) => startPolicyNginx(options, false) },
      { name: 'nginx + lua', tool: 'lua', start: startLuaNginx },
      { name: 'haproxy', tool: 'haproxy', start: (options) => startPolicyHaproxy(options, true) },
      { name: 'haproxy, no log', tool: 'haproxy', start: (options) => startPolicyHaproxy(options, false) },
    ],
    requests: ({ keys, routes }) =>
      Array.from({ length: POLICY_REQUESTS }, (_, index) => {
        // Both far apart, so that neighbours share nothing.
        const at = Math.floor((index * keys.length) / POLICY_REQUESTS) + (index % 7)
        return { path: requestPath((index * 7) % routes), key: keys[at % keys.length]?.text ?? '' }
      }),
    url: http,
    load: KEPT,
  },
  tls: {
    about: 'forwarding only, over kept TLS 1.3 connections',
    peers: [NGINX, HAPROXY, CADDY],
    requests: get(OPEN_PATH),
    url: https,
    load: KEPT,
  },
  handshakes: {
    about: 'one request on each TLS 1.3 connection: a full handshake each, ECDSA P-256',
    peers: [NGINX, HAPROXY, CADDY],
    requests: get(OPEN_PATH),
    url: https,
    load: wrkLoad({ connections: 16, closes: true }),
  },
  http2: {
    about: 'forwarding only, HTTP/2 over TLS, 16 connections with 8 streams each',
    peers: [NGINX, HAPROXY, CADDY],
    requests: get(OPEN_PATH),
    url: https,
    load: h2load({ protocol: 'h2', connections: 16, streams: 8 }),
    tool: 'h2load',
  },
  large: {
    about: 'forwarding only, bodies of 1 MiB to 16 clients',
    peers: [NGINX, HAPROXY, CADDY],
    requests: get(LARGE_PATH),
    url: http,
    load: wrkLoad({ connections: 16, closes: false }),
  },
  paced: {
    about: `forwarding only, ${PACED_PER_S} requests a second whatever the answers do`,
    peers: [NGINX, HAPROXY, CADDY],
    requests: get(OPEN_PATH),
    url: http,
    load: h2load({ protocol: 'http/1.1', connections: 64, streams: 1, perS: PACED_PER_S }),
    tool: 'h2load',
  },
  slow: {
    about: 'forwarding only, 1,000 requests in flight to a service that takes a second',
    peers: [NGINX, HAPROXY, CADDY],
    requests: get(SLOW_PATH),
    url: http,
    load: wrkLoad({ connections: 1_000, closes: false }),
    secondsMin: 3,
  },
} as const satisfies Readonly<Record<string, Row>>

export type RowName = keyof typeof ROWS

/** All of them, in order. */
export const ROW_NAMES = Object.keys(ROWS) as RowName[]
