/**
 * Which page is shown: the welcome page, the way in, or the pages of a signed-in operator.
 *
 * @module
 */
import { useEffect, useState } from 'react'
import { go, takeFragment, useAddress } from './address.ts'
import { useAnswer } from './answer.ts'
import { useApi } from './api.ts'
import { SignedIn as Pages } from './pages/signed-in.tsx'
import { Door, SignedOut } from './pages/signed-out.tsx'
import { Welcome } from './pages/welcome.tsx'
import { Failed, Skeleton } from './parts/notices.tsx'

/** @param first what followed `#` in the welcome link that opened the page. */
export function App({ first }: { readonly first: string }) {
  const { path } = useAddress()
  const code = useCode(first)
  useEffect(() => {
    document.title = 'Headgate'
  }, [path])
  if (path === '/welcome') return <Welcome key={code} code={code} done={() => go({ path: '/' }, 'replace')} />
  return <SignedIn />
}

/** A further link that is pasted into the same tab only changes what follows `#`: the browser loads nothing. */
function useCode(first: string): string {
  const [code, setCode] = useState(first)
  useEffect(() => {
    const take = () => {
      if (location.pathname === '/welcome' && location.hash !== '') setCode(takeFragment())
    }
    addEventListener('hashchange', take)
    return () => removeEventListener('hashchange', take)
  }, [])
  return code
}

function SignedIn() {
  const api = useApi()
  const [ended, setEnded] = useState<'signed out' | 'expired' | null>(null)
  const { data, failure, retry } = useAnswer('whoami', (signal) => api.call('whoami', { signal }))
  if (ended !== null) return <SignedOut because={ended} />
  if (data !== undefined) return <Pages operator={data.operator} end={setEnded} />
  if (failure?.code === 'not_signed_in') return <SignedOut because="not yet" />
  return (
    <Door>
      {failure === undefined ? (
        <Skeleton rows={4} of="the dashboard" />
      ) : (
        <Failed what="The dashboard cannot be shown" failure={failure} retry={retry} />
      )}
    </Door>
  )
}
