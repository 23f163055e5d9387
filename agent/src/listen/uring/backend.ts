/**
 * The fast backend as a whole: whether it can be used here, and one ring with what belongs to it.
 *
 * Where it cannot be used, the agent does not start: who asked for it must not get something else without knowing.
 *
 * @module
 */
import { arch, endianness, platform } from 'node:os'
import type { Arena } from '#agent/http/arena.ts'
import type { Connector } from '#agent/http/io.ts'
import type { ListenAddress } from '@headgate/kit/settings.ts'
import type { HttpListenerOptions, Listener, ListenerOptions } from '#agent/listen/listeners.ts'
import { createDescriptors } from './descriptors.ts'
import { loadNative, type Native, NativeError } from './native.ts'
import { Ring } from './ring.ts'
import { Turns } from './turns.ts'
import { UringIo } from './uring-io.ts'
import { listenOnRing } from './uring-listener.ts'

export { RING_ROOM_BYTES } from './memory.ts'

export interface UringBackend extends Disposable {
  readonly io: UringIo
  /** @throws when the address cannot be listened on. */
  listen(
    address: ListenAddress,
    options: Pick<ListenerOptions, 'engine' | 'admission' | 'reusePort'> & HttpListenerOptions,
  ): Promise<Listener>
}

/** What the errors of the kernel mean here. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSYS: 'this kernel has no io_uring',
  EPERM:
    'io_uring is forbidden here: by the sysctl kernel.io_uring_disabled, or by the seccomp profile of the container',
  EACCES: 'io_uring is forbidden here by a security module of the kernel',
  EINVAL: 'this kernel is too old: Linux 6.1 or newer is needed',
  ENOMEM: 'the limit of locked memory is too low (ulimit -l)',
  EMFILE: 'too many files are open (ulimit -n)',
}

/**
 * @param secure opens connections that are to be TLS.
 * @param descriptors notes what this thread has open; see `descriptors.ts`.
 * @throws with what is missing, and how to go back.
 */
export async function createUringBackend(
  arena: Arena,
  secure: Connector,
  descriptors: Int32Array = createDescriptors(),
): Promise<UringBackend> {
  using stack = new DisposableStack()
  try {
    const native = await nativeHere(descriptors)
    const ring = stack.use(new Ring(native))
    if (!ring.knowsOperations()) throw new NativeError('io_uring_register', 'EINVAL')
    const io = stack.use(new UringIo(native, ring, arena, secure))
    stack.use(new Turns(ring, io, native.eventLoop()))
    const disposal = stack.move()
    return {
      io,
      listen: async (address, { engine, admission, reusePort, onPreface }) =>
        await listenOnRing(address, { native, ring, io, engine, admission, reusePort, onPreface }),
      [Symbol.dispose]: () => disposal.dispose(),
    }
  } catch (thrown) {
    throw new Error(whyUnusable(thrown), { cause: thrown })
  }
}

/** What is said to whoever asked for a ring where there can be none. */
export function whyUnusable(thrown: unknown): string {
  return `HEADGATE_IO=uring cannot be used: ${reasonOf(thrown)}. HEADGATE_IO=net works everywhere`
}

async function nativeHere(descriptors: Int32Array): Promise<Native> {
  if (platform() !== 'linux') throw new Error(`it needs Linux, and this is ${platform()}`)
  const isKnown = endianness() === 'LE' && ['x64', 'arm64'].includes(arch())
  if (!isKnown) throw new Error(`it needs a processor of x64 or arm64, and this is ${arch()}`)
  return await loadNative(descriptors)
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof NativeError) return `${REASONS[thrown.code] ?? 'the kernel refuses'} (${thrown.message})`
  if (!(thrown instanceof Error)) return String(thrown)
  const code = 'code' in thrown ? thrown.code : undefined
  if (code === 'ERR_ACCESS_DENIED') return 'the permissions of this process forbid node:ffi (--allow-ffi)'
  if (code === 'ERR_UNKNOWN_BUILTIN_MODULE') return 'this Node.js has no node:ffi: 26.1 or newer is needed'
  return thrown.message
}
