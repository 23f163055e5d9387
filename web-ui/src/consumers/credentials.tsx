/**
 * What a consumer can prove itself with: API keys, client certificates, keys that sign requests.
 *
 * @module
 */
import type { ReactNode } from 'react'
import { useAnswer } from '../answer.ts'
import { type ApiKey, type Credential, ROWS_MAX, useApi, type Where } from '../api.ts'
import { Command } from '../parts/command.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { More } from '../parts/table.tsx'
import { dateText, limitText } from '../words.ts'
import { Actions } from './actions.tsx'
import { Ends, LastUsed, proofText, Scopes, StateChip } from './words.tsx'

interface CredentialsProps {
  readonly where: Where
  readonly consumer: string
}

/** Between two loads: last use is a minute old at most, in milliseconds. */
const RELOAD_MS = 15_000

/** How long an agent is waited for, in milliseconds. */
const WAIT = { wait: 'true', timeout_ms: 3_000 } as const

export function Keys({ where, consumer }: CredentialsProps) {
  const api = useApi()
  const keys = useAnswer(
    `keys ${where.tenant} ${where.environment} ${consumer}`,
    (signal) => api.call('listKeys', { params: { ...where }, query: { consumer, limit: ROWS_MAX }, signal }),
    RELOAD_MS,
  )
  return (
    <section aria-labelledby="api-keys">
      <h3 id="api-keys">API keys</h3>
      <Loaded kept={keys} of="API keys" rows={3}>
        {({ data, has_more: more }) => (
          <>
            {data.length === 0 ? (
              <None command={`npx headgate keys create --consumer ${consumer} --scope orders:read`}>No keys yet.</None>
            ) : (
              <ul className="credentials">
                {data.map((key) => (
                  <KeyItem key={key.id} {...{ where, apiKey: key }} changed={keys.retry} />
                ))}
              </ul>
            )}
            <More more={more} command={`npx headgate keys ls --consumer ${consumer}`} />
          </>
        )}
      </Loaded>
    </section>
  )
}

interface KeyItemProps {
  readonly where: Where
  readonly apiKey: ApiKey
  readonly changed: () => void
}

function KeyItem({ where, apiKey, changed }: KeyItemProps) {
  const api = useApi()
  const { id, name, hint, state, decoy, scopes, addresses, limits, rotation } = apiKey
  const params = { ...where, key: id }
  return (
    <Item title={hint} name={name} id={id} chip={<StateChip state={state} decoy={decoy} />}>
      <Scopes scopes={scopes} />
      {addresses.length === 0 ? null : <span>from {addresses.join(', ')}</span>}
      {limits.map((limit) => (
        <span key={`${limit.requests}/${limit.window_ms}`}>{limitText(limit)}</span>
      ))}
      <LastUsed used={apiKey.last_used} />
      <Ends at={apiKey.expires_at} />
      {rotation === null ? null : (
        <span className={rotation.old_still_used ? 'warn' : undefined}>
          rotated {dateText(rotation.rotated_at)}, {rotation.old_still_used ? 'and still used' : 'not used since'}
        </span>
      )}
      <Actions
        what={`key ${hint}`}
        state={state}
        changed={changed}
        switchTo={async (disabled) =>
          (await api.call('updateKey', { params, query: WAIT, body: { disabled } })).receipt
        }
        revoke={async () => (await api.call('revokeKey', { params, query: WAIT })).receipt}
      />
    </Item>
  )
}

export function OtherCredentials({ where, consumer }: CredentialsProps) {
  const api = useApi()
  const credentials = useAnswer(
    `credentials ${where.tenant} ${where.environment} ${consumer}`,
    (signal) => api.call('listCredentials', { params: { ...where }, query: { consumer, limit: ROWS_MAX }, signal }),
    RELOAD_MS,
  )
  const list = (kind: Credential['kind'], none: ReactNode) => (
    <Loaded kept={credentials} of="credentials" rows={2}>
      {({ data }) => {
        const ofKind = data.filter((credential) => credential.kind === kind)
        if (ofKind.length === 0) return none
        return (
          <ul className="credentials">
            {ofKind.map((credential) => (
              <CredentialItem key={credential.id} {...{ where, credential }} changed={credentials.retry} />
            ))}
          </ul>
        )
      }}
    </Loaded>
  )
  return (
    <>
      <section aria-labelledby="certificates">
        <h3 id="certificates">Client certificates</h3>
        {list(
          'certificate',
          <None command={`npx headgate credentials create --consumer ${consumer} --certificate client.pem --by uri`}>
            None. A certificate is known by one of its names:
          </None>,
        )}
      </section>
      <section aria-labelledby="signing-keys">
        <h3 id="signing-keys">Keys that sign requests</h3>
        {list(
          'signing_key',
          <None
            command={`npx headgate credentials create --consumer ${consumer} --public-key key.pem --key-id ${consumer}`}
          >
            None. A key of the caller signs each request:
          </None>,
        )}
      </section>
    </>
  )
}

interface CredentialItemProps {
  readonly where: Where
  readonly credential: Credential
  readonly changed: () => void
}

function CredentialItem({ where, credential, changed }: CredentialItemProps) {
  const api = useApi()
  const { id, name, state, scopes, addresses } = credential
  const params = { ...where, credential: id }
  const proof = proofText(credential)
  return (
    <Item title={proof} name={name} id={id} chip={<StateChip state={state} />}>
      <Scopes scopes={scopes} />
      {addresses.length === 0 ? null : <span>from {addresses.join(', ')}</span>}
      <LastUsed used={credential.last_used} />
      <Ends at={credential.expires_at} />
      <Actions
        what={proof}
        state={state}
        changed={changed}
        switchTo={async (disabled) =>
          (await api.call('updateCredential', { params, query: WAIT, body: { disabled } })).receipt
        }
        revoke={async () => (await api.call('revokeCredential', { params, query: WAIT })).receipt}
      />
    </Item>
  )
}

interface ItemProps {
  readonly title: string
  readonly name: string
  readonly id: string
  readonly chip: ReactNode
  readonly children: ReactNode
}

function Item({ title, name, id, chip, children }: ItemProps) {
  return (
    <li>
      <div className="line">
        <strong className="mono">{title}</strong>
        {chip}
      </div>
      <div className="line quiet">
        <span>{name}</span>
        <code>{id}</code>
      </div>
      <div className="parts">{children}</div>
    </li>
  )
}

function None({ children, command }: { readonly children: ReactNode; readonly command: string }) {
  return (
    <>
      <p className="aside">{children}</p>
      <Command text={command} />
    </>
  )
}
