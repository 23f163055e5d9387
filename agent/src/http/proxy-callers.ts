/**
 * Who is behind the declared proxies, remembered by what they said: a proxy brings the same callers again and again.
 *
 * @module
 */
import { type AddressRange, type Caller, rangesContain, readCaller } from '@headgate/core'

/** What is remembered; when there is more, it begins anew. About 1 KiB each. */
const REMEMBERED_MAX = 4_096
/** Longest text that is remembered: what honest proxies say is shorter. */
const TEXT_LENGTH_MAX = 256

/** The connection of a proxy. */
interface ProxyOrigin {
  readonly scheme: 'http' | 'https'
  readonly address: string
}

/** A caller with its way, as a service is told. */
export interface ProxiedCaller {
  readonly address: string
  readonly scheme: 'http' | 'https'
  /** Value of `X-Forwarded-For`. */
  readonly forwardedFor: string
  /** What the proxies said has no reading, or two. Then the caller is the proxy itself, and is refused. */
  readonly isInvalid: boolean
}

export class ProxyCallers {
  readonly #trusted: readonly AddressRange[]
  readonly #remembered = new Map<string, ProxiedCaller>()

  constructor(trusted: readonly AddressRange[]) {
    this.#trusted = trusted
  }

  /** Whether a connection from there is one of a declared proxy. */
  trusts(address: string): boolean {
    return rangesContain(this.#trusted, address)
  }

  /** @param values of a field, by its lower-case name. */
  callerOf(origin: ProxyOrigin, values: (name: string) => readonly string[]): ProxiedCaller {
    const [standard, usual, protos] = [values('forwarded'), values('x-forwarded-for'), values('x-forwarded-proto')]
    // Neither a space nor a line's end is in an address, and no line's end in a value: so no two are the same text.
    const text = `${origin.scheme} ${origin.address}\n${standard.join('\n')}\r${usual.join('\n')}\r${protos.join('\n')}`
    const known = this.#remembered.get(text)
    if (known !== undefined) return known
    const header = (name: string): readonly string[] =>
      name === 'forwarded' ? standard : name === 'x-forwarded-for' ? usual : protos
    const caller = proxied(origin, readCaller(this.#trusted, origin, header))
    if (text.length <= TEXT_LENGTH_MAX) {
      if (this.#remembered.size === REMEMBERED_MAX) this.#remembered.clear()
      this.#remembered.set(text, caller)
    }
    return caller
  }
}

function proxied({ address, scheme }: ProxyOrigin, caller: Caller | null): ProxiedCaller {
  if (caller === null) return { address, scheme, forwardedFor: address, isInvalid: true }
  const forwardedFor = [caller.address, ...caller.proxies].join(', ')
  return { address: caller.address, scheme: caller.scheme, forwardedFor, isInvalid: false }
}
