/**
 * Asks addresses how they are, at intervals of their own and never on the way of a request.
 *
 * Each check is one GET over a connection of its own, as a caller would connect: with the protocol, the name and the TLS
 * of the service. Pauses differ by a tenth, so that agents do not all ask at the same moment. Until the first check an
 * address counts as healthy, and the first one decides alone; later it takes several in a row.
 *
 * @module
 */
import { request as requestHttp } from 'node:http'
import { connect as connectHttp2, constants } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { connect, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { CompiledActiveHealth } from '@headgate/core'
import { errorText } from '@headgate/kit/errors.ts'
import type { ServiceAddress } from '#agent/http/io.ts'

/** What is asked. */
export interface CheckSubject {
  readonly address: ServiceAddress
  /** `Host`, unless the check has one of its own. */
  readonly host: string
  readonly protocol: 'http1' | 'http2'
}

/** Asks once. @returns null: it is healthy; else why not. Never rejects. */
export type Check = (subject: CheckSubject, rules: CompiledActiveHealth) => Promise<string | null>

export interface HealthChecks {
  /**
   * @param changed is called when the address is found to be other than it was.
   * @returns ends the checks.
   */
  watch(
    subject: CheckSubject,
    rules: CompiledActiveHealth,
    changed: (isHealthy: boolean, why: string | null) => void,
  ): () => void
}

/** Checks at a time; more wait. */
const CHECKS_MAX = 32
/** How much a pause may differ, as a share of it. */
const JITTER = 0.1
/** The first checks of a release are spread over so long, or one interval, in milliseconds. */
const FIRST_MS_MAX = 500

/** @param random a number from 0 up to 1. */
export function createHealthChecks(check: Check, random: () => number): HealthChecks {
  let running = 0
  const queue: (() => void)[] = []

  async function bounded(subject: CheckSubject, rules: CompiledActiveHealth): Promise<string | null> {
    if (running >= CHECKS_MAX) await new Promise<void>((resolve) => queue.push(resolve))
    running += 1
    try {
      return await check(subject, rules)
    } finally {
      running -= 1
      queue.shift()?.()
    }
  }

  return {
    watch: (subject, rules, changed) => {
      const { intervalMs, healthyAfter, unhealthyAfter } = rules
      let [isHealthy, inRow, stopped, isFirst] = [true, 0, false, true]
      let timer = setTimeout(() => void look(), random() * Math.min(FIRST_MS_MAX, intervalMs)).unref()

      async function look(): Promise<void> {
        const why = await bounded(subject, rules)
        if (stopped) return
        take(why)
        timer = setTimeout(() => void look(), intervalMs * (1 + JITTER * (2 * random() - 1))).unref()
      }

      function take(why: string | null): void {
        const isGood = why === null
        inRow = isGood === isHealthy ? 0 : inRow + 1
        const needed = isFirst ? 1 : isGood ? healthyAfter : unhealthyAfter
        isFirst = false
        if (inRow < needed) return
        isHealthy = isGood
        inRow = 0
        changed(isHealthy, why)
      }

      return () => {
        stopped = true
        clearTimeout(timer)
      }
    },
  }
}

/** Asks over the network. */
export const checkOnce: Check = async (subject, rules) => {
  const signal = AbortSignal.timeout(rules.timeoutMs)
  try {
    const ask = subject.protocol === 'http2' ? askHttp2 : askHttp1
    const status = await ask(subject, rules, signal)
    const isGood = rules.statuses === null ? status >= 200 && status < 300 : rules.statuses.includes(status)
    return isGood ? null : `answered ${status}`
  } catch (thrown) {
    return signal.aborted ? `did not answer within ${rules.timeoutMs} ms` : errorText(thrown)
  }
}

async function askHttp1(
  { address, host }: CheckSubject,
  { path, host: ownHost }: CompiledActiveHealth,
  signal: AbortSignal,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const common = { host: address.host, port: address.port, path, agent: false, signal }
  const headers = { host: ownHost ?? host, 'user-agent': 'headgate-health', connection: 'close' }
  const request =
    address.serverName === null
      ? requestHttp({ ...common, headers })
      : requestHttps({ ...common, ...tlsOptions(address, 'http/1.1'), headers })
  request.on('error', reject)
  request.on('response', (response) => {
    resolve(response.statusCode ?? 0)
    // Its body does not matter, and may be endless.
    response.destroy()
  })
  request.end()
  return await promise
}

async function askHttp2(
  { address, host }: CheckSubject,
  { path, host: ownHost }: CompiledActiveHealth,
  signal: AbortSignal,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const { host: ip, port } = address
  const isTls = address.serverName !== null
  const session = connectHttp2(`${isTls ? 'https' : 'http'}://service`, {
    createConnection: () =>
      isTls ? connectTls({ host: ip, port, ...tlsOptions(address, 'h2') }) : connect({ host: ip, port }),
  })
  session.on('error', reject)
  session.on('close', () => reject(new Error('the connection ended')))
  const abort = (): void => session.destroy()
  signal.addEventListener('abort', abort)
  try {
    const stream = session.request({
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_AUTHORITY]: ownHost ?? host,
      'user-agent': 'headgate-health',
    })
    stream.on('error', reject)
    stream.on('response', (fields) => resolve(fields[':status'] ?? 0))
    stream.end()
    return await promise
  } finally {
    signal.removeEventListener('abort', abort)
    session.destroy()
  }
}

function tlsOptions({ serverName, tls }: ServiceAddress, protocol: string): object {
  return {
    // A name of its own only where it is one: what is verified for an IP address is the address.
    ...(serverName !== null && isIP(serverName) === 0 && { servername: serverName }),
    ...(tls !== null && { secureContext: tls }),
    ALPNProtocols: [protocol],
  }
}
