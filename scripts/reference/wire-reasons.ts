/**
 * Reasons with which the HTTP engine of an agent refuses what is no request yet.
 *
 * Status and title are read out of the agent's file: nothing else needs them, so they are not part of `core`.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from '../tooling/paths.ts'
import type { ReasonText } from './reasons.ts'

const FILE = 'agent/src/http/wire-reasons.ts'

export interface WireReason extends ReasonText {
  readonly code: string
  readonly status: number
  readonly title: string
}

const texts: Readonly<Record<string, ReasonText>> = {
  framing_invalid: {
    meaning:
      'The bytes are not HTTP/1.1 that every server reads in the same way: two lengths, a bad chunk, a line that ends oddly. The connection is closed, because nobody knows where the next request begins.',
    fix: 'Use an ordinary HTTP client, and look at proxies between it and the agent.',
  },
  handshake_invalid: {
    meaning: 'The request asks for a WebSocket, but not as RFC 6455 says.',
    fix: 'Use a WebSocket client of version 13.',
  },
  head_too_large: {
    meaning: 'The request line or the header fields are longer than the agent reads.',
    fix: 'Send smaller fields; cookies are the usual reason.',
  },
  request_timeout: {
    meaning: 'The request did not arrive as a whole within the time for it.',
    fix: 'Send it in one go.',
  },
  expectation_unknown: {
    meaning: 'The request has `Expect` with something else than `100-continue`.',
    fix: 'Leave the field away.',
  },
  internal_error: {
    meaning: 'The agent has a fault. The request was not forwarded.',
    fix: 'Look the request id up in the log of the agent, and report it.',
  },
}

/** @throws Error for a reason without a text here, and for a text without a reason. */
export async function wireReasons(): Promise<readonly WireReason[]> {
  const source = await readFile(join(ROOT, FILE), 'utf8')
  const found = [...source.matchAll(/^ {2}([a-z_]+): \{ status: (\d{3}), title: '([^']+)' \},$/gm)]
  const codes = found.map(([, code = '']) => code)
  const missing = [
    ...codes.filter((code) => texts[code] === undefined),
    ...Object.keys(texts).filter((code) => !codes.includes(code)),
  ]
  if (missing.length > 0) throw new Error(`${FILE} and ${import.meta.filename} differ in ${missing.join(', ')}`)
  return found.flatMap(([, code = '', status, title = '']) => {
    const text = texts[code]
    return text === undefined ? [] : [{ code, status: Number(status), title, ...text }]
  })
}
