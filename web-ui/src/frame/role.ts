/**
 * What an operator may do, as far as it decides what is offered. The control plane decides whether it is done. Pure.
 *
 * @module
 */
import type { Operator } from '../api.ts'

/** Whether the operator may change what is in the tenant. */
export const mayEdit = ({ roles }: Pick<Operator, 'roles'>, tenant: string): boolean =>
  roles.some(({ tenant: of, role }) => role !== 'viewer' && (of === null || of === tenant))
