/**
 * Consumers that come with their first credential.
 *
 * @module
 */
import type { Session } from '#cli/cli.ts'
import { refusedAs } from './refused.ts'

export async function consumerExists({ client, where }: Session, consumer: string): Promise<boolean> {
  const found = await client
    .call('getConsumer', { params: { ...where(), consumer } })
    .catch(refusedAs(['not_found'], undefined))
  return found !== undefined
}
