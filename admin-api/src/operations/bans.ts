/**
 * Operations on bans.
 *
 * @module
 */
import { z } from 'zod'
import * as bans from '#admin-api/schemas/bans.ts'
import { list, page, reference, waitQuery } from '#admin-api/schemas/common.ts'
import { E, ofEnvironment, operation } from './define.ts'

export const banOperations = {
  listBans: operation({
    method: 'GET',
    path: `${E}/bans`,
    tag: 'bans',
    role: 'viewer',
    summary: 'List who is shut out, the newest first',
    params: ofEnvironment,
    query: z.strictObject({ ...page, ...bans.banFilter }),
    response: list(bans.ban),
    problems: ['not_found'],
  }),
  createBan: operation({
    method: 'POST',
    path: `${E}/bans`,
    tag: 'bans',
    role: 'editor',
    status: 201,
    summary: 'Shut out a source range or a consumer on all agents, at once',
    params: ofEnvironment,
    query: z.strictObject(waitQuery),
    body: bans.banCreate,
    response: bans.banChanged,
    problems: ['not_found', 'state_conflict'],
  }),
  getBan: operation({
    method: 'GET',
    path: `${E}/bans/{ban}`,
    tag: 'bans',
    role: 'viewer',
    summary: 'Show a ban',
    params: ofEnvironment.extend({ ban: reference }),
    response: bans.ban,
    problems: ['not_found'],
  }),
  liftBan: operation({
    method: 'POST',
    path: `${E}/bans/{ban}/lift`,
    tag: 'bans',
    role: 'editor',
    summary: 'Take a ban back; repeating it changes nothing',
    params: ofEnvironment.extend({ ban: reference }),
    query: z.strictObject(waitQuery),
    response: bans.banChanged,
    problems: ['not_found'],
  }),
} as const
