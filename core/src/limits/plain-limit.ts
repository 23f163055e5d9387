/**
 * The plainest limit: counted by each agent for itself, so many requests per window and credential.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'

/** Everything that a limit does not say by itself. */
const PLAIN: CompiledLimit = {
  of: 'policy',
  policy: '',
  origin: '',
  id: '',
  algorithm: 'rate',
  unit: 'requests',
  amount: 1,
  windowMs: 60_000,
  burst: 1,
  calendar: null,
  key: ['credential'],
  ipv4Prefix: 32,
  ipv6Prefix: 64,
  costs: [],
  shared: null,
  shadow: false,
}

/** A limit, from what is particular about it. */
export function plainLimit(fields: Partial<CompiledLimit>): CompiledLimit {
  return { ...PLAIN, ...fields }
}
