/**
 * What a service has in flight in this thread, and how much more it may have.
 *
 * @module
 */
import type { CompiledService } from '@headgate/core'

export class ServiceLoad {
  bounds: CompiledService['breaker']
  /** Requests that have a connection, or for which one is being made. */
  requests = 0
  /** Requests that wait for a connection. */
  pending = 0
  /** Connections, idle ones included. */
  connections = 0

  constructor(bounds: CompiledService['breaker']) {
    this.bounds = bounds
  }

  get takesRequest(): boolean {
    const { requestsMax } = this.bounds
    return requestsMax === null || this.requests + this.pending < requestsMax
  }

  get takesPending(): boolean {
    const { pendingMax } = this.bounds
    return pendingMax === null || this.pending < pendingMax
  }

  get takesConnection(): boolean {
    const { connectionsMax } = this.bounds
    return connectionsMax === null || this.connections < connectionsMax
  }
}
