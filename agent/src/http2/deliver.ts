/**
 * Puts what arrived on a stream into the arena, as the bytes that its connection reads.
 *
 * @module
 */
import { type Arena, INPUT_BYTES } from '#agent/http/arena.ts'
import { putCrlf, putHex } from '#agent/http/bytes.ts'
import type { Connection } from '#agent/http/io.ts'

/** A chunk's size and the line ends around it, in bytes. */
const CHUNK_EXTRA_BYTES = 16

/** @param text latin-1. */
export function deliverText({ bytes, input }: Arena, connection: Connection, text: string): void {
  if (connection.closed) return
  connection.received(input, input + bytes.write(text, input, INPUT_BYTES, 'latin1'))
}

/** @param chunked whether it is a chunk of its own, or several. */
export function deliverData({ bytes, input }: Arena, connection: Connection, data: Buffer, chunked: boolean): void {
  for (let at = 0; at < data.length && !connection.closed;) {
    const length = Math.min(data.length - at, INPUT_BYTES - CHUNK_EXTRA_BYTES)
    let end = chunked ? putCrlf(bytes, putHex(bytes, input, length)) : input
    end += data.copy(bytes, end, at, at + length)
    if (chunked) end = putCrlf(bytes, end)
    at += length
    connection.received(input, end)
  }
}
