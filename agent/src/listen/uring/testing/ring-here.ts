/**
 * Whether tests on a ring can run here, and what a process holds.
 *
 * @module
 */
import { readdirSync } from 'node:fs'
import { Arena } from '#agent/http/arena.ts'
import { NetIo } from '#agent/listen/net-io.ts'
import { createUringBackend, RING_ROOM_BYTES } from '#agent/listen/uring/backend.ts'

/** For the option `skip` of a test: why there is no ring here; false: there is one. */
export async function whyNoRing(): Promise<string | false> {
  try {
    const arena = new Arena(RING_ROOM_BYTES)
    using backend = await createUringBackend(arena, new NetIo(arena, false))
    void backend
    return false
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

/** Open descriptors of this process. */
export function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}
