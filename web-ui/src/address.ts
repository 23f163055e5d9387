/**
 * The address bar as the one place of what is shown: page, tenant, environment, filter and open panel.
 *
 * @module
 */
import { useSyncExternalStore } from 'react'

export interface Address {
  readonly path: string
  readonly query: URLSearchParams
}

/** What to change; null removes a parameter, what is not named stays. */
export interface Move {
  readonly path?: string
  readonly query?: Readonly<Record<string, string | null>>
}

/** Renders again whenever the address changes. */
export function useAddress(): Address {
  const href = useSyncExternalStore(subscribe, () => location.href)
  const { pathname, searchParams } = new URL(href)
  return { path: pathname, query: searchParams }
}

/** The address after a move, as a link can carry it. */
export function addressAfter({ path, query = {} }: Move): string {
  const url = new URL(location.href)
  if (path !== undefined) url.pathname = path
  for (const [name, value] of Object.entries(query)) {
    if (value === null) url.searchParams.delete(name)
    else url.searchParams.set(name, value)
  }
  return url.pathname + url.search
}

/** @param how `push` where Back should return to what was before; `replace` where it should not. */
export function go(move: Move, how: 'push' | 'replace' = 'push'): void {
  const to = addressAfter(move)
  if (to === location.pathname + location.search) return
  if (how === 'push') history.pushState(null, '', to)
  else history.replaceState(null, '', to)
  // The browser tells only about Back and Forward by itself.
  dispatchEvent(new PopStateEvent('popstate'))
}

/** @returns what follows `#`, which is gone from the address bar and from the history afterwards. */
export function takeFragment(): string {
  const fragment = location.hash.slice(1)
  history.replaceState(null, '', location.pathname + location.search)
  return fragment
}

function subscribe(changed: () => void): () => void {
  addEventListener('popstate', changed)
  return () => removeEventListener('popstate', changed)
}
