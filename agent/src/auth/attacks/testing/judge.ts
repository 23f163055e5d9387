/**
 * Sends an attack to the agent and says what was wrong with the outcome.
 *
 * Beside the reason it looks at what a refusal must not do: reach the service, name a rule, a consumer or an issuer, or
 * say back, log or record what was presented.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { request as httpsRequest } from 'node:https'
import { type Reason, reasons } from '@headgate/core'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { ca } from '#agent/testing/tls.ts'
import type { Attack, AttackRequest } from '#agent/auth/attacks/attack.ts'
import { ASKED_ISSUER, ASKED_SECRET, HOST } from './people.ts'
import { AUDIENCE, ISSUER, OTHER_ISSUER } from './forge.ts'
import type { Stand } from './stand.ts'

interface Answered {
  readonly status: number
  /** Names and values as they came. */
  readonly fields: readonly (readonly [string, string])[]
  readonly body: string
}

/** Everything that a caller has no business to hear. */
const INTERNAL = [
  'rule-of-',
  'case:',
  'acme',
  'globex',
  'sleepy',
  'cns_',
  'key_of_',
  'crd_',
  'spiffe',
  ISSUER,
  OTHER_ISSUER,
  ASKED_ISSUER,
  AUDIENCE,
  ASKED_SECRET,
  'env://',
  'orders:read',
  'node_modules',
  '.ts:',
]

/** What a problem may say. */
const MEMBERS = ['type', 'title', 'status', 'code', 'request_id']

export async function judge(stand: Stand, { expected, request }: Attack): Promise<readonly string[]> {
  const asked = await request()
  if (asked.before !== null) await check(stand, 'allowed', asked.before)
  await check(stand, expected, asked)
  return [...asked.secrets, ...(asked.before?.secrets ?? [])]
}

async function check({ agent, service }: Stand, expected: Reason | 'allowed', asked: AttackRequest): Promise<void> {
  const before = service.arrived.length
  const { status, fields, body } = await (asked.certificate === null
    ? sendClear(agent.http, asked)
    : sendOverTls(agent.https, asked, asked.certificate))
  const arrived = service.arrived.slice(before)
  if (expected === 'allowed') {
    assert.equal(status, 200, body)
    assert.equal(arrived.length, 1)
    const written = JSON.stringify(arrived[0])
    for (const secret of asked.secrets) assert.ok(!written.includes(secret), 'the credential went on to the service')
    // Some services cannot tell `_` from `-`.
    const named = arrived[0]?.fields.filter(([name]) => name.replaceAll('_', '-') === 'x-headgate-consumer') ?? []
    assert.deepEqual(named, [['x-headgate-consumer', 'acme']])
    return
  }
  assert.equal(arrived.length, 0, 'a refused request reached the service')
  const problem = JSON.parse(body) as Record<string, unknown>
  assert.deepEqual([problem['code'], status], [expected, reasons[expected].status])
  assert.deepEqual(Object.keys(problem), MEMBERS)
  const told = JSON.stringify([fields, body]).toLowerCase()
  for (const text of INTERNAL) assert.ok(!told.includes(text.toLowerCase()), `the refusal says ${text}: ${told}`)
  for (const secret of asked.secrets)
    assert.ok(!told.includes(secret.toLowerCase()), 'the refusal repeats the credential')
}

/** Of what was sent, whatever an operator could read of it. */
export function assertForgotten({ agent }: Stand, secrets: Iterable<string>): void {
  const kept = agent.logged() + JSON.stringify(agent.records)
  for (const secret of secrets) assert.ok(!kept.includes(secret), 'a credential is in the log or in a record')
}

async function sendClear(url: string, { method, target, fields }: AttackRequest): Promise<Answered> {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return await sendRaw(url, `${method} ${target} HTTP/1.1\r\nHost: ${HOST}\r\n${lines}\r\n`, method)
}

async function sendOverTls(
  url: string,
  { method, target, fields }: AttackRequest,
  { cert, key }: { readonly cert: string; readonly key: string },
): Promise<Answered> {
  const { hostname, port } = new URL(url)
  const presented = cert === '' ? {} : { cert, key }
  const headers = [['host', HOST], ...fields].flat()
  const options = {
    host: hostname,
    port,
    servername: HOST,
    ca,
    method,
    path: target,
    headers,
    agent: false,
    ...presented,
  }
  return await new Promise((resolve, reject) => {
    httpsRequest(options, (response) => {
      let body = ''
      response.setEncoding('latin1').on('data', (text: string) => (body += text))
      response.on('error', reject).on('end', () => {
        const values = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const)
        resolve({ status: response.statusCode ?? 0, fields: values, body })
      })
    })
      .on('error', reject)
      .end()
  })
}
