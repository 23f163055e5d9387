/**
 * What an environment is for. It decides which limits a new one begins with, and nothing else.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import { environment } from '@headgate/admin-api'

/** What an environment is for. */
export type Stage = Answered<'getEnvironment'>['stage']

const STAGING = new Set(['stage', 'staging', 'pre', 'preprod', 'preproduction', 'preview', 'qa', 'uat', 'acceptance'])
const DEVELOPMENT = new Set(['dev', 'development', 'local', 'test', 'testing', 'ci', 'sandbox', 'demo'])

/** By the words of its name. What says nothing counts as production: a mistake then costs no more than attention. */
export function stageOfName(name: string): Stage {
  const words = name.split('-')
  if (words.some((word) => STAGING.has(word))) return 'staging'
  if (words.some((word) => DEVELOPMENT.has(word))) return 'development'
  return 'production'
}

/** As it comes out of the database, where only stages are written. */
export function readStage(text: string): Stage {
  return environment.shape.stage.parse(text)
}
