/**
 * What all threads remember of callers together.
 *
 * @module
 */
import { createSeenMemory, type SeenMemory } from './seen.ts'
import { createLimitMemory, type LimitMemory } from './table.ts'

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface CallerMemory {
  /** Proofs and signatures that count once. */
  readonly seen: SeenMemory
  /** Strikes of sources. */
  readonly strikes: LimitMemory
}

/** Sources whose strikes are to be kept; 24 bytes each. */
const SOURCES_MAX = 65_536

/** @param namesMax proofs and signatures that are remembered. */
export function createCallerMemory(namesMax: number): CallerMemory {
  return { seen: createSeenMemory(namesMax), strikes: createLimitMemory(SOURCES_MAX) }
}
