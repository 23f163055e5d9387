/**
 * Client certificates by route: a listener that asks everybody, and routes that need one, or do not.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { createAuthority, type KeyedCertificate, pem } from '@headgate/kit/pki.ts'
import { issueRevocationList, issueUnusual } from '@headgate/kit/pki-testing.ts'
import { ConsumerSchema, CredentialSchema, CredentialState, type Directory, DirectorySchema } from '@headgate/proto'
import { ENVIRONMENT_ID, openRelease, setRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { startService, type TestService } from '#agent/testing/service.ts'
import { authority, ca, certificate, issue } from '#agent/testing/tls.ts'

const others = await createAuthority({ name: 'somebody else', nowMs: Date.now(), lifeMs: 3_600_000 })
const uri = (value: string) => ({ names: [{ type: 'url' as const, value }] })
const known = await issueUnusual(authority, uri('spiffe://acme/ci'))
const unknown = await issueUnusual(authority, uri('spiffe://acme/other'))
const foreign = await issueUnusual(others, uri('spiffe://acme/ci'))
const servers = { asks: await issue('asks.test'), theirs: await issue('theirs.test') }

const client = (keyed: KeyedCertificate | null): { cert?: string; key?: string } =>
  keyed === null ? {} : { cert: pem('CERTIFICATE', keyed.certificate), key: pem('PRIVATE KEY', keyed.privateKey) }

function directory(): Directory {
  const proof = { case: 'certificate' as const, value: { identity: 'uri:spiffe://acme/ci' } }
  const ci = { id: 'crd_ci', consumerId: 'cns_ci', state: CredentialState.ACTIVE }
  return create(DirectorySchema, {
    environmentId: ENVIRONMENT_ID,
    sequence: 1n,
    consumers: [create(ConsumerSchema, { id: 'cns_ci', name: 'ci' })],
    credentials: [create(CredentialSchema, { ...ci, proof })],
  })
}

async function start(service: TestService, crl?: string): Promise<TestAgent> {
  const agent = await startAgent({ directory: directory() })
  const asking = (of: string, lists?: string): object => ({
    client_certificates: { mode: 'optional', ca: of, ...(lists !== undefined && { crl: lists }) },
  })
  setRelease(agent.app.live, [
    ...openRelease(service.url),
    { kind: 'route', name: 'closed', spec: { service: 'shop', path: '/closed' } },
    {
      kind: 'policy',
      name: 'proven',
      spec: { type: 'access', on: { route: 'closed' }, credentials: [{ kind: 'mtls' }] },
    },
    await certificate('asks', 'asks.test', servers.asks, { ...asking(ca, crl) }),
    await certificate('theirs', 'theirs.test', servers.theirs, { ...asking(pem('CERTIFICATE', others.certificate)) }),
  ])
  await agent.app.certificates.settled()
  return agent
}

interface Answer {
  readonly status: number
  readonly code: string
}

type Ask = (url: string, path: string, keyed: KeyedCertificate | null, host?: string, name?: string) => Promise<Answer>

const answerOf = (status: number, body: string): Answer => ({
  status,
  code: status === 200 ? '' : (JSON.parse(body) as { code: string }).code,
})

const askHttp1: Ask = async (url, path, keyed, host = 'asks.test', servername = host) => {
  const { hostname, port } = new URL(url)
  const options = { host: hostname, port, path, servername, ca, headers: { host }, agent: false, ...client(keyed) }
  const outgoing = requestHttps(options).end()
  const [response] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage]
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return answerOf(response.statusCode ?? 0, body)
}

const askHttp2: Ask = async (url, path, keyed, host = 'asks.test', servername = host) => {
  const session = connectHttp2(url.replace('127.0.0.1', 'localhost'), { servername, ca, ...client(keyed) })
  const stream = session.request({ ':path': path, ':authority': host })
  const [headers] = (await once(stream, 'response')) as [import('node:http2').IncomingHttpHeaders]
  let body = ''
  for await (const chunk of stream) body += String(chunk)
  session.destroy()
  return answerOf(Number(headers[':status']), body)
}

for (const [protocol, ask] of [
  ['HTTP/1.1', askHttp1],
  ['HTTP/2', askHttp2],
] as const) {
  test(`${protocol}: a route with mtls needs a certificate of somebody who is known, other routes of the host do not`, async () => {
    await using service = await startService()
    await using agent = await start(service)
    for (const keyed of [null, known, unknown, foreign]) {
      assert.equal((await ask(agent.https, '/', keyed)).status, 200)
    }
    assert.deepEqual(await ask(agent.https, '/closed', null), { status: 401, code: 'credential_missing' })
    assert.deepEqual(await ask(agent.https, '/closed', unknown), { status: 401, code: 'certificate_unknown' })
    assert.deepEqual(await ask(agent.https, '/closed', foreign), { status: 401, code: 'certificate_untrusted' })
    assert.deepEqual(await ask(agent.https, '/closed', known), { status: 200, code: '' })
    assert.equal(agent.records.at(-1)?.principal?.consumer, 'ci')
    assert.equal(service.arrived.at(-1)?.field('x-headgate-consumer'), 'ci')
    assert.equal(service.arrived.length, 5)
  })

  test(`${protocol}: a certificate that was revoked, or whose list has ended, proves nobody where others still do`, async () => {
    await using service = await startService()
    const untrusted = { status: 401, code: 'certificate_untrusted' }
    await using agent = await start(service, await issueRevocationList(authority, [known.certificate]))
    assert.deepEqual(await ask(agent.https, '/closed', known), untrusted)
    assert.deepEqual(await ask(agent.https, '/closed', unknown), { status: 401, code: 'certificate_unknown' })
    assert.equal((await ask(agent.https, '/', known)).status, 200)
    const ended = await issueRevocationList(authority, [], { toMs: Date.now() - 60_000 })
    await using other = await start(service, ended)
    assert.deepEqual(await ask(other.https, '/closed', known), untrusted)
    assert.deepEqual(await ask(other.https, '/closed', null), { status: 401, code: 'credential_missing' })
  })

  // Guards against somebody with authorities of their own at another host of the agent.
  test(`${protocol}: what was proven to one host proves nothing to another, over the same connection`, async () => {
    await using service = await startService()
    await using agent = await start(service)
    assert.deepEqual(await ask(agent.https, '/closed', foreign, 'theirs.test'), { status: 200, code: '' })
    const through = await ask(agent.https, '/closed', foreign, 'asks.test', 'theirs.test')
    assert.deepEqual(through, { status: 401, code: 'credential_missing' })
  })
}
