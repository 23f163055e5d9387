/**
 * The handler of every operation. The compiler refuses a table in which one is missing.
 *
 * @module
 */
import { auditHandlers } from '#control-plane/audit/handlers.ts'
import { decisionHandlers } from '#control-plane/decisions/handlers.ts'
import { operatorHandlers } from '#control-plane/operators/handlers.ts'
import { welcomeHandlers } from '#control-plane/operators/welcome.ts'
import { createReleaseHandlers } from '#control-plane/releases/handlers.ts'
import { createHostsOf } from '#control-plane/releases/hosts.ts'
import { banHandlers } from '#control-plane/resources/bans/handlers.ts'
import { consumerHandlers } from '#control-plane/resources/consumers/handlers.ts'
import { credentialHandlers } from '#control-plane/resources/credentials/handlers.ts'
import { createFleetHandlers } from '#control-plane/resources/fleet/handlers.ts'
import { keyHandlers } from '#control-plane/resources/keys/handlers.ts'
import { limitHandlers } from '#control-plane/resources/limits/handlers.ts'
import { objectHandlers } from '#control-plane/resources/objects/handlers.ts'
import { securityEventHandlers } from '#control-plane/resources/security-events/handlers.ts'
import { tenantHandlers } from '#control-plane/resources/tenants/handlers.ts'
import type { Handlers } from './contract.ts'

export function createHandlers(): Handlers {
  const hostsOf = createHostsOf()
  return {
    ...welcomeHandlers,
    ...operatorHandlers,
    ...auditHandlers,
    ...tenantHandlers,
    ...objectHandlers,
    ...createReleaseHandlers(hostsOf),
    ...consumerHandlers,
    ...keyHandlers,
    ...credentialHandlers,
    ...banHandlers,
    ...limitHandlers,
    ...securityEventHandlers,
    ...decisionHandlers,
    ...createFleetHandlers(hostsOf),
  }
}
