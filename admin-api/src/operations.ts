/**
 * Every operation of the admin API.
 *
 * @module
 */
import type { Operation } from './operation.ts'
import { banOperations } from './operations/bans.ts'
import { configurationOperations } from './operations/configuration.ts'
import { consumerOperations } from './operations/consumers.ts'
import { credentialOperations } from './operations/credentials.ts'
import { decisionOperations } from './operations/decisions.ts'
import { fleetOperations } from './operations/fleet.ts'
import { limitOperations } from './operations/limits.ts'
import { operatorOperations } from './operations/operators.ts'
import { releaseOperations } from './operations/releases.ts'
import { tenantOperations } from './operations/tenants.ts'

export const operations = {
  ...operatorOperations,
  ...tenantOperations,
  ...configurationOperations,
  ...releaseOperations,
  ...consumerOperations,
  ...credentialOperations,
  ...banOperations,
  ...limitOperations,
  ...decisionOperations,
  ...fleetOperations,
} as const satisfies Record<string, Operation>

export type Operations = typeof operations
export type OperationId = keyof Operations
