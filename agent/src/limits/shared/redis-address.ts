/**
 * Where Redis is, from one setting: `redis://` or `rediss://` (TLS), with user and password; several hosts between commas
 * are nodes of one Redis Cluster.
 *
 * @module
 */
import type { Setting } from '@headgate/kit/settings.ts'

export interface RedisAddress {
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  readonly isCluster: boolean
  readonly isTls: boolean
  readonly username: string | undefined
  /** Secret. */
  readonly password: string | undefined
  /** Number of the database; 0 in a cluster. */
  readonly database: number
}

const PORT = 6_379

/** @returns a sentence when it is none; it never holds the text, which may hold a password. */
export function readRedisAddress(text: string): RedisAddress | { readonly problem: string } {
  const match = /^(rediss?):\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([0-9]{1,4})?)?$/.exec(text)
  if (match === null) return { problem: 'must be redis://[user:password@]host[:port][,host[:port]...][/database]' }
  const [, scheme, credentials = '', hosts = '', database = '0'] = match
  const nodes = hosts.split(',').map(readNode)
  if (nodes.includes(null)) return { problem: 'must name hosts as host, host:port or [ipv6]:port' }
  const isCluster = nodes.length > 1
  if (isCluster && Number(database) !== 0) return { problem: 'must not name a database: a Redis Cluster has one' }
  const [username = '', ...password] = credentials.split(':')
  const decoded = decode(username, password.join(':'))
  if (decoded === null) return { problem: 'must have user and password percent-encoded' }
  return {
    nodes: nodes.filter((node) => node !== null),
    isCluster,
    isTls: scheme === 'rediss',
    username: decoded.username === '' ? undefined : decoded.username,
    password: decoded.password === '' ? undefined : decoded.password,
    database: Number(database),
  }
}

/** A setting that is secret, because the address may hold a password. */
export function redisAddress({ doc }: { readonly doc: string }): Setting<RedisAddress | undefined> {
  return {
    doc,
    secret: true,
    fallback: undefined,
    parse: (text) => {
      const read = readRedisAddress(text)
      return 'problem' in read ? read : { value: read }
    },
    absent: { value: undefined },
  }
}

function readNode(text: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9_.-]+))(?::([0-9]{1,5}))?$/.exec(text)
  const port = Number(match?.[3] ?? PORT)
  return match === null || port > 65_535 || port < 1 ? null : { host: match[1] ?? match[2] ?? '', port }
}

function decode(username: string, password: string): { username: string; password: string } | null {
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) }
  } catch {
    return null
  }
}
