/**
 * The pages of an environment, and the way from one to another.
 *
 * @module
 */
import type { Move } from '../address.ts'
import { Link } from '../parts/link.tsx'

export interface PageInfo {
  readonly path: string
  readonly title: string
}

const OVERVIEW: PageInfo = { path: '/', title: 'Overview' }

const groups: readonly { readonly name: string; readonly pages: readonly PageInfo[] }[] = [
  { name: 'See', pages: [OVERVIEW, { path: '/explain', title: 'Explain' }] },
  {
    name: 'Protect',
    pages: [
      { path: '/access', title: 'Access' },
      { path: '/limits', title: 'Limits' },
      { path: '/consumers', title: 'Consumers' },
      { path: '/keys', title: 'Keys' },
      { path: '/issuers', title: 'Issuers and roles' },
    ],
  },
  { name: 'Watch', pages: [{ path: '/bans', title: 'Bans' }] },
]

/** @returns the overview for an address that names no page. */
export function pageOf(path: string): PageInfo {
  return groups.flatMap(({ pages }) => pages).find((page) => page.path === path) ?? OVERVIEW
}

/** What belongs to one page, and is left behind when another is opened. Tenant and environment stay. */
export const ofOnePage: Readonly<Record<string, null>> = Object.fromEntries(
  [
    'request',
    'outcome',
    'consumer',
    'route',
    'release',
    'unused',
    'bans',
    'method',
    'path',
    'host',
    'address',
    'scheme',
  ].map((name) => [name, null]),
)

/** @param query what the page is opened with. */
export function toPage(path: string, query: Move['query'] = {}): Move {
  return { path, query: { ...ofOnePage, ...query } }
}

export function Navigation({ current }: { readonly current: PageInfo }) {
  return (
    <nav className="navigation" aria-label="Pages">
      {groups.map(({ name, pages }) => (
        <section key={name} aria-label={name}>
          <h2>{name}</h2>
          <ul>
            {pages.map((page) => (
              <li key={page.path}>
                <Link to={toPage(page.path)} current={page.path === current.path ? 'page' : undefined}>
                  {page.title}
                </Link>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </nav>
  )
}
