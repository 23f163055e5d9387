/**
 * The decision: pure, no I/O, no clock; runs in agent, control plane and tests.
 *
 * @module
 */
export * from './kinds/common.ts'
export * from './kinds/index.ts'
export * from './reasons.ts'
export * from './decision.ts'
export * from './compile.ts'
