/**
 * The types that tie handlers to the table of operations: the compiler refuses a missing handler, a wrong input and a
 * wrong answer.
 *
 * @module
 */
import type { Answered, Given, OperationId } from '@headgate/admin-api'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { Database } from '@headgate/prisma'
import type { EnvironmentScope, TenantScope } from '#control-plane/db.ts'
import type { Caller } from '#control-plane/operators/caller.ts'
import type { SnapshotSigner } from '#control-plane/releases/sign.ts'
import type { Fleet } from './fleet.ts'

/** What handlers have in common; made once per process. */
export interface Services {
  readonly db: Database
  readonly clock: Clock
  readonly log: Log
  readonly fleet: Fleet
  readonly signer: SnapshotSigner
  /** Where operators reach this control plane, without a slash at the end. */
  readonly publicUrl: string
}

interface BaseContext {
  readonly services: Services
  readonly requestId: string
  /** Source address of the operator. */
  readonly address: string
  /** Fires when the caller has gone or the process stops. */
  readonly signal: AbortSignal
  /** Adds a header field to the answer. */
  setHeader(name: string, value: string): void
}

/** A request of a known operator. */
export interface SignedInContext extends BaseContext {
  readonly caller: Caller
}

/** A request of somebody. */
export interface AnonymousContext extends BaseContext {
  readonly caller: null
}

export interface TenantContext extends SignedInContext {
  readonly tenant: TenantScope
}

export interface EnvironmentContext extends TenantContext {
  readonly environment: EnvironmentScope
}

type Params<Id extends OperationId> = Given<Id>['params']

/** Follows from the path parameters: who names an environment has one. */
export type Context<Id extends OperationId> = Id extends 'welcome'
  ? AnonymousContext
  : Params<Id> extends { environment: string }
    ? EnvironmentContext
    : Params<Id> extends { tenant: string }
      ? TenantContext
      : SignedInContext

export interface Input<Id extends OperationId> extends Given<Id> {
  /** Revision of `If-Match`; `any` for `*`; null when absent. */
  readonly ifMatch: number | 'any' | null
}

export type Handler<Id extends OperationId> = (context: Context<Id>, input: Input<Id>) => Promise<Answered<Id>>

/** One handler for each operation. */
export type Handlers = { readonly [Id in OperationId]: Handler<Id> }
/** The handlers of one resource. */
export type HandlersOf<Ids extends OperationId> = Pick<Handlers, Ids>
