/**
 * The contract between operators and control plane.
 *
 * @module
 */
export * from './operation.ts'
export * from './operations.ts'
export * from './problem.ts'
export * from './client.ts'
export * from './given.ts'
export * from './openapi.ts'
export * from './schemas/common.ts'
export * from './schemas/consumers.ts'
export * from './schemas/bans.ts'
export * from './schemas/credentials.ts'
export * from './schemas/decisions.ts'
export * from './schemas/fleet.ts'
export * from './schemas/leaked-keys.ts'
export * from './schemas/limits.ts'
export * from './schemas/objects.ts'
export * from './schemas/operators.ts'
export * from './schemas/releases.ts'
export * from './schemas/security-events.ts'
export * from './schemas/tenants.ts'
