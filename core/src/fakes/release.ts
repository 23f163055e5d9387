/**
 * Small releases for tests: objects in one line each, and releases that must compile.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { compile, type Finding, type ObjectInput, type ReleaseInput } from '#core/compile.ts'
import type { CompiledRelease } from '#core/release.ts'

type Spec = Readonly<Record<string, unknown>>

/** An object whose origin is `f:kind/name`. */
export function object(kind: string, name: string, spec: unknown): ObjectInput {
  return { kind, name, spec, origin: `f:${kind}/${name}` }
}

/** A service with an owner and a target. */
export function service(name: string, spec: Spec = {}): ObjectInput {
  return object('service', name, { owner: 'team', targets: [{ url: 'http://127.0.0.1:9000' }], ...spec })
}

/** A route of the service `shop`, unless the spec says otherwise. */
export function route(name: string, path: string, spec: Spec = {}): ObjectInput {
  return object('route', name, { service: 'shop', path, ...spec })
}

/** An access policy that asks for an API key. */
export function keyed(name: string, on: Spec, spec: Spec = {}): ObjectInput {
  return object('policy', name, { type: 'access', on, credentials: [{ kind: 'api_key' }], ...spec })
}

/** An access policy that lets everybody in. */
export function open(name: string, on: Spec): ObjectInput {
  return object('policy', name, { type: 'access', on, public: { owner: 'team', reason: 'open to all' } })
}

/** A limit of so many requests a minute. */
export function limit(name: string, on: Spec, requests: number, spec: Spec = {}): ObjectInput {
  return object('policy', name, { type: 'limit', on, requests, window_ms: 60_000, ...spec })
}

/** What becomes of requests without TLS. */
export function https(name: string, on: Spec, plain: 'redirect' | 'refuse' | 'allow', spec: Spec = {}): ObjectInput {
  return object('policy', name, { type: 'https', on, plain, ...spec })
}

/** A certificate of which only the form is right. */
export function certificate(name: string, hosts: readonly string[], spec: Spec = {}): ObjectInput {
  const chain = '-----BEGIN CERTIFICATE-----\nof a test\n-----END CERTIFICATE-----'
  return object('certificate', name, { hosts, chain, key: 'env://KEY', ...spec })
}

/** Attached to the environment. */
export const environment = { environment: true } as const

/** Release 1 of tenant `acme`, environment `production`. */
export function input(...objects: readonly ObjectInput[]): ReleaseInput {
  return { tenant: 'acme', environment: 'production', number: 1, objects }
}

/** Compiles what must be right; `service('shop')` is added when it is missing. */
export function compiled(...objects: readonly ObjectInput[]): CompiledRelease {
  const result = compile(input(...withShop(objects)))
  assert.equal(result.kind, 'compiled', JSON.stringify(result))
  // The assertion above holds; `assert.equal` does not narrow.
  if (result.kind !== 'compiled') throw new TypeError('refused')
  return result.release
}

/** All findings, whether the release compiles or not. */
export function findingsOf(...objects: readonly ObjectInput[]): readonly Finding[] {
  const result = compile(input(...withShop(objects)))
  return result.kind === 'compiled' ? result.warnings : result.findings
}

/** Findings in short: `severity code object pointer`. */
export function shortFindings(...objects: readonly ObjectInput[]): readonly string[] {
  return findingsOf(...objects).map(({ severity, code, object: about, pointer }) =>
    `${severity} ${code} ${about} ${pointer}`.trim(),
  )
}

function withShop(objects: readonly ObjectInput[]): readonly ObjectInput[] {
  const has = objects.some(({ kind, name }) => kind === 'service' && name === 'shop')
  return has ? objects : [service('shop'), ...objects]
}
