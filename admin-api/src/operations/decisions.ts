/**
 * Operations on decision records, explain and traffic.
 *
 * @module
 */
import { z } from 'zod'
import { list, page, reference } from '#admin-api/schemas/common.ts'
import * as decisions from '#admin-api/schemas/decisions.ts'
import { E, ofEnvironment, operation } from './define.ts'

export const decisionOperations = {
  listDecisions: operation({
    method: 'GET',
    path: `${E}/decisions`,
    tag: 'decisions',
    role: 'viewer',
    summary: 'List decision records, newest first',
    params: ofEnvironment,
    query: z.strictObject({
      ...page,
      outcome: z.enum(['allow', 'deny']).optional(),
      reason: z.string().max(64).optional(),
      route: reference.optional(),
      consumer: reference.optional(),
    }),
    response: list(decisions.decisionRecord),
    problems: ['not_found'],
  }),
  getDecision: operation({
    method: 'GET',
    path: `${E}/decisions/{request_id}`,
    tag: 'decisions',
    role: 'viewer',
    summary: 'Show the decision record of a request; `last` and `last-refused` name the newest',
    params: ofEnvironment.extend({ request_id: reference }),
    response: decisions.decisionRecord,
    problems: ['not_found'],
  }),
  explain: operation({
    method: 'POST',
    path: `${E}/explain`,
    tag: 'decisions',
    role: 'viewer',
    summary: 'Explain a real or simulated request, gate by gate',
    params: ofEnvironment,
    body: decisions.explainRequest,
    response: decisions.explanation,
    problems: ['not_found', 'release_refused'],
  }),
  getTraffic: operation({
    method: 'GET',
    path: `${E}/traffic`,
    tag: 'decisions',
    role: 'viewer',
    summary: 'Requests per minute, newest last',
    params: ofEnvironment,
    query: z.strictObject({ minutes: z.coerce.number().int().min(1).max(1440).default(60) }),
    response: decisions.traffic,
    problems: ['not_found'],
  }),
} as const
