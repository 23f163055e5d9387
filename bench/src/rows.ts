/**
 * The rows of the data path: which work, which peers do it, and how a request is sent.
 *
 * @module
 */
import type { LoadRequest } from './load.ts'
import { startPlainHaproxy, startPolicyHaproxy } from './peers/haproxy.ts'
import { startPlainNginx, startPolicyNginx } from './peers/nginx.ts'
import { startPlainNode } from './peers/node.ts'
import type { Peer, PeerOptions } from './peers/peer.ts'
import { OPEN_PATH, requestPath } from './release.ts'
import type { Tool } from './tools.ts'

/** Different requests of the policy row: each to another route, with the key of another consumer. */
const POLICY_REQUESTS = 1_000

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
}

const http = ({ httpPort }: Peer): string => `http://127.0.0.1:${httpPort}`

const plainRequests = (): readonly LoadRequest[] => [{ path: OPEN_PATH }]

export const ROWS = {
  plain: {
    about: 'forwarding only; for headgate a public route without limits',
    peers: [
      { name: 'nginx', start: startPlainNginx },
      { name: 'haproxy', tool: 'haproxy', start: startPlainHaproxy },
      { name: 'node:http', start: startPlainNode },
    ],
    requests: plainRequests,
    url: http,
  },
  policy: {
    about: 'route, API key, limit by consumer, counters, record',
    peers: [
      { name: 'nginx', start: (options) => startPolicyNginx(options, true) },
      { name: 'nginx, no log', start: (options) => startPolicyNginx(options, false) },
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
  },
  tls: {
    about: 'forwarding only, over kept TLS 1.3 connections',
    peers: [
      { name: 'nginx', start: startPlainNginx },
      { name: 'haproxy', tool: 'haproxy', start: startPlainHaproxy },
    ],
    requests: plainRequests,
    url: ({ httpsPort }) => `https://localhost:${httpsPort}`,
  },
} as const satisfies Readonly<Record<string, Row>>

export type RowName = keyof typeof ROWS

/** All of them, in order. */
export const ROW_NAMES = Object.keys(ROWS) as RowName[]
