/**
 * What operators did, newest first.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import type { AuditEntry } from '@headgate/prisma'
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { idKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { listEntries } from './store.ts'

export const auditHandlers = {
  listAudit: async ({ services }, { query }) => {
    const beforeId = readCursor(query.cursor, idKey)?.[0]
    const rows = await listEntries(services.db, { action: query.action, beforeId, take: query.limit + 1 })
    return toPage(rows, query.limit, ({ id }) => [id], entryView)
  },
} satisfies HandlersOf<'listAudit'>

function entryView(row: AuditEntry): Answered<'listAudit'>['data'][number] {
  return {
    id: row.id,
    at: row.at.toISOString(),
    tenant_id: row.tenantId,
    environment_id: row.environmentId,
    operator: row.operatorName,
    action: row.action,
    target: { kind: row.targetKind, id: row.targetId, name: row.targetName },
    before: row.before,
    after: row.after,
    request_id: row.requestId,
    address: row.address,
  }
}
