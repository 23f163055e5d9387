/**
 * The admin endpoint over TLS, with real handshakes: who gets in, and what a change of files changes.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { get, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { createLog } from '@headgate/kit/log.ts'
import { createAuthority, type KeyedCertificate, pem } from '@headgate/kit/pki.ts'
import { temporaryFolder } from '@headgate/kit/testing.ts'
import { openRelease, startAgent } from '#agent/testing/agent.ts'
import { authority, ca, clientCertificate, issue } from '#agent/testing/tls.ts'
import { createAdminServer } from './admin.ts'
import type { AdminTlsOptions } from './admin-tls.ts'

const folder = temporaryFolder('admin')
const LOOPBACK = { host: '127.0.0.1', port: 0 }
const PAGES = ['/livez', '/readyz', '/metrics', '/state'] as const
const versions = ['TLSv1.2', 'TLSv1.3'] as const

const watchers = await createAuthority({ name: 'watchers', nowMs: Date.now(), lifeMs: 3_600_000 })
const strangers = await createAuthority({ name: 'strangers', nowMs: Date.now(), lifeMs: 3_600_000 })
const good = await clientCertificate(watchers)
const foreign = await clientCertificate(strangers)
const expired = await clientCertificate(watchers, { nowMs: Date.now() - 7_200_000 })
const [first, second] = await Promise.all([issue('agent.test'), issue('agent.test')])

/** Files of an endpoint, which can be changed. */
async function files(of: KeyedCertificate = watchers) {
  const path = (name: string): string => join(folder, `${crypto.randomUUID()}.${name}`)
  const [certificate, key, clientCa] = [path('chain.pem'), path('key.pem'), path('watchers.pem')]
  const present = async ({ certificate: der, privateKey }: KeyedCertificate): Promise<void> => {
    await writeFile(certificate, pem('CERTIFICATE', der))
    await writeFile(key, pem('PRIVATE KEY', privateKey), { mode: 0o600 })
  }
  const trust = async (text: string): Promise<void> => await writeFile(clientCa, text)
  await present(first)
  await trust(pem('CERTIFICATE', of.certificate))
  const references = { certificate: `file://${certificate}`, key: `file://${key}`, clientCa: `file://${clientCa}` }
  return { references, present, trust }
}

interface Page {
  readonly status: number
  readonly body: string
  /** Serial number of what was presented. */
  readonly presented: string
}

async function ask(url: string, path: string, more: RequestOptions = {}): Promise<Page> {
  const options = { ca, servername: 'agent.test', agent: false, ...more }
  return await new Promise((resolve, reject) => {
    const outgoing = get(`${url}${path}`, options, (response) => {
      let body = ''
      const { serialNumber: presented } = (response.socket as TLSSocket).getPeerCertificate()
      response.on('data', (piece: Buffer) => (body += piece.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, presented })).on('error', reject)
    })
    outgoing.on('error', reject)
  })
}

async function startAdmin(options: Partial<AdminTlsOptions>) {
  let logged = ''
  const log = createLog({ name: 'agent', level: 'info', destination: { write: (line) => void (logged += line) } })
  const { references, ...change } = await files()
  const server = await createAdminServer(LOOPBACK, {
    notReady: () => null,
    metrics: async () => await Promise.resolve('metrics'),
    state: () => ({ state: true }),
    tls: { ...references, env: {}, profile: 'intermediate', log, probesOpen: false, refreshMs: 5, ...options },
  })
  return { ...change, url: server.url, logged: () => logged, [Symbol.asyncDispose]: server[Symbol.asyncDispose] }
}

for (const version of versions) {
  const only = { minVersion: version, maxVersion: version } as const

  test(`${version}: every page of the admin endpoint is for those with a certificate of its authority`, async () => {
    const { references } = await files()
    await using agent = await startAgent({
      objects: openRelease('http://127.0.0.1:9'),
      settings: { adminListen: LOOPBACK, adminTls: { ...references, probesOpen: false } },
    })
    const url = agent.app.adminUrl ?? ''
    assert.match(url, /^https:/)
    for (const path of PAGES) {
      assert.equal((await ask(url, path, { ...only, ...good })).status, 200, path)
      await assert.rejects(ask(url, path, only), 'none')
      await assert.rejects(ask(url, path, { ...only, ...foreign }), 'of another authority')
      await assert.rejects(ask(url, path, { ...only, ...expired }), 'expired')
    }
    await assert.rejects(fetch(`${url.replace('https', 'http')}/livez`), 'plain HTTP')
  })

  test(`${version}: with open probes, whoever shows no good certificate gets those and nothing else`, async () => {
    const { references } = await files()
    await using agent = await startAgent({
      objects: openRelease('http://127.0.0.1:9'),
      settings: { adminListen: LOOPBACK, adminTls: { ...references, probesOpen: true } },
    })
    const url = agent.app.adminUrl ?? ''
    for (const client of [{}, foreign, expired]) {
      const statuses: number[] = []
      for (const path of [...PAGES, '/', '/livez/', '/%6civez', '/livez?x', '/metrics?/livez'])
        statuses.push((await ask(url, path, { ...only, ...client })).status)
      assert.deepEqual(statuses, [200, 200, 403, 403, 403, 403, 403, 200, 403])
    }
    for (const path of PAGES) assert.equal((await ask(url, path, { ...only, ...good })).status, 200, path)
  })

  // A session that was begun before a change must not outlive it.
  test(`${version}: a certificate is shown for every request: no session is taken up again, no connection kept`, async () => {
    await using admin = await startAdmin({})
    const port = Number(new URL(admin.url).port)
    let session: Buffer | undefined
    for (let times = 0; times < 2; times++) {
      const socket = connect({ host: '127.0.0.1', port, servername: 'agent.test', ca, ...good, ...only, session })
      let isReused: boolean | null = null
      socket.on('session', (ticket) => (session = ticket))
      socket.on('secureConnect', () => (isReused = socket.isSessionReused()))
      socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /state HTTP/1.1\r\nHost: a\r\n\r\n')
      let got = ''
      for await (const piece of socket as AsyncIterable<Buffer>) got += piece.toString()
      assert.equal(isReused, false)
      assert.match(got, /^HTTP\/1\.1 200 OK/)
      assert.ok(!got.includes('"state"'), 'the second request of a connection was answered')
    }
  })
}

test('files that change are followed: what is presented, and who gets in', async () => {
  await using admin = await startAdmin({})
  const before = await ask(admin.url, '/state', good)
  await admin.present(second)
  const isNew = async (): Promise<boolean> => (await ask(admin.url, '/state', good)).presented !== before.presented
  while (!(await isNew())) await sleep(5)
  await admin.trust(pem('CERTIFICATE', strangers.certificate))
  while ((await ask(admin.url, '/state', foreign).catch(() => null)) === null) await sleep(5)
  await assert.rejects(ask(admin.url, '/state', good), 'of the authority of before')
})

for (const [title, damage] of [
  ['authorities that are empty', async (admin: Changeable) => await admin.trust('')],
  ['authorities that are no certificates', async (admin: Changeable) => await admin.trust('nonsense')],
  [
    'a key of another certificate',
    async (admin: Changeable) => await admin.present({ ...first, privateKey: second.privateKey }),
  ],
] as const) {
  test(`${title} leave what worked before, open nothing, and are told about`, async () => {
    await using admin = await startAdmin({})
    await damage(admin)
    while (!admin.logged().includes('goes on with the certificates of before')) await sleep(5)
    await sleep(30)
    assert.equal((await ask(admin.url, '/state', good)).status, 200)
    await assert.rejects(ask(admin.url, '/state', foreign))
    await assert.rejects(ask(admin.url, '/state'))
    assert.equal(admin.logged().split('goes on with').length, 2, 'told once')
  })
}

test('an endpoint whose certificates cannot be used does not start, and says why', async () => {
  const { references, trust } = await files()
  const start = async (changed: object): Promise<unknown> =>
    await startAgent({
      settings: { adminListen: LOOPBACK, adminTls: { ...references, probesOpen: false, ...changed } },
    })
  await assert.rejects(start({ key: 'file:///nowhere/key.pem' }), /no usable certificates.*ENOENT/)
  await assert.rejects(start({ key: 'env://NOT_SET' }), /NOT_SET is not set/)
  await trust('')
  await assert.rejects(start({}), /holds no certificate/)
})

test('what is presented may come from the environment', async () => {
  const env = {
    CHAIN: pem('CERTIFICATE', first.certificate),
    KEY: pem('PRIVATE KEY', first.privateKey),
    CA: pem('CERTIFICATE', authority.certificate),
  }
  await using agent = await startAgent({
    env,
    settings: {
      adminListen: LOOPBACK,
      adminTls: { certificate: 'env://CHAIN', key: 'env://KEY', clientCa: 'env://CA', probesOpen: false },
    },
  })
  assert.equal((await ask(agent.app.adminUrl ?? '', '/livez', await clientCertificate())).status, 200)
})

type Changeable = Pick<Awaited<ReturnType<typeof files>>, 'present' | 'trust'>
