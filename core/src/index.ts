/**
 * The decision: pure, without I/O, clock or randomness. The agent enforces with it, the control plane explains with
 * it, tests run it; there is one copy.
 *
 * @module
 */
export * from './kinds/index.ts'
export * from './kinds/common.ts'
export * from './kinds/certificate.ts'
export * from './kinds/policy.ts'
export * from './kinds/route.ts'
export * from './kinds/service.ts'
export * from './reasons.ts'
export * from './decision.ts'
export * from './compile.ts'
export { checkSpec, type SpecCheck, type Specs } from './compile/spec.ts'
export type { FindingDraft } from './compile/findings.ts'
export * from './release.ts'
export * from './normalise.ts'
export { matchRoute } from './match/match.ts'
export { decide } from './decide.ts'
export { refuse } from './outcome.ts'
export * from './respond.ts'
export * from './credentials/api-key.ts'
export * from './credentials/addresses.ts'
export * from './limits/gcra.ts'
export * from './limits/take-all.ts'
export * from './canonical-json.ts'
export * from './cases.ts'
export * from './tokens/jws.ts'
export * from './tokens/claims.ts'
export * from './tokens/strict-json.ts'
