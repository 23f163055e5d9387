/**
 * Who may call each route, in plain sentences, and where that is written.
 *
 * @module
 */
import { accessSentences } from '../access/sentences.ts'
import { go, useAddress } from '../address.ts'
import { useAnswer } from '../answer.ts'
import { type ConfigObject, type EffectivePolicy, ROWS_MAX, useApi, type Where } from '../api.ts'
import { toPage } from '../frame/navigation.tsx'
import { keyText, limitAlgorithms, periodMs } from '../limits/words.ts'
import { Link } from '../parts/link.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Chip } from '../parts/marks.tsx'
import { Empty } from '../parts/notices.tsx'
import { Panel } from '../parts/panel.tsx'
import { type Column, More, Table } from '../parts/table.tsx'
import { limitText } from '../words.ts'

export function Access(where: Where) {
  const api = useApi()
  const open = useAddress().query.get('route')
  const routes = useAnswer(`routes ${where.tenant} ${where.environment}`, (signal) =>
    api.call('listObjects', { params: { ...where }, query: { kind: 'route', limit: ROWS_MAX }, signal }),
  )
  return (
    <div className={open === null ? 'work' : 'work open'}>
      <section className="card" aria-labelledby="routes">
        <header>
          <h2 id="routes">Routes</h2>
          <span className="quiet">of the draft</span>
        </header>
        <Loaded kept={routes} of="routes">
          {({ data, has_more: more }) =>
            data.length === 0 ? (
              <Empty title="No routes yet" command="npx headgate protect http://localhost:3000 --name billing">
                A route is a host, a path and methods that lead to a service. Protect one:
              </Empty>
            ) : (
              <>
                <Table name="Routes" columns={columns} rows={data} id={({ name }) => name} open={open} />
                <More more={more} command="npx headgate routes ls" />
              </>
            )
          }
        </Loaded>
      </section>
      {open === null ? null : (
        <RoutePanel key={open} {...{ where, name: open }} route={routes.data?.data.find(({ name }) => name === open)} />
      )}
    </div>
  )
}

const columns: readonly Column<ConfigObject>[] = [
  { title: 'Name', cell: ({ name }) => <Link to={{ query: { route: name } }}>{name}</Link> },
  { title: 'Methods', cell: ({ spec }) => <code>{texts(spec['methods']).join(', ') || 'all'}</code> },
  { title: 'Host', cell: ({ spec }) => <code>{texts(spec['hosts']).join(', ') || 'every host'}</code> },
  {
    title: 'Path',
    cell: ({ spec }) => (
      <>
        <code>{String(spec['path'])}</code>
        {spec['match'] === 'prefix' ? <span className="quiet"> and below</span> : null}
      </>
    ),
  },
  { title: 'For', cell: (route) => (exposureOf(route) === 'public' ? 'the internet' : 'private networks') },
]

const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

const releases = { draft: 'In the draft', live: 'Live now' } as const

interface RoutePanelProps {
  readonly where: Where
  readonly name: string
  /** Of the draft; undefined: it is not there, or not yet. */
  readonly route: ConfigObject | undefined
}

function RoutePanel({ where, name, route }: RoutePanelProps) {
  const api = useApi()
  const release = useAddress().query.get('release') === 'live' ? 'live' : 'draft'
  const policy = useAnswer(`policy ${where.tenant} ${where.environment} ${name} ${release}`, (signal) =>
    api.call('getEffectivePolicy', { params: { ...where, route: name }, query: { release }, signal }),
  )
  return (
    <Panel title={name} closed={{ query: { route: null, release: null } }}>
      <fieldset className="actions" aria-label="Which configuration">
        {(['draft', 'live'] as const).map((each) => (
          <label key={each} className="check">
            <input
              type="radio"
              name="release"
              checked={release === each}
              onChange={() => go({ query: { release: each === 'draft' ? null : each } }, 'replace')}
            />
            {releases[each]}
          </label>
        ))}
      </fieldset>
      <Loaded kept={policy} of="policy">
        {(found) => (
          <Effective policy={found} {...(release === 'draft' && route ? { exposure: exposureOf(route) } : {})} />
        )}
      </Loaded>
      <p>
        <Link to={toPage('/explain', { release })}>Try a request</Link>
      </p>
    </Panel>
  )
}

const exposureOf = ({ spec }: ConfigObject) => (spec['exposure'] === 'public' ? 'public' : 'internal')

interface EffectiveProps {
  readonly policy: EffectivePolicy
  readonly exposure?: 'public' | 'internal'
}

function Effective({ policy: { access, limits, https }, exposure }: EffectiveProps) {
  return (
    <>
      <section aria-labelledby="who">
        <h3 id="who">Who may call</h3>
        {access === null ? (
          <p>
            <Chip kind="refused" label="Nobody" /> No access policy is on this route, its service or the environment, so
            it is closed.
          </p>
        ) : (
          <>
            <ul className="sentences">
              {accessSentences(access.spec, exposure).map(({ text, code }) => (
                <li key={text + (code ?? '')}>
                  {text} {code === undefined ? null : <code>{code}</code>}
                </li>
              ))}
            </ul>
            <From {...access} />
          </>
        )}
      </section>
      <section aria-labelledby="how-much">
        <h3 id="how-much">How much</h3>
        {limits.length === 0 ? <p className="aside">There is no limit.</p> : null}
        <ul className="sentences">
          {limits.map((limit) => (
            <li key={limit.name}>
              {limitSentence(limit.spec)}
              <From {...limit} />
            </li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="how">
        <h3 id="how">Over HTTPS</h3>
        {https === null ? (
          <p className="aside">It does not matter whether a request comes over HTTPS.</p>
        ) : (
          <>
            <p>{plainTexts[String(https.spec['plain'])] ?? JSON.stringify(https.spec)}</p>
            <From {...https} />
          </>
        )}
      </section>
    </>
  )
}

const plainTexts: Readonly<Record<string, string>> = {
  redirect: 'Requests without TLS are sent on to HTTPS, or refused where that would hide a leak.',
  refuse: 'Requests without TLS are refused.',
  allow: 'Requests without TLS go on.',
}

function limitSentence(spec: Readonly<Record<string, unknown>>): string {
  const { requests, bytes, window_ms: windowMs, algorithm, period, key = ['consumer'], shadow } = spec
  const counted = limitText({
    algorithm: limitAlgorithms.find((each) => each === algorithm),
    unit: bytes === undefined ? 'requests' : 'bytes',
    requests: Number(bytes ?? requests),
    window_ms: period === undefined ? Number(windowMs) : periodMs(period),
  })
  return `${counted} for each ${keyText(texts(key))}${shadow === true ? ', counted only: it refuses nobody' : ''}`
}

const places = { environment: 'the environment', service: 'the service', route: 'this route' } as const

/** Where a policy sits, and where it was written. */
function From({ name, origin, from }: Omit<NonNullable<EffectivePolicy['access']>, 'spec'>) {
  return (
    <p className="quiet">
      Policy <code>{name}</code> on {places[from]}
      {origin === '' ? null : `, ${origin}`}
    </p>
  )
}
