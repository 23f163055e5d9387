/**
 * What holds for an environment as a whole, from its one object of kind `settings`.
 *
 * @module
 */
import { SETTINGS_NAME, settingsSpec } from '#core/kinds/settings.ts'
import type { CompiledSettings } from '#core/release.ts'
import type { FindingList } from './findings.ts'
import type { ReadObject } from './read-objects.ts'

/** As they are without the object. */
const DEFAULTS = settingsSpec.parse({})

export function compileSettings(objects: readonly ReadObject<'settings'>[], findings: FindingList): CompiledSettings {
  for (const { name, subject } of objects) {
    if (name === SETTINGS_NAME) continue
    const message = `There is one object of this kind, and it is named ${SETTINGS_NAME}`
    findings.error(subject, { code: 'name_invalid', message, fix: `Name it ${SETTINGS_NAME}` })
  }
  const { rate_limit_fields: rateLimitFields } = objects[0]?.spec ?? DEFAULTS
  return { rateLimitFields }
}
