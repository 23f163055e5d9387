/**
 * Addresses as the kernel writes them.
 *
 * Sources: ip(7), ipv6(7), RFC 4291 section 2.2 (text form) and 2.5.5.2 (IPv4-mapped).
 *
 * @module
 */
import { isIP, SocketAddress } from 'node:net'

export const AF_INET = 2
export const AF_INET6 = 10

/** @returns a `struct sockaddr_in` or `sockaddr_in6`. @param host an address in text form; a zone is ignored. */
export function packAddress(host: string, port: number): { readonly family: number; readonly bytes: Buffer } {
  if (isIP(host) === 4) {
    const bytes = Buffer.alloc(16)
    bytes.writeUInt16LE(AF_INET, 0)
    bytes.writeUInt16BE(port, 2)
    putIpv4(bytes, 4, host)
    return { family: AF_INET, bytes }
  }
  const bytes = Buffer.alloc(28)
  bytes.writeUInt16LE(AF_INET6, 0)
  bytes.writeUInt16BE(port, 2)
  putIpv6(bytes, 8, host)
  return { family: AF_INET6, bytes }
}

/** @returns address without port; IPv4-mapped IPv6 as IPv4. */
export function readHost(bytes: Buffer): string {
  if (bytes.readUInt16LE(0) === AF_INET) return ipv4Text(bytes, 4)
  if (isMapped(bytes)) return ipv4Text(bytes, 20)
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(8 + index * 2).toString(16))
  // The short form that everybody else writes (RFC 5952).
  return new SocketAddress({ family: 'ipv6', address: groups.join(':') }).address
}

export function readPort(bytes: Buffer): number {
  return bytes.readUInt16BE(2)
}

function isMapped(bytes: Buffer): boolean {
  for (let at = 8; at < 18; at++) if (bytes[at] !== 0) return false
  return bytes.readUInt16BE(18) === 0xffff
}

function ipv4Text(bytes: Buffer, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
}

function putIpv4(bytes: Buffer, at: number, host: string): void {
  for (const [index, part] of host.split('.').entries()) bytes[at + index] = Number(part)
}

function putIpv6(bytes: Buffer, at: number, host: string): void {
  const text = host.replace(/%.*$/, '')
  const [before = '', after] = text.split('::')
  const front = putGroups(before)
  const back = after === undefined ? Buffer.alloc(0) : putGroups(after)
  front.copy(bytes, at)
  back.copy(bytes, at + 16 - back.length)
}

function putGroups(text: string): Buffer {
  if (text === '') return Buffer.alloc(0)
  const groups: number[] = []
  for (const part of text.split(':')) {
    if (part.includes('.')) {
      const four = Buffer.alloc(4)
      putIpv4(four, 0, part)
      groups.push(...four)
    } else {
      const group = Number.parseInt(part, 16)
      groups.push(group >> 8, group & 0xff)
    }
  }
  return Buffer.from(groups)
}
