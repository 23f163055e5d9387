/**
 * Handlers of an admin API where everything can be applied and published.
 *
 * @module
 */
import type { Handlers } from './admin-api.ts'
import * as samples from './samples.ts'

/** One added route. */
export const applied = { changes: [samples.addedRoute], unlisted: [], draft_revision: 8, findings: [] }

export const publishing: Handlers = {
  getEnvironment: () => samples.environment,
  applyObjects: () => applied,
  publishRelease: () => ({ ...samples.release, changes: [samples.addedRoute], findings: [] }),
  getRelease: () => samples.release,
}
