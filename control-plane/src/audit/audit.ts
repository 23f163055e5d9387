/**
 * The one way to change something: in a transaction that also holds the entry saying who did it.
 *
 * If the entry cannot be written, the change does not happen. What an entry holds comes from the same shapes that REST
 * shows, which have no secrets.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import { Prisma } from '@headgate/prisma'
import { type Tx, inTransaction, isConflict } from '#control-plane/db.ts'
import type { AnonymousContext, SignedInContext } from '#control-plane/rest/contract.ts'

/** How often a transaction is tried that lost against another one. */
const ATTEMPTS_MAX = 3

export interface AuditNote {
  /** What was done, such as `api_key.revoke`. */
  readonly action: string
  readonly target: { readonly kind: string; readonly id: string; readonly name: string }
  readonly tenantId?: string
  readonly environmentId?: string
  readonly before?: object | null
  readonly after?: object | null
  /** Who did it, where that is known only now; else the caller. */
  readonly operator?: { readonly id: string | null; readonly name: string }
}

/** What a change gives back. `audit` is null when nothing was changed. */
export interface Changed<T> {
  readonly result: T
  readonly audit: AuditNote | null
}

type AnyContext = SignedInContext | AnonymousContext

/** Carries the result of a dry run out of the transaction that it rolls back. */
class DryRun extends Error {
  readonly result: unknown
  constructor(result: unknown) {
    super('dry run')
    this.result = result
  }
}

/**
 * Runs a change with its audit entry in one transaction.
 *
 * @param options.dryRun everything is done and checked, then rolled back.
 */
export async function change<T>(
  context: AnyContext,
  work: (tx: Tx) => Promise<Changed<T>>,
  options: { readonly dryRun?: boolean } = {},
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inTransaction(context.services.db, async (tx) => {
        const { result, audit } = await work(tx)
        if (options.dryRun === true) throw new DryRun(result)
        if (audit !== null) await append(tx, context, audit)
        return result
      })
    } catch (thrown) {
      // The result of this very `work`.
      if (thrown instanceof DryRun) return thrown.result as T
      if (!isConflict(thrown) || attempt >= ATTEMPTS_MAX) throw thrown
    }
  }
}

async function append(tx: Tx, context: AnyContext, note: AuditNote): Promise<void> {
  const { services, caller, requestId, address } = context
  const operator = note.operator ?? (caller === null ? null : { id: caller.operatorId, name: caller.name })
  const nowMs = services.clock.now()
  await tx.auditEntry.create({
    data: {
      id: newId('aud', nowMs),
      at: new Date(nowMs),
      tenantId: note.tenantId ?? null,
      environmentId: note.environmentId ?? null,
      operatorId: operator?.id ?? null,
      operatorName: operator?.name ?? '',
      action: note.action,
      targetKind: note.target.kind,
      targetId: note.target.id,
      targetName: note.target.name,
      before: json(note.before),
      after: json(note.after),
      requestId,
      address,
    },
  })
}

function json(value: object | null | undefined): Prisma.InputJsonValue | typeof Prisma.DbNull {
  // Through text: what is not JSON (dates, undefined) becomes what REST would show.
  return value === null || value === undefined
    ? Prisma.DbNull
    : (JSON.parse(JSON.stringify(value)) as Prisma.InputJsonValue)
}
