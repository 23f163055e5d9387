/**
 * Sends the requests of case files to an agent: byte by byte over HTTP/1.1, or over HTTP/2.
 *
 * @module
 */
import { connect as connectHttp2 } from 'node:http2'
import { request as requestHttps } from 'node:https'
import type { CaseRequest } from '@headgate/core'
import type { SentCase } from '@headgate/core/testing/case-material.ts'
import { askHttp2 } from '#agent/http2/testing/ask.ts'
import type { ClientCertificate } from './case-agent.ts'
import type { TestAgent } from './agent.ts'
import { type RawResponse, sendRaw } from './raw-client.ts'
import { ca } from './tls.ts'

type Send = (
  agent: TestAgent,
  request: CaseRequest,
  sent: SentCase,
  client: ClientCertificate | undefined,
) => Promise<RawResponse>

export const transports: readonly (readonly [name: string, send: Send])[] = [
  ['HTTP/1.1', sendHttp1],
  ['HTTP/2', sendHttp2],
]

async function sendHttp1(
  agent: TestAgent,
  request: CaseRequest,
  sent: SentCase,
  client: ClientCertificate | undefined,
): Promise<RawResponse> {
  if (request.scheme === 'https') return await sendTls1(agent, request, sent, client)
  const fields = sent.headers.map(([name, value]) => `${name}: ${value}\r\n`)
  const host = request.host === null ? '' : `Host: ${request.host}\r\n`
  const bytes = `${request.method} ${sent.target} HTTP/1.1\r\n${host}${fields.join('')}\r\n`
  return await sendRaw(agent.http, bytes, request.method, request.address)
}

async function sendHttp2(
  agent: TestAgent,
  request: CaseRequest,
  sent: SentCase,
  client: ClientCertificate | undefined,
): Promise<RawResponse> {
  const { method, scheme, host, address } = request
  const fields = sent.headers.map(([name, value]) => [name.toLowerCase(), value] as const)
  // `:authority` beside the same `host` is one host, not two.
  const hostName = fields.some(([name]) => name === 'host') ? 'host' : ':authority'
  const named = host === null ? [] : [hostName, host]
  const list = [':method', method, ':scheme', scheme, ':path', sent.target, ...named, ...fields.flat()]
  const bodyBytes = Number(fields.find(([name]) => name === 'content-length')?.[1] ?? 0)
  if (scheme === 'http') return await askHttp2(agent.h2c, list, address, bodyBytes)
  // The socket is opened here, so that it can present a certificate and come from an address.
  const session = connectHttp2(agent.https, {
    strictSingleValueFields: false,
    ca,
    servername: host ?? '',
    localAddress: address,
    ...client,
  } as object)
  return await askHttp2(session, list, undefined, bodyBytes)
}

async function sendTls1(
  agent: TestAgent,
  { method, host, address }: CaseRequest,
  { target: path, headers }: SentCase,
  client: ClientCertificate | undefined,
): Promise<RawResponse> {
  const { hostname, port } = new URL(agent.https)
  const servername = host ?? ''
  const list = [['host', servername], ...headers].flat()
  const options = { host: hostname, port, servername, ca, method, path, localAddress: address, agent: false, ...client }
  return await new Promise((resolve, reject) => {
    const outgoing = requestHttps({ ...options, headers: list }, (response) => {
      let body = ''
      response.on('data', (piece: Buffer) => (body += piece.toString()))
      response.on('end', () => {
        const { rawHeaders, statusCode: status = 0 } = response
        const fields = rawHeaders.flatMap((name, at): (readonly [string, string])[] =>
          at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? '']] : [],
        )
        resolve({ status, fields, body, field: (name) => fields.find(([each]) => each === name)?.[1] })
      })
    })
    outgoing.on('error', reject).end()
  })
}
