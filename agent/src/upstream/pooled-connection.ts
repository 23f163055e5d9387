/**
 * A connection of a pool, and the time that a whole request may take on it.
 *
 * @module
 */
import type { SharedParts } from '#agent/http/engine-parts.ts'
import type { Connector } from '#agent/http/io.ts'
import { type Caller, type ConnectionOwner, ServiceConnection } from '#agent/http/service-connection.ts'
import { Timed } from '#agent/http/wheel.ts'

/** Who has opened it. */
export interface PooledOwner extends ConnectionOwner {
  readonly connectTimeoutMs: number
  /** Longest time from the head of a request to the end of its response; null: no bound. */
  readonly requestTimeoutMs: number | null
}

export class PooledConnection extends ServiceConnection {
  /** Whether somebody uses it, or waits for it to be made. */
  busy = true
  readonly #wheel: SharedParts['wheel']
  readonly #owner: PooledOwner
  #deadline: RequestDeadline | null = null

  constructor(parts: SharedParts, connector: Connector, owner: PooledOwner, caller: Caller) {
    super(parts, connector, owner, caller, owner.connectTimeoutMs)
    this.#wheel = parts.wheel
    this.#owner = owner
  }

  override begin(caller: Caller, responseTimeoutMs: number): void {
    super.begin(caller, responseTimeoutMs)
    const { requestTimeoutMs } = this.#owner
    if (requestTimeoutMs === null) return
    this.#deadline ??= new RequestDeadline(this)
    this.#wheel.set(this.#deadline, Math.max(0, caller.startedMs + requestTimeoutMs - this.#wheel.nowMs))
  }

  /** The request is over. */
  rest(): void {
    if (this.#deadline !== null) this.#wheel.clear(this.#deadline)
  }

  /** The connection is over. */
  forget(): void {
    if (this.#deadline !== null) this.#wheel.remove(this.#deadline)
  }
}

class RequestDeadline extends Timed {
  readonly #connection: PooledConnection

  constructor(connection: PooledConnection) {
    super()
    this.#connection = connection
  }

  override expired(): void {
    this.#connection.timeOut()
  }
}
