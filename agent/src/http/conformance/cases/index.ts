/**
 * All request cases, by group.
 *
 * @module
 */
import type { Case } from './case.ts'
import { chunked } from './chunked.ts'
import { expectations, options, pipelines, upgrades } from './connections.ts'
import { fields, stripped } from './fields.ts'
import { codings, lengths } from './lengths.ts'
import { requestLines } from './request-line.ts'
import { hosts, targets } from './targets.ts'

export const groups: readonly (readonly [title: string, cases: readonly Case[]])[] = [
  ['request lines', requestLines],
  ['targets', targets],
  ['Host', hosts],
  ['fields', fields],
  ['fields that end at the agent', stripped],
  ['Content-Length', lengths],
  ['Transfer-Encoding', codings],
  ['chunks', chunked],
  ['pipelining', pipelines],
  ['Connection', options],
  ['Expect', expectations],
  ['Upgrade', upgrades],
]
