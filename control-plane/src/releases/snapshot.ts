/**
 * Turns the objects of a release into the bytes that are signed, stored and sent.
 *
 * Pure: the same input gives the same bytes on every machine, so that two releases with the same content can be
 * told by their bytes, and a signature made once holds for ever. Nothing is judged here: `compile` in core is asked
 * before.
 *
 * @module
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { canonicalJson } from '@headgate/core'
import { SnapshotSchema } from '@headgate/proto'

/**
 * The lowest capability number of an agent that enforces everything the kinds of this version can say. It rises with
 * the first kind or field that older agents do not know; see fleet.proto.
 */
export const CAPABILITY_MIN = 3

export interface SnapshotInput {
  readonly tenant: { readonly id: string; readonly name: string }
  readonly environment: { readonly id: string; readonly name: string }
  readonly number: number
  /** Milliseconds since 1970-01-01 UTC. */
  readonly publishedAtMs: number
  readonly objects: readonly {
    readonly kind: string
    readonly name: string
    readonly spec: unknown
    readonly origin: string
  }[]
}

/** @returns a serialised `headgate.fleet.v1.Snapshot`. */
export function buildSnapshot(input: SnapshotInput): Uint8Array<ArrayBuffer> {
  const utf8 = new TextEncoder()
  const snapshot = create(SnapshotSchema, {
    tenantId: input.tenant.id,
    environmentId: input.environment.id,
    number: BigInt(input.number),
    publishedAtMs: BigInt(input.publishedAtMs),
    capabilityMin: CAPABILITY_MIN,
    objects: input.objects
      .map(({ kind, name, spec, origin }) => ({ kind, name, spec: utf8.encode(canonicalJson(spec)), origin }))
      // By code unit: a locale would order differently from one machine to the next.
      .toSorted((a, b) => compareText(a.kind, b.kind) || compareText(a.name, b.name)),
    tenant: input.tenant.name,
    environment: input.environment.name,
  })
  return toBinary(SnapshotSchema, snapshot)
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
