/**
 * Security events: what agents and scanners reported about credentials.
 *
 * @module
 */
import { type Answered, securityEvent } from '@headgate/admin-api'
import type { SecurityEvent } from '@headgate/prisma'
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { idKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { listSecurityEvents } from './store.ts'

export const securityEventHandlers = {
  listSecurityEvents: async ({ services, environment }, { query }) => {
    const beforeId = readCursor(query.cursor, idKey)?.[0]
    const options = { kind: query.kind, beforeId, take: query.limit + 1 }
    const rows = await listSecurityEvents(services.db, environment, options)
    return toPage(rows, query.limit, ({ id }) => [id], eventView)
  },
} satisfies HandlersOf<'listSecurityEvents'>

function eventView(row: SecurityEvent): Answered<'listSecurityEvents'>['data'][number] {
  return {
    id: row.id,
    at: row.at.toISOString(),
    // A check in the database admits these only.
    kind: securityEvent.shape.kind.parse(row.kind),
    credential_id: row.credentialId,
    consumer: row.consumer,
    agent: row.agent,
    address: row.address,
    request_id: row.requestId,
    url: row.url,
    action: securityEvent.shape.action.parse(row.action),
  }
}
