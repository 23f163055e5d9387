/**
 * From the options of `headgate protect` to configuration objects. Pure.
 *
 * @module
 */
import { usageError } from '#cli/exit.ts'
import type { SourceObject } from '#cli/files/objects.ts'
import { formatLimit, parseLimit } from '#cli/parse/limit.ts'

export interface ProtectOptions {
  readonly name: string
  readonly host?: readonly string[]
  readonly path: string
  readonly scope?: readonly string[]
  readonly anyKey?: boolean
  readonly public?: boolean
  /** From where it may be called. Default: everybody's APIs from everywhere, all others from private networks. */
  readonly exposure?: 'public' | 'internal'
  readonly reason?: string
  readonly owner?: string
  readonly limit: string
  readonly dataLabel: string
}

export interface Protection {
  readonly name: string
  /** Stands where a file and a line would; marks the objects as ours. */
  readonly origin: string
  readonly target: string
  readonly hosts: readonly string[]
  readonly path: string
  readonly scopes: readonly string[]
  readonly isPublic: boolean
  readonly exposure: 'public' | 'internal'
  readonly limit: string
  readonly objects: readonly SourceObject[]
}

/** @throws CliError when the options do not make sense together. */
export function planProtection(url: string, options: ProtectOptions, operator: string): Protection {
  const { name, host = [], anyKey = false, public: isPublic = false, reason } = options
  const target = targetOf(url)
  const path = pathOf(options.path)
  const limit = parseLimit(options.limit)
  if (limit === undefined) throw usageError(`--limit ${options.limit} is not a limit`, 'Such as 100/1m')
  if (isPublic && reason === undefined) throw usageError('--public needs --reason', 'Say why everybody may call it')
  if (isPublic && (anyKey || options.scope !== undefined))
    throw usageError('--public asks for no key: leave --scope and --any-key away')
  if (anyKey && options.scope !== undefined) throw usageError('give either --scope or --any-key')
  const owner = options.owner ?? operator
  const exposure = options.exposure ?? (isPublic ? 'public' : 'internal')
  // A key of another API of the environment must not open this one by itself.
  const scopes = isPublic || anyKey ? [] : (options.scope ?? [`${name}:call`])
  const origin = `headgate protect ${name}`
  const object = (kind: SourceObject['kind'], objectName: string, spec: SourceObject['spec']): SourceObject => ({
    kind,
    name: objectName,
    spec,
    origin,
  })
  const access = isPublic
    ? { public: { owner, reason } }
    : { credentials: [{ kind: 'api_key' }], ...(scopes.length === 0 ? {} : { scopes }) }
  return {
    name,
    origin,
    target,
    hosts: host,
    path,
    scopes,
    isPublic,
    exposure,
    limit: formatLimit(limit),
    objects: [
      object('service', name, { owner, data_label: options.dataLabel, targets: [{ url: target }] }),
      object('route', name, {
        service: name,
        exposure,
        ...(host.length === 0 ? {} : { hosts: host }),
        path,
        match: 'prefix',
      }),
      object('policy', `${name}.access`, { type: 'access', on: { route: name }, ...access }),
      object('policy', `${name}.limit`, {
        type: 'limit',
        on: { service: name },
        requests: limit.requests,
        window_ms: limit.windowMs,
        key: ['consumer'],
      }),
    ],
  }
}

/** `localhost:3000` is http://localhost:3000. */
function targetOf(text: string): string {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw usageError(`${text} is not an http:// or https:// address`, 'Such as http://localhost:3000')
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw usageError(
      `${text} has more than scheme, host and port`,
      `Paths stay as they are: ${url.origin}, and --path ${url.pathname}`,
    )
  }
  return url.origin
}

/** `/billing/*` and `/billing/` mean `/billing`: the prefix holds both. */
function pathOf(text: string): string {
  const path = text.replace(/\/\*?$/, '')
  if (path === '') return '/'
  if (!path.startsWith('/')) throw usageError(`--path ${text} is not a path`, `Such as /${path}`)
  return path
}
