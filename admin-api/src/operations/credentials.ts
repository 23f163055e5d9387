/**
 * Operations on client certificates and keys that sign requests, and on what happened to credentials.
 *
 * @module
 */
import { z } from 'zod'
import { list, page, reference, waitQuery } from '#admin-api/schemas/common.ts'
import * as credentials from '#admin-api/schemas/credentials.ts'
import { securityEvent, securityEventKind } from '#admin-api/schemas/security-events.ts'
import { E, ofEnvironment, operation } from './define.ts'

export const credentialOperations = {
  listCredentials: operation({
    method: 'GET',
    path: `${E}/credentials`,
    tag: 'credentials',
    role: 'viewer',
    summary: 'List client certificates and keys that sign requests',
    params: ofEnvironment,
    query: z.strictObject({ ...page, ...credentials.credentialFilter }),
    response: list(credentials.credential),
    problems: ['not_found'],
  }),
  createCredential: operation({
    method: 'POST',
    path: `${E}/credentials`,
    tag: 'credentials',
    role: 'editor',
    status: 201,
    summary: 'Let a client certificate, or a key that signs requests, prove a consumer',
    params: ofEnvironment,
    query: z.strictObject(waitQuery),
    body: credentials.credentialCreate,
    response: credentials.credentialChanged,
    problems: ['not_found', 'name_taken'],
  }),
  getCredential: operation({
    method: 'GET',
    path: `${E}/credentials/{credential}`,
    tag: 'credentials',
    role: 'viewer',
    summary: 'Show a credential',
    params: ofEnvironment.extend({ credential: reference }),
    response: credentials.credential,
    problems: ['not_found'],
  }),
  updateCredential: operation({
    method: 'PATCH',
    path: `${E}/credentials/{credential}`,
    tag: 'credentials',
    role: 'editor',
    summary: 'Change name, scopes or addresses, switch off or on',
    params: ofEnvironment.extend({ credential: reference }),
    query: z.strictObject(waitQuery),
    body: credentials.credentialPatch,
    response: credentials.credentialChanged,
    problems: ['not_found', 'state_conflict'],
  }),
  revokeCredential: operation({
    method: 'POST',
    path: `${E}/credentials/{credential}/revoke`,
    tag: 'credentials',
    role: 'editor',
    summary: 'Revoke a credential for good; repeating it changes nothing',
    params: ofEnvironment.extend({ credential: reference }),
    query: z.strictObject(waitQuery),
    response: credentials.credentialChanged,
    problems: ['not_found'],
  }),
  listSecurityEvents: operation({
    method: 'GET',
    path: `${E}/security-events`,
    tag: 'credentials',
    role: 'viewer',
    summary: 'Decoys that were presented and keys that were found in public, newest first',
    params: ofEnvironment,
    query: z.strictObject({ ...page, kind: securityEventKind.optional() }),
    response: list(securityEvent),
    problems: ['not_found'],
  }),
} as const
