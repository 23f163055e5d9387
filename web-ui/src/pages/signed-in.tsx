/**
 * The pages of a signed-in operator: where they are, what is live there, and the page that the address names.
 *
 * @module
 */
import { useEffect } from 'react'
import { useAddress } from '../address.ts'
import { type Kept, LIVE_MS, useAnswer } from '../answer.ts'
import { type Operator, useApi } from '../api.ts'
import { Navigation, pageOf } from '../frame/navigation.tsx'
import { TopBar } from '../frame/top-bar.tsx'
import { type Place, usePlace } from '../frame/place.ts'
import { Empty, Failed, Skeleton } from '../parts/notices.tsx'
import { Access } from './access.tsx'
import { Bans } from './bans.tsx'
import { Consumers } from './consumers.tsx'
import { Explain } from './explain.tsx'
import { Issuers } from './issuers.tsx'
import { Keys } from './keys.tsx'
import { Limits } from './limits.tsx'
import { Overview } from './overview.tsx'

/** Why there is no session any more. */
type End = (why: 'signed out' | 'expired') => void

interface SignedInProps {
  readonly operator: Operator
  readonly end: End
}

export function SignedIn({ operator, end }: SignedInProps) {
  const place = usePlace()
  const { tenant, environment } = place
  useExpiry([place.tenants, place.environments], end)
  if (tenant !== null && environment !== null) {
    return <InEnvironment key={`${tenant} ${environment}`} {...{ operator, end, place, tenant, environment }} />
  }
  return (
    <>
      <TopBar place={place} release={undefined} operator={operator} signedOut={() => end('signed out')} />
      <main className="page">
        <div className="card">
          <Nowhere place={place} />
        </div>
      </main>
    </>
  )
}

function Nowhere({ place: { tenants, environments, tenant } }: { readonly place: Place }) {
  const missing = tenant === null ? tenants : environments
  if (missing.failure !== undefined) return <Failed what="Tenants" failure={missing.failure} retry={missing.retry} />
  if (missing.data === undefined) return <Skeleton rows={6} of="tenants" />
  if (tenant === null) {
    return (
      <Empty title="There is no tenant yet" command="npx headgate tenants create default">
        A tenant holds environments, services and consumers of its own. Create the first, or ask an owner to let you in:
      </Empty>
    )
  }
  return (
    <Empty title={`${tenant} has no environment yet`} command="npx headgate environments create dev">
      An environment, such as dev or production, has its own routes, keys and releases. Create the first:
    </Empty>
  )
}

interface InEnvironmentProps extends SignedInProps {
  readonly place: Place
  readonly tenant: string
  readonly environment: string
}

function InEnvironment({ operator, end, place, tenant, environment }: InEnvironmentProps) {
  const api = useApi()
  const page = pageOf(useAddress().path)
  const release = useAnswer(
    `release ${tenant} ${environment}`,
    async (signal) =>
      (await api.call('listReleases', { params: { tenant, environment }, query: { limit: 1 }, signal })).data[0] ??
      null,
    LIVE_MS,
  )
  useExpiry([release], end)
  useEffect(() => {
    document.title = `${page.title} · ${tenant} / ${environment} · Headgate`
  }, [page, tenant, environment])
  return (
    <>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <TopBar place={place} release={release.data} operator={operator} signedOut={() => end('signed out')} />
      <div className="frame">
        <Navigation current={page} />
        <main className="page" id="content" tabIndex={-1}>
          <h1 className={page.path === '/' ? 'sr' : undefined}>
            {page.title}
            <span className="sr">
              {' '}
              of {tenant} / {environment}
            </span>
          </h1>
          {page.path === '/' ? (
            <Overview {...{ tenant, environment, release, end }} />
          ) : (
            <Page path={page.path} {...{ operator, tenant, environment }} />
          )}
        </main>
      </div>
    </>
  )
}

interface PageProps {
  readonly path: string
  readonly operator: Operator
  readonly tenant: string
  readonly environment: string
}

function Page({ path, operator, ...where }: PageProps) {
  switch (path) {
    case '/limits':
      return <Limits {...where} />
    case '/bans':
      return <Bans {...{ operator, where }} />
    case '/explain':
      return <Explain {...where} />
    case '/consumers':
      return <Consumers {...where} />
    case '/keys':
      return <Keys {...where} />
    case '/issuers':
      return <Issuers {...where} />
    default:
      return <Access {...where} />
  }
}

/** A session that ended shows the way in again, whichever call found out. */
function useExpiry(kept: readonly Kept<unknown>[], end: End): void {
  const expired = kept.some(({ failure }) => failure?.code === 'not_signed_in')
  useEffect(() => {
    if (expired) end('expired')
  }, [expired, end])
}
