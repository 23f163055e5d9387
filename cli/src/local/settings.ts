/**
 * What a local start can be told, and what it tells the programs. Pure.
 *
 * @module
 */
import type { Folder } from './folder.ts'
import type { WantedPort } from './ports.ts'
import { LOCAL } from './setup.ts'

/** TCP ports on loopback; 0: a free one, for Postgres only. */
export interface LocalPorts {
  readonly rest: number
  readonly link: number
  readonly http: number
  readonly https: number
  readonly sample: number
  readonly postgres: number
}

export interface LocalOptions {
  readonly folder: Folder
  readonly ports: LocalPorts
  readonly sample: boolean
  /** Longest wait for any single step, in milliseconds. */
  readonly stepMs: number
}

/** Time for requests in flight, in milliseconds. Short: this is a try-out, and somebody waits at a prompt. */
export const DRAIN_MS = 3_000

/** What has to be free. Postgres finds a port by itself. */
export function wantedPorts({ ports, sample }: LocalOptions): readonly WantedPort[] {
  const at = (what: string, name: keyof LocalPorts): WantedPort => ({
    what,
    address: `127.0.0.1:${ports[name]}`,
    setting: `--port-${name}`,
  })
  return [
    at('Dashboard and admin API', 'rest'),
    at('Agent link', 'link'),
    at('HTTP', 'http'),
    at('HTTPS', 'https'),
    ...(sample ? [at('Sample API', 'sample')] : []),
  ]
}

export function controlPlaneEnvironment(
  { folder, ports }: LocalOptions,
  url: string,
  databaseUrl: string,
): Record<string, string> {
  return {
    HEADGATE_DATABASE_URL: databaseUrl,
    HEADGATE_REST_LISTEN: `127.0.0.1:${ports.rest}`,
    HEADGATE_LINK_LISTEN: `127.0.0.1:${ports.link}`,
    HEADGATE_LINK_ADDRESS: linkAddress({ ports }),
    HEADGATE_DRAIN_MS: String(DRAIN_MS),
    HEADGATE_PUBLIC_URL: url,
    HEADGATE_MASTER_KEY_FILE: folder.masterKey,
    HEADGATE_TLS_CERT: folder.certificate,
    HEADGATE_TLS_KEY: folder.certificateKey,
    HEADGATE_STATE_DIR: folder.controlPlane,
    HEADGATE_FIRST_RUN_FILE: folder.firstRun,
  }
}

/** Where agents reach the control plane. */
export function linkAddress({ ports }: Pick<LocalOptions, 'ports'>): string {
  return `127.0.0.1:${ports.link}`
}

/** @param token needed until the agent has an identity. */
export function agentEnvironment(
  { ports }: LocalOptions,
  stateDir: string,
  token: string | undefined,
): Record<string, string> {
  return {
    HEADGATE_HTTP_LISTEN: `127.0.0.1:${ports.http}`,
    HEADGATE_HTTPS_LISTEN: `127.0.0.1:${ports.https}`,
    HEADGATE_STATE_DIR: stateDir,
    HEADGATE_AGENT_NAME: LOCAL.agent,
    HEADGATE_DRAIN_MS: String(DRAIN_MS),
    ...(token === undefined ? {} : { HEADGATE_JOIN_TOKEN: token }),
  }
}
