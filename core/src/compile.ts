/**
 * Turns a release into the form in which requests are decided, or says everything that is wrong with it.
 *
 * Control plane (publish, dry run) and agent (before the swap) run this same function: what is accepted at
 * publish is accepted everywhere.
 *
 * @module
 */

/** A configuration object as it travels: `spec` is not yet trusted. */
export interface ObjectInput {
  readonly kind: string
  readonly name: string
  readonly spec: unknown
  readonly origin: string
}

/** What `compile` reads. */
export interface ReleaseInput {
  readonly tenant: string
  readonly environment: string
  readonly number: number
  readonly objects: readonly ObjectInput[]
}

/** Something that is wrong with, or strange about, a release. */
export interface Finding {
  /** Stable: `reference_unknown`, `route_conflict`, `route_shadowed`, `spec_invalid`, ... */
  readonly code: string
  readonly severity: 'error' | 'warning'
  /** `kind/name`. */
  readonly object: string
  readonly origin: string
  /** JSON Pointer (RFC 6901) into the spec; empty for the object as a whole. */
  readonly pointer: string
  readonly message: string
  /** What to do, in one sentence. */
  readonly fix: string
}

/** A limit that is ready to be taken from. */
export interface CompiledLimit {
  /** Name of the policy. */
  readonly policy: string
  readonly origin: string
  /** `environment/policy`: unique in an agent that serves many environments. */
  readonly id: string
  readonly requests: number
  readonly windowMs: number
  readonly burst: number
  readonly key: readonly ('consumer' | 'credential' | 'address' | 'service' | 'route')[]
}
