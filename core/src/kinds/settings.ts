/**
 * Kind `settings`: what holds for an environment as a whole. There is one object of it, named `settings`, or none.
 *
 * @module
 */
import { z } from 'zod'

/** How callers are told about limits. */
export const rateLimitFields = ['draft', 'x-ratelimit', 'none'] as const
/** How callers are told about limits. */
export type RateLimitFields = (typeof rateLimitFields)[number]

/** The name of the one object. */
export const SETTINGS_NAME = 'settings'

export const settingsSpec = z
  .strictObject({
    rate_limit_fields: z
      .enum(rateLimitFields)
      .default('draft')
      .describe(
        'How callers are told about limits. draft: RateLimit and RateLimit-Policy, and the problem types of the same draft; x-ratelimit: X-RateLimit-Limit, -Remaining and -Reset; none: nothing but Retry-After',
      ),
  })
  .describe('What holds for the whole environment')

/** Settings as written. */
export type SettingsSpec = z.input<typeof settingsSpec>
