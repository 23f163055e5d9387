/**
 * The one file with unsafe memory: calls into libc and the kernel, and memory that both sides see.
 *
 * Everything that it hands out is an ordinary function or a typed array. Two rules keep it safe, and whoever calls has
 * to know them: a typed array over memory of the kernel must not be touched after `unmap`, and memory whose address was
 * given to the kernel must be kept referenced until the kernel has said that it is done.
 *
 * `node:ffi` is experimental: it is imported only when the ring is asked for.
 *
 * Sources: io_uring_setup(2), io_uring_enter(2), io_uring_register(2), ip(7), tcp(7).
 *
 * @module
 */
import { getSystemErrorName } from 'node:util'
import { crossOutDescriptor, crossOutMapping, noteDescriptor, noteMapping, takeNoted } from './descriptors.ts'
import type { EventLoop } from './turns.ts'

/** Numbers of system calls; the same on all architectures of Linux that Node runs on. */
const calls = { setup: 425n, enter: 426n, register: 427n } as const

const [PROT_READ_WRITE, MAP_SHARED_POPULATE, MAP_PRIVATE_ANONYMOUS] = [3, 0x8001, 0x22]

const SHUT_RDWR = 2
const [SOL_SOCKET, SO_LINGER] = [1, 13]

/** A call that failed, with the name of its error, such as `EADDRINUSE`. */
export class NativeError extends Error {
  override readonly name = 'NativeError'
  readonly code: string

  constructor(call: string, code: string) {
    super(`${call} ${code}`)
    this.code = code
  }
}

/** Memory of the kernel, as this process sees it. */
export interface Mapped {
  readonly buffer: ArrayBuffer
  readonly address: bigint
}

export type Native = Awaited<ReturnType<typeof loadNative>>

/**
 * @param descriptors notes what is open; see `descriptors.ts`.
 * @throws when the runtime has no `node:ffi`, forbids it, or lacks a function.
 */
export async function loadNative(descriptors: Int32Array) {
  const ffi = await import('node:ffi')
  // From the process itself: whatever libc it was linked with.
  const { functions: libc } = ffi.dlopen(null, {
    socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
    bind: { arguments: ['int32', 'pointer', 'uint32'], return: 'int32' },
    listen: { arguments: ['int32', 'int32'], return: 'int32' },
    setsockopt: { arguments: ['int32', 'int32', 'int32', 'pointer', 'uint32'], return: 'int32' },
    getsockname: { arguments: ['int32', 'pointer', 'pointer'], return: 'int32' },
    getpeername: { arguments: ['int32', 'pointer', 'pointer'], return: 'int32' },
    close: { arguments: ['int32'], return: 'int32' },
    mmap: { arguments: ['pointer', 'uint64', 'int32', 'int32', 'int32', 'int64'], return: 'pointer' },
    munmap: { arguments: ['pointer', 'uint64'], return: 'int32' },
    syscall: { arguments: ['int64', 'int64', 'int64', 'int64', 'int64'], return: 'int64' },
    __errno_location: { arguments: [], return: 'pointer' },
    uv_backend_fd: { arguments: ['pointer'], return: 'int32' },
    uv_backend_timeout: { arguments: ['pointer'], return: 'int32' },
  })
  // The same function with the arguments of the one call that is made all the time.
  const { functions: entering } = ffi.dlopen(null, {
    syscall: {
      arguments: ['int64', 'int32', 'uint32', 'uint32', 'uint32', 'pointer', 'uint64'],
      return: 'int64',
    },
  })

  /** Small arguments are passed through here; nothing in it outlives a call. */
  const scratch = Buffer.allocUnsafeSlow(256)
  const at = ffi.getRawPointer(scratch.buffer)

  const errorName = (): string => getSystemErrorName(-ffi.getInt32(libc.__errno_location()))
  const check = (call: string, result: number): number => {
    if (result < 0) throw new NativeError(call, errorName())
    return result
  }

  const mapped = (address: bigint, length: number): Mapped => {
    noteMapping(descriptors, { address, length })
    return { address, buffer: ffi.toArrayBuffer(address, length, false) }
  }

  return {
    /** @returns the descriptor. @param params as `struct io_uring_params`; filled by the kernel. */
    setup: (entries: number, params: Uint8Array): number => {
      scratch.set(params)
      const fd = check('io_uring_setup', Number(libc.syscall(calls.setup, BigInt(entries), at, 0n, 0n)))
      params.set(scratch.subarray(0, params.length))
      noteDescriptor(descriptors, fd)
      return fd
    },
    /** @param argument at most 256 bytes; what the kernel writes there is copied back. */
    register: (fd: number, operation: number, argument: Uint8Array, count: number): void => {
      if (argument.length > scratch.length) throw new RangeError('too long for the place of arguments')
      scratch.set(argument)
      const result = libc.syscall(calls.register, BigInt(fd), BigInt(operation), at, BigInt(count))
      check('io_uring_register', Number(result))
      argument.set(scratch.subarray(0, argument.length))
    },
    /** @returns submissions that were taken, or the negative number of an error. */
    enter: (fd: number, submissions: number, completions: number, flags: number, argument: bigint): number => {
      const taken = Number(entering.syscall(calls.enter, fd, submissions, completions, flags, argument, 24n))
      return taken < 0 ? -ffi.getInt32(libc.__errno_location()) : taken
    },
    /** Maps a part of the ring. */
    mapRing: (fd: number, offset: number, bytes: number): Mapped => {
      const address = libc.mmap(0n, BigInt(bytes), PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, BigInt(offset))
      if (BigInt.asIntN(64, address) === -1n) throw new NativeError('mmap', errorName())
      return mapped(address, bytes)
    },
    /** Maps fresh memory that starts at a page. */
    mapPages: (bytes: number): Mapped => {
      const address = libc.mmap(0n, BigInt(bytes), PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0n)
      if (BigInt.asIntN(64, address) === -1n) throw new NativeError('mmap', errorName())
      return mapped(address, bytes)
    },
    unmap: ({ address, buffer }: Mapped): void => {
      crossOutMapping(descriptors, { address, length: buffer.byteLength })
      check('munmap', libc.munmap(address, BigInt(buffer.byteLength)))
    },
    /** Where memory lies. It is not moved, but it must be kept referenced. User addresses fit into 53 bits. */
    addressOf: (memory: Uint8Array): number =>
      Number(ffi.getRawPointer(memory.buffer as ArrayBuffer)) + memory.byteOffset,
    /** The event loop of this thread. */
    eventLoop: (): EventLoop => {
      const loop = ffi.getCurrentEventLoop()
      return { descriptor: libc.uv_backend_fd(loop), waitMs: () => libc.uv_backend_timeout(loop) }
    },

    socket: (family: number, type: number): number => {
      const fd = check('socket', libc.socket(family, type, 0))
      noteDescriptor(descriptors, fd)
      return fd
    },
    /** A descriptor was opened by the ring. */
    opened: (fd: number): void => noteDescriptor(descriptors, fd),
    /** A descriptor is about to be closed by the ring, or to be somebody else's. */
    closing: (fd: number): void => crossOutDescriptor(descriptors, fd),
    setOption: (fd: number, level: number, option: number, value: number): void => {
      scratch.writeInt32LE(value)
      check('setsockopt', libc.setsockopt(fd, level, option, at, 4))
    },
    bind: (fd: number, address: Uint8Array): void => {
      scratch.set(address)
      check('bind', libc.bind(fd, at, address.length))
    },
    listen: (fd: number, backlog: number): void => void check('listen', libc.listen(fd, backlog)),
    /** @returns a `struct sockaddr`, valid until the next call. */
    localAddress: (fd: number): Buffer => {
      scratch.writeInt32LE(128, 128)
      check('getsockname', libc.getsockname(fd, at, at + 128n))
      return scratch
    },
    /** @returns a `struct sockaddr`, valid until the next call; null: the other side is gone already. */
    peerAddress: (fd: number): Buffer | null => {
      scratch.writeInt32LE(128, 128)
      return libc.getpeername(fd, at, at + 128n) < 0 ? null : scratch
    },
    close: (fd: number): void => {
      crossOutDescriptor(descriptors, fd)
      libc.close(fd)
    },
    /** Closes a connection with a reset (socket(7), `SO_LINGER`): the kernel keeps nothing of it. */
    reset: (fd: number): void => {
      scratch.writeInt32LE(1)
      scratch.writeInt32LE(0, 4)
      libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, at, 8)
      crossOutDescriptor(descriptors, fd)
      libc.close(fd)
    },
  }
}

/** Ends what a thread has left open. Only when the thread is gone: its typed arrays are gone with it. */
export async function closeAfter(descriptors: Int32Array): Promise<void> {
  const { fds, mappings } = takeNoted(descriptors)
  if (fds.length === 0 && mappings.length === 0) return
  const ffi = await import('node:ffi')
  const { functions: libc } = ffi.dlopen(null, {
    shutdown: { arguments: ['int32', 'int32'], return: 'int32' },
    close: { arguments: ['int32'], return: 'int32' },
    munmap: { arguments: ['pointer', 'uint64'], return: 'int32' },
  })
  for (const fd of fds) {
    // At once: what is under way on the ring keeps a socket open until the kernel has cleared the ring away.
    libc.shutdown(fd, SHUT_RDWR)
    libc.close(fd)
  }
  for (const { address, length } of mappings) libc.munmap(address, BigInt(length))
}
