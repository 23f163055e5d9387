/**
 * States, rights and last use of credentials, as they stand in lists.
 *
 * @module
 */
import type { ApiKey, Credential } from '../api.ts'
import type { Kind } from '../gates.ts'
import { Chip } from '../parts/marks.tsx'
import { useNow } from '../parts/now.ts'
import { agoText, dateText } from '../words.ts'

const kinds: Readonly<Record<ApiKey['state'], Kind | 'none'>> = {
  active: 'allowed',
  disabled: 'limited',
  expired: 'none',
  revoked: 'refused',
}

export function StateChip({ state, decoy = false }: { readonly state: ApiKey['state']; readonly decoy?: boolean }) {
  return <Chip kind={kinds[state]} label={decoy ? `${state} decoy` : state} />
}

export function LastUsed({ used }: { readonly used: ApiKey['last_used'] }) {
  const now = useNow()
  if (used === null) return <span className="quiet">never used</span>
  return (
    <span title={used.at}>
      {agoText(used.at, now)}{' '}
      <span className="quiet">
        from {used.address} at {used.agent}
      </span>
    </span>
  )
}

export function Ends({ at }: { readonly at: string | null }) {
  return at === null ? <span className="quiet">does not end</span> : <span title={at}>ends {dateText(at)}</span>
}

export function Scopes({ scopes }: { readonly scopes: readonly string[] }) {
  return scopes.length === 0 ? <span className="quiet">no scopes</span> : <code>{scopes.join(', ')}</code>
}

/** By what a certificate or signing key is known. */
export function proofText({ identity, key_id: keyId, algorithm, secret }: Credential): string {
  if (identity !== null) return `${identity.kind}:${identity.value}`
  return `${keyId ?? '?'}, ${algorithm ?? '?'}${secret === null ? '' : `, secret at ${secret}`}`
}
