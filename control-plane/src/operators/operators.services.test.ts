import type { Problem } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { createDatabase } from '@headgate/prisma'
import { createTestDatabase } from '@headgate/prisma/testing.ts'
import { newPlace } from '#control-plane/fakes/configuration.ts'
import { PUBLIC_URL, type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import type { RawAnswer } from '#control-plane/fakes/https-fetch.ts'
import { refusal } from '#control-plane/fakes/refusal.ts'
import { watchFirstRun } from './first-run.ts'

let controlPlane: TestControlPlane

before(async () => {
  controlPlane = await startControlPlane()
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

const client = () => controlPlane.owner.client
const db = () => controlPlane.app.db

async function newCode(): Promise<string> {
  return (await client().call('createWelcomeLink')).url.split('#')[1] ?? ''
}

function welcome(body: object, headers: Record<string, string> = {}): Promise<RawAnswer> {
  return controlPlane.send({ method: 'POST', path: '/v1/welcome', body: JSON.stringify(body), headers })
}

async function newSession(): Promise<string> {
  return (await welcome({ code: await newCode() })).headers['set-cookie']?.[0]?.split(';')[0] ?? ''
}

const codeOf = ({ json }: RawAnswer): string => (json as Problem).code

test('200 a welcome link gives a session cookie that scripts and other sites cannot use', async () => {
  const answer = await welcome({ code: await newCode() })
  assert.equal(answer.status, 200)
  const cookie = answer.headers['set-cookie']?.[0] ?? ''
  for (const part of [
    /^__Host-headgate=[0-9A-Za-z]{43};/,
    /; Path=\//,
    /; Secure/,
    /; HttpOnly/,
    /; SameSite=Strict/,
    /; Max-Age=43200$/,
  ]) {
    assert.match(cookie, part)
  }
  assert.equal((answer.json as { token: unknown }).token, null)
})

test('401 for a welcome link that was used, is unknown, or is older than ten minutes', async () => {
  const code = await newCode()
  await welcome({ code })
  assert.equal(codeOf(await welcome({ code })), 'welcome_code_invalid')
  assert.equal(codeOf(await welcome({ code: 'x'.repeat(43) })), 'welcome_code_invalid')
  const old = await newCode()
  await db().welcomeLink.updateMany({ where: { usedAt: null }, data: { expiresAt: new Date(Date.now() - 1) } })
  assert.equal((await welcome({ code: old })).status, 401)
})

test('of ten that use one welcome link at once, one gets in', async () => {
  const code = await newCode()
  const answers = await Promise.all(Array.from({ length: 10 }, () => welcome({ code })))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
})

test('a session reads, and writes only for requests of our own pages', async () => {
  const cookie = await newSession()
  assert.equal((await controlPlane.send({ method: 'GET', path: '/v1/whoami', headers: { cookie } })).status, 200)
  const write = (headers: Record<string, string>) =>
    controlPlane.send({ method: 'POST', path: '/v1/welcome-links', headers: { cookie, ...headers } })
  const own = { 'x-headgate-request': '1' }
  assert.equal((await write({ ...own, origin: PUBLIC_URL })).status, 201)
  assert.equal((await write({ ...own, 'sec-fetch-site': 'same-origin' })).status, 201)
  for (const headers of [
    {},
    own,
    { origin: PUBLIC_URL },
    { ...own, origin: 'https://evil.example' },
    { ...own, origin: 'null' },
    { ...own, origin: PUBLIC_URL, 'sec-fetch-site': 'cross-site' },
    { ...own, 'sec-fetch-site': 'same-site' },
  ] as Record<string, string>[]) {
    const answer = await write(headers)
    assert.equal(answer.status, 403, JSON.stringify(headers))
    assert.equal(codeOf(answer), 'csrf')
  }
})

test('403 when another site makes a browser use a welcome link', async () => {
  assert.equal(codeOf(await welcome({ code: await newCode() }, { origin: 'https://evil.example' })), 'csrf')
})

test('401 after signing out, with a cookie that is given twice, and for a token that is wrong beside a cookie that is right', async () => {
  const cookie = await newSession()
  const whoami = (headers: Record<string, string>) => controlPlane.send({ method: 'GET', path: '/v1/whoami', headers })
  assert.equal((await whoami({ cookie: `${cookie}; ${cookie}` })).status, 401)
  assert.equal((await whoami({ cookie, authorization: `Bearer hgp_${'0'.repeat(43)}` })).status, 401)
  const out = await controlPlane.send({
    method: 'DELETE',
    path: '/v1/session',
    headers: { cookie, 'x-headgate-request': '1', origin: PUBLIC_URL },
  })
  assert.equal(out.status, 204)
  assert.match(out.headers['set-cookie']?.[0] ?? '', /Max-Age=0$/)
  assert.equal((await whoami({ cookie })).status, 401)
})

test('401 for a session after twelve hours, a token after its end, a revoked token, and a disabled operator', async () => {
  const cookie = await newSession()
  await db().session.updateMany({ data: { expiresAt: new Date(Date.now() - 1) } })
  assert.equal((await controlPlane.send({ method: 'GET', path: '/v1/whoami', headers: { cookie } })).status, 401)

  const status = async (token: string) => (await controlPlane.send({ method: 'GET', path: '/v1/whoami' }, token)).status
  const operator = 'leaver'
  await client().call('createOperator', { body: { name: operator, roles: [{ tenant: null, role: 'viewer' }] } })
  const create = () => client().call('createOperatorToken', { params: { operator }, body: { name: 't' } })
  const expired = await create()
  assert.equal(await status(expired.token), 200)
  await db().operatorToken.update({ where: { id: expired.id }, data: { expiresAt: new Date(Date.now() - 1) } })
  assert.equal(await status(expired.token), 401)
  const revoked = await create()
  await client().call('revokeOperatorToken', { params: { operator, token: revoked.id } })
  assert.equal(await status(revoked.token), 401)
  const last = await create()
  await client().call('updateOperator', { params: { operator }, body: { disabled: true } })
  assert.equal(await status(last.token), 401)
  assert.equal((await refusal(create())).code, 'state_conflict')
})

test('a token of a person ends after 90 days by itself, one of a service does not', async () => {
  for (const [kind, prefix, days] of [
    ['person', 'hgp_', 90],
    ['service', 'hgs_', null],
  ] as const) {
    await client().call('createOperator', {
      body: { name: `a-${kind}`, kind, roles: [{ tenant: null, role: 'viewer' }] },
    })
    const { token, expires_at } = await client().call('createOperatorToken', {
      params: { operator: `a-${kind}` },
      body: { name: 't' },
    })
    assert.match(token, new RegExp(`^${prefix}[0-9A-Za-z]{43}$`))
    assert.equal(expires_at === null ? null : Math.round((Date.parse(expires_at) - Date.now()) / 86_400_000), days)
  }
})

test('409 for the last owner: neither switched off nor made less', async () => {
  for (const body of [{ disabled: true }, { roles: [{ tenant: null, role: 'editor' as const }] }]) {
    assert.equal(
      (await refusal(client().call('updateOperator', { params: { operator: 'first' }, body }))).code,
      'state_conflict',
    )
  }
  assert.equal((await client().call('whoami')).operator.roles[0]?.role, 'owner')
})

// Guards against two owners who remove each other at once.
test('of two owners that switch each other off at once, one stays', async () => {
  const second = await controlPlane.operator([{ tenant: null, role: 'owner' }])
  const name = (await second.client.call('whoami')).operator.name
  const outcomes = await Promise.allSettled([
    client().call('updateOperator', { params: { operator: name }, body: { disabled: true } }),
    second.client.call('updateOperator', { params: { operator: 'first' }, body: { disabled: true } }),
  ])
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  // For the tests after this one.
  await db().operator.updateMany({ where: { name: 'first' }, data: { disabled: false } })
})

test('409 for a name that is taken, 404 for a tenant that is not there, 422 for two roles on one thing', async () => {
  const create = (name: string, roles: { tenant: string | null; role: 'viewer' }[]) =>
    client().call('createOperator', { body: { name, roles } })
  assert.equal((await refusal(create('first', [{ tenant: null, role: 'viewer' }]))).code, 'name_taken')
  assert.equal((await refusal(create('other', [{ tenant: 'nowhere', role: 'viewer' }]))).status, 404)
  const { tenant } = await newPlace(client())
  const twice = [
    { tenant, role: 'viewer' as const },
    { tenant, role: 'viewer' as const },
  ]
  assert.equal((await refusal(create('other', twice))).errors?.[0]?.pointer, '/roles/1')
})

test('409 for a tenant or environment whose name is taken', async () => {
  const { tenant, environment } = await newPlace(client())
  assert.equal((await refusal(client().call('createTenant', { body: { name: tenant } }))).code, 'name_taken')
  const again = client().call('createEnvironment', { params: { tenant }, body: { name: environment } })
  assert.equal((await refusal(again)).code, 'name_taken')
})

test('the first-run link is for nobody else than the first owner: unused links end with the first operator', async () => {
  await using database = await createTestDatabase()
  await using fresh = createDatabase(database.url)
  const directory = await mkdtemp(join(tmpdir(), 'headgate-first-run-'))
  const file = join(directory, 'link')
  const log = createLog({ name: 'test', level: 'silent' })
  const lines: string[] = []
  const options = {
    db: fresh,
    clock: systemClock,
    log,
    publicUrl: PUBLIC_URL,
    print: (line: string) => void lines.push(line),
  }
  try {
    await using toFile = await watchFirstRun({ ...options, file })
    assert.match(await readFile(file, 'utf8'), /^https:\/\/headgate\.test\/welcome#[0-9A-Za-z]{43}\n$/)
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    await using toOutput = await watchFirstRun({ ...options, file: undefined })
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /works once, for ten minutes: https:\/\/headgate\.test\/welcome#[0-9A-Za-z]{43}\n$/)
    assert.equal(await fresh.welcomeLink.count({ where: { operatorId: null, usedAt: null } }), 2)
    void toFile
    void toOutput
    await fresh.operator.create({ data: { id: 'op_1', name: 'somebody' } })
    await using later = await watchFirstRun({ ...options, file })
    void later
    await assert.rejects(readFile(file), { code: 'ENOENT' })
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('401 for a first-run link once somebody is there, and 422 for the first owner without a name', async () => {
  const link = async () => {
    const { createWelcomeLink } = await import('./welcome.ts')
    return (await createWelcomeLink(db(), PUBLIC_URL, null, Date.now())).url.split('#')[1]
  }
  const code = await link()
  const nameless = await welcome({ code })
  assert.equal(nameless.status, 422)
  assert.equal((nameless.json as Problem).errors?.[0]?.pointer, '/name')
  assert.equal(codeOf(await welcome({ code, name: 'intruder' })), 'welcome_code_invalid')
})

test('429 with Retry-After for somebody who tries welcome codes', async () => {
  await using strict = await startControlPlane({ env: { HEADGATE_WELCOMES_PER_MIN: '5' } })
  const statuses: number[] = []
  for (let index = 0; index < 7; index += 1) {
    const answer = await strict.send({
      method: 'POST',
      path: '/v1/welcome',
      body: JSON.stringify({ code: 'x'.repeat(43) }),
    })
    statuses.push(answer.status)
    if (answer.status === 429) assert.ok(Number(answer.headers['retry-after']) > 0)
  }
  assert.ok(statuses.includes(429), String(statuses))
})
