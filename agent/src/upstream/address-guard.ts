/**
 * Keeps the names of targets from leading where nobody meant to send requests.
 *
 * Whoever answers for a name chooses an address inside of the agent's own machine or cloud: the metadata service that
 * hands out the machine's credentials, or a port that only this machine can reach (DNS rebinding). So such addresses
 * count only where the configuration has them literally, or where the name is this machine's own business. Addresses of
 * private networks are what services usually have, and are not looked at.
 *
 * Sources: RFC 6890 (special-purpose addresses), RFC 3927 and RFC 4291 section 2.5.6 (link-local), RFC 6761 section 6.3
 * (localhost); the addresses of metadata services are those that the clouds document.
 *
 * @module
 */
import { BlockList, isIP } from 'node:net'
import type { Resolved } from './names.ts'

/** Never behind a name: this network, link-local with most metadata services, multicast, and what no host has. */
const FORBIDDEN = blockList([
  '0.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  // Metadata services elsewhere: Alibaba Cloud, Azure, Oracle Cloud.
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  '::/128',
  'fe80::/10',
  'ff00::/8',
  // AWS, Google Cloud.
  'fd00:ec2::/32',
  'fd20:ce::254/128',
])
const LOOPBACK = blockList(['127.0.0.0/8', '::1/128'])

/** Names that were told about, so that a name is told about once for each address. */
const TOLD_MAX = 1_000

/** @returns what is left of an answer; null: nothing. `isLocal`: this machine knows the name by itself. */
export type AddressGuard = (name: string, resolved: Resolved, isLocal: boolean) => Resolved | null

/** @param tell is called once for each address that a name may not have. */
export function createAddressGuard(tell: (name: string, address: string) => void): AddressGuard {
  const told = new Set<string>()
  return (name, resolved, isLocal) => {
    const kept = resolved.addresses.filter((address) => {
      if (!isForbidden(address, isLocal || isLocalName(name))) return true
      const about = `${name} ${address}`
      if (!told.has(about) && told.size < TOLD_MAX) {
        told.add(about)
        tell(name, address)
      }
      return false
    })
    return kept.length === 0 ? null : { ...resolved, addresses: kept }
  }
}

function isForbidden(address: string, isLocal: boolean): boolean {
  const family = isIP(address)
  if (family === 0) return true
  // IPv4 in the clothes of IPv6 leads to the same place.
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return isForbidden(mapped, isLocal)
  const kind = family === 4 ? 'ipv4' : 'ipv6'
  return FORBIDDEN.check(address, kind) || (!isLocal && LOOPBACK.check(address, kind))
}

const isLocalName = (name: string): boolean => /(?:^|\.)localhost\.?$/i.test(name)

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/')
    list.addSubnet(address, Number(prefix), address.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}
