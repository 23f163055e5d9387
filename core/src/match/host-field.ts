/**
 * Reads the value of a Host field into the one form in which hosts are compared.
 *
 * Source: RFC 9110 section 7.2, RFC 3986 section 3.2.2. Percent-encoding and user information are refused: no
 * client sends them, and readers disagree about them.
 *
 * @module
 */

/** Longest name, in characters, without port (RFC 1035 section 2.3.4). */
const HOST_LENGTH_MAX = 255

// Labels of letters, digits, `-` and `_`, at most 63 long, separated by single dots. A label takes no dot, so that
// the expression cannot backtrack beyond one label.
const NAME = /^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/

// The digits and colons of an IPv6 address; whether they form one does not matter, since no route can name it.
const BRACKETS = /^\[[0-9a-f:.]{2,45}\]$/

// What was read last, and as what. Most requests of a client, and often of all, are for one host. It only saves time:
// a value reads the same with it and without it.
let lastValue = ''
let lastHost: string | null = null

/**
 * @returns lower case, without port and without one trailing dot; null when it is malformed.
 */
export function normaliseHost(value: string): string | null {
  if (value === lastValue) return lastHost
  const host = readHost(value)
  // Malformed ones are not kept: they are as long as the sender likes.
  if (host !== null) [lastValue, lastHost] = [value, host]
  return host
}

function readHost(value: string): string | null {
  // Room for a port and a trailing dot.
  if (value.length > HOST_LENGTH_MAX + 7) return null
  const colon = value.lastIndexOf(':')
  const hasPort = colon !== -1 && !value.endsWith(']')
  if (hasPort && !isPort(value.slice(colon + 1))) return null
  const host = (hasPort ? value.slice(0, colon) : value).toLowerCase()
  if (host.startsWith('[')) return BRACKETS.test(host) ? host : null
  const name = host.endsWith('.') ? host.slice(0, -1) : host
  return name.length <= HOST_LENGTH_MAX && NAME.test(name) ? name : null
}

const isPort = (text: string): boolean => /^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535
