import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { createLog } from '@headgate/kit/log.ts'
import { jwtVerify } from 'jose'
import { serveNode } from '#agent/testing/node-service.ts'
import { serviceReference } from '#agent/testing/upstream.ts'
import { createStillClock, type StillClock } from '#agent/upstream/testing/still-clock.ts'
import { followToken } from './follow-token.ts'

/** What the issuer is asked, and what it answers. */
interface Issuer extends AsyncDisposable {
  readonly url: string
  readonly asked: { readonly authorization: string | undefined; readonly form: URLSearchParams }[]
  answer: { readonly status?: number; readonly body: unknown }
}

async function startIssuer(): Promise<Issuer> {
  const asked: Issuer['asked'] = []
  const service = await serveNode((request, response) => {
    let body = ''
    request.on('data', (piece: Buffer) => (body += piece.toString()))
    request.on('end', () => {
      asked.push({ authorization: request.headers.authorization, form: new URLSearchParams(body) })
      response.writeHead(issuer.answer.status ?? 200)
      response.end(typeof issuer.answer.body === 'string' ? issuer.answer.body : JSON.stringify(issuer.answer.body))
    })
  })
  const issuer: Issuer = {
    url: `${service.url}/token`,
    asked,
    answer: { body: token('one') },
    [Symbol.asyncDispose]: async () => await service[Symbol.asyncDispose](),
  }
  return issuer
}

const token = (text: string, more: object = {}): object => ({
  access_token: text,
  token_type: 'Bearer',
  expires_in: 100,
  ...more,
})

const SECRET_CLIENT = { method: 'client_secret_basic', client_id: 'agent', secret: 'env://S' }

interface Followed {
  readonly told: (string | null)[]
  readonly clock: StillClock
  readonly logged: () => string
}

function follow(
  t: TestContext,
  { url }: Issuer,
  spec: object = {},
  env: Record<string, string> = { S: 's3cret' },
): Followed {
  const whole = { kind: 'oauth', token_url: url, client: SECRET_CLIENT, private_addresses: true, ...spec }
  const { authentication } = serviceReference(['http://a'], { authentication: whole })
  assert.ok(authentication?.kind === 'oauth')
  let logged = ''
  const stop = new AbortController()
  const [told, clock]: [(string | null)[], StillClock] = [[], createStillClock()]
  const log = createLog({ name: 'test', level: 'info', destination: { write: (line) => void (logged += line) } })
  const tell = (value: string | null): void => void told.push(value)
  const running = followToken(authentication, { env, clock, log, signal: stop.signal, tell, report: () => {} })
  t.after(async () => {
    stop.abort()
    await running
  })
  return { told, clock, logged: () => logged }
}

test('a token is asked for with everything that was said, and is what the field says', async (t) => {
  await using issuer = await startIssuer()
  const more = { scopes: ['a', 'b'], audience: 'orders', resource: 'https://orders.test/' }
  const { told, clock } = follow(t, issuer, more, { S: 's3 cret%\n' })
  await clock.asleep()
  assert.deepEqual(told, ['Bearer one'])
  const [asked] = issuer.asked
  assert.equal(asked?.authorization, `Basic ${Buffer.from('agent:s3+cret%25').toString('base64')}`)
  assert.deepEqual(Object.fromEntries(asked?.form ?? []), {
    grant_type: 'client_credentials',
    scope: 'a b',
    audience: 'orders',
    resource: 'https://orders.test/',
  })
})

test('a client with a key proves itself by a statement, for the token address or whom else was said', async (t) => {
  await using issuer = await startIssuer()
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pkcs8 = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  for (const [spec, audience] of [
    [{}, issuer.url],
    [{ issuer: 'https://login.test' }, 'https://login.test'],
  ] as const) {
    const client = { method: 'private_key_jwt', client_id: 'agent', key: 'env://K', key_id: 'k1' }
    const { clock } = follow(t, issuer, { client, ...spec }, { K: pkcs8 })
    await clock.asleep()
    const form = issuer.asked.at(-1)?.form
    const currentDate = new Date(clock.now())
    const verified = await jwtVerify(form?.get('client_assertion') ?? '', publicKey, { audience, currentDate })
    assert.deepEqual(
      [verified.protectedHeader.kid, verified.payload.sub, verified.payload.iss],
      ['k1', 'agent', 'agent'],
    )
    assert.equal(issuer.asked.at(-1)?.authorization, undefined)
  }
})

test('a token is replaced at three quarters of its life, with nobody waiting for it', async (t) => {
  await using issuer = await startIssuer()
  const { told, clock } = follow(t, issuer)
  await clock.asleep()
  assert.deepEqual(clock.sleeping, [75_000])
  issuer.answer = { body: token('two') }
  clock.pass(75_000)
  await clock.asleep()
  assert.deepEqual(told, ['Bearer one', 'Bearer two'])
  assert.equal(issuer.asked.length, 2)
})

test('while the issuer is down a token stays until its end, then there is none, and a new one comes by itself', async (t) => {
  await using issuer = await startIssuer()
  const { told, clock, logged } = follow(t, issuer)
  await clock.asleep()
  issuer.answer = { status: 503, body: 'down' }
  clock.pass(75_000)
  await clock.asleep()
  // 1, 2, 4 and 8 seconds later, and no more within the 20 that are left.
  for (const pauseMs of [1_000, 2_000, 4_000, 8_000]) {
    assert.deepEqual(clock.sleeping, [pauseMs])
    assert.deepEqual(told, ['Bearer one'])
    clock.pass(pauseMs)
    await clock.asleep()
  }
  assert.deepEqual(clock.sleeping, [5_000])
  clock.pass(5_000)
  await clock.asleep()
  assert.deepEqual(told, ['Bearer one', null])
  issuer.answer = { body: token('two') }
  clock.pass(30_000)
  await clock.asleep()
  assert.deepEqual(told, ['Bearer one', null, 'Bearer two'])
  assert.ok(!logged().includes('s3cret') && !logged().includes('Bearer'))
})

test('an issuer that gives nothing at first is asked again, and those who wait are told once', async (t) => {
  await using issuer = await startIssuer()
  issuer.answer = { status: 400, body: { error: 'invalid_scope', error_description: 'of s3cret' } }
  const { told, clock, logged } = follow(t, issuer)
  await clock.asleep()
  clock.pass(1_000)
  await clock.asleep()
  assert.deepEqual(told, [null])
  assert.match(logged(), /the issuer answers 400 invalid_scope/)
  assert.ok(!logged().includes('s3cret'))
  issuer.answer = { body: token('one') }
  clock.pass(2_000)
  await clock.asleep()
  assert.deepEqual(told, [null, 'Bearer one'])
})

for (const [title, body] of [
  ['no token', { token_type: 'Bearer', expires_in: 100 }],
  ['a token with a line end', token('a\r\nX-Admin: 1')],
  ['a token that is longer than fits', token('a'.repeat(8_001))],
  ['a token of another kind', token('a', { token_type: 'DPoP' })],
  ['a life of nothing', token('a', { expires_in: 0 })],
  ['a life that is no number', token('a', { expires_in: 'long' })],
  ['no JSON', 'access_token=a'],
  ['a name twice', '{"access_token":"a","access_token":"b","token_type":"Bearer"}'],
] as const) {
  test(`an answer with ${title} is none`, async (t) => {
    await using issuer = await startIssuer()
    issuer.answer = { body }
    const { told, clock } = follow(t, issuer)
    await clock.asleep()
    assert.deepEqual(told, [null])
  })
}

test('a life that is not said is five minutes, and one in a text is read', async (t) => {
  await using issuer = await startIssuer()
  for (const [expires, pauseMs] of [
    [undefined, 225_000],
    ['400', 300_000],
    [1e9, 64_800_000],
  ] as const) {
    issuer.answer = { body: token('a', { expires_in: expires }) }
    const { clock } = follow(t, issuer)
    await clock.asleep()
    assert.deepEqual(clock.sleeping, [pauseMs])
  }
})

// Whoever writes a service could else have us ask whatever stands in our network.
test('an issuer in a private network is not asked unless that is allowed', async (t) => {
  await using issuer = await startIssuer()
  const { told, clock } = follow(
    t,
    { ...issuer, url: issuer.url.replace('http:', 'https:') },
    { private_addresses: false },
  )
  await clock.asleep()
  assert.deepEqual([told, issuer.asked.length], [[null], 0])
})
