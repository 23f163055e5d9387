/**
 * Where the operator is: tenant and environment, from the address bar, else the first there is.
 *
 * @module
 */
import { useEffect } from 'react'
import { go, useAddress } from '../address.ts'
import { type Kept, useAnswer } from '../answer.ts'
import { type Environment, useApi } from '../api.ts'

/** Tenants and environments change rarely, but the first one is waited for, in milliseconds. */
const PLACES_MS = 5_000

/** Longest list that is offered to choose from. */
const CHOICES_MAX = 200

export interface Place {
  readonly tenants: Kept<readonly string[]>
  readonly environments: Kept<readonly Environment[]>
  /** Name of the chosen tenant; null while there is none. */
  readonly tenant: string | null
  readonly environment: string | null
}

export function usePlace(): Place {
  const api = useApi()
  const { query } = useAddress()
  const tenants = useAnswer(
    'tenants',
    async (signal) => {
      const { data } = await api.call('listTenants', { query: { limit: CHOICES_MAX }, signal })
      return data.map(({ name }) => name)
    },
    PLACES_MS,
  )
  const tenant = query.get('tenant') ?? tenants.data?.[0] ?? null
  const environments = useAnswer(
    tenant === null ? null : `environments ${tenant}`,
    async (signal) => {
      const call = { params: { tenant: tenant ?? '' }, query: { limit: CHOICES_MAX }, signal }
      return (await api.call('listEnvironments', call)).data
    },
    PLACES_MS,
  )
  const environment = query.get('environment') ?? environments.data?.[0]?.name ?? null
  useEffect(() => {
    // So that the address can be shared as it stands.
    if (tenant !== null && environment !== null) go({ query: { tenant, environment } }, 'replace')
  }, [tenant, environment])
  return { tenants, environments, tenant, environment }
}
