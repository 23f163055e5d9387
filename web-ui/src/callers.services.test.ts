/**
 * The pages about callers in a real Chromium: consumers and their credentials, keys, issuers and roles, access, limits,
 * bans, explain.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { panel, picture, query, skip, usePages } from './testing/pages.ts'

const pages = usePages()
const { visit } = pages

const toPage = (page: Page, name: string) => page.getByRole('navigation').getByRole('link', { name }).click()
const bodyOf = (id: string) => pages.fake.calls.findLast((call) => call.id === id)?.body

test('the pages are one click away, keep the environment, and Back returns', { skip }, async (t) => {
  const page = await visit(t, { path: '/?tenant=default&environment=dev&outcome=deny' })
  await toPage(page, 'Consumers')
  await page.getByRole('heading', { level: 1, name: 'Consumers' }).waitFor()
  assert.equal(new URL(page.url()).pathname, '/consumers')
  assert.deepEqual([query(page).get('environment'), query(page).get('outcome')], ['dev', null])
  for (const name of ['Keys', 'Issuers and roles', 'Limits', 'Bans', 'Access', 'Explain']) {
    await toPage(page, name)
    await page.getByRole('heading', { level: 1, name }).waitFor()
  }
  await page.goBack()
  await page.getByRole('heading', { level: 1, name: 'Access' }).waitFor()
})

test('a consumer shows what it can prove itself with, and when that was used', { skip }, async (t) => {
  const page = await visit(t, { path: '/consumers' })
  await page.getByRole('link', { name: 'alice' }).click()
  await panel(page).getByText('…Qd4x').waitFor()
  const text = await panel(page).innerText()
  for (const part of [
    'orders:read, invoices:read',
    'from 10.0.0.0/8',
    '100 requests / 1 min',
    ' min ago from 10.0.0.7 at local-1',
    'and still used',
    'uri:spiffe://acme.test/ns/build/sa/pipeline',
    '2 d ago',
    'alice-2026, hmac-sha256, secret at env://ALICE_SECRET',
    'never used',
  ]) {
    assert.ok(text.includes(part), part)
  }
  assert.equal(query(page).get('consumer'), 'alice')
  await page.keyboard.press('Escape')
  await panel(page).waitFor({ state: 'detached' })
})

test('roles are ticked, saved against the revision that was seen, and shown', { skip }, async (t) => {
  const page = await visit(t, { path: '/consumers?tenant=default&environment=dev&consumer=alice' })
  const save = panel(page).getByRole('button', { name: 'Save roles' })
  await panel(page)
    .getByLabel(/on-call/)
    .check()
  await save.click()
  await page.locator('tr[data-open]').getByText('reader, on-call').waitFor()
  assert.deepEqual(bodyOf('updateConsumer'), { roles: ['reader', 'on-call'] })
  assert.ok(await save.isDisabled())
})

test(
  'roles that somebody else changed meanwhile are refused with the reason, and nothing is lost',
  { skip },
  async (t) => {
    const page = await visit(t, { path: '/consumers?tenant=default&environment=dev&consumer=alice' })
    await panel(page)
      .getByLabel(/on-call/)
      .check()
    pages.fake.broken.set('updateConsumer', 'revision_stale')
    await panel(page).getByRole('button', { name: 'Save roles' }).click()
    await panel(page).getByRole('alert').getByText('Somebody changed it since you read it').waitFor()
    assert.ok(
      await panel(page)
        .getByLabel(/on-call/)
        .isChecked(),
    )
  },
)

test('a key is revoked only after a second look, with a receipt', { skip }, async (t) => {
  const page = await visit(t, { path: '/consumers?tenant=default&environment=dev&consumer=alice' })
  await panel(page).getByRole('button', { name: 'Revoke key …Qd4x…' }).click()
  assert.equal(bodyOf('revokeKey'), undefined)
  const question = panel(page).getByRole('group', { name: 'Revoke key …Qd4x?' })
  await picture(page, 'revoke')
  await question.getByRole('button', { name: 'Keep' }).click()
  await panel(page).getByRole('button', { name: 'Revoke key …Qd4x…' }).click()
  await question.getByRole('button', { name: 'Revoke' }).click()
  await panel(page).getByText('Acted on by 1 of 1 connected agents. Not connected').waitFor()
  const item = panel(page).locator('.credentials li').filter({ hasText: '…Qd4x' })
  await item.getByText('revoked', { exact: true }).waitFor()
  assert.equal(await item.getByRole('button').count(), 0)
})

test('a certificate is switched off and on', { skip }, async (t) => {
  const page = await visit(t, { path: '/consumers?tenant=default&environment=dev&consumer=alice' })
  const item = panel(page).locator('.credentials li').filter({ hasText: 'spiffe:' })
  await item.getByRole('button', { name: /^Switch .* off$/ }).click()
  await item.getByRole('button', { name: /^Switch .* on$/ }).waitFor()
  assert.deepEqual(bodyOf('updateCredential'), { disabled: true })
})

test('a viewer who may not change anything is told so, beside what was tried', { skip }, async (t) => {
  pages.fake.broken.set('updateKey', 'not_allowed')
  const page = await visit(t, { path: '/consumers?tenant=default&environment=dev&consumer=alice' })
  await panel(page).getByRole('button', { name: 'Switch key …Qd4x off' }).click()
  await panel(page).getByRole('alert').getByText('Your operator role does not allow this').waitFor()
})

test('the report of keys says what to look at, and leads to the consumer', { skip }, async (t) => {
  const page = await visit(t, { path: '/keys' })
  const neverUsed = page.locator('section.part').filter({ hasText: 'Never used' })
  await neverUsed.getByText('…Zz09').waitFor()
  assert.equal(await page.locator('section.part').filter({ hasText: 'Unused' }).count(), 0)
  const rotating = page.locator('section.part').filter({ hasText: 'Being rotated' })
  assert.match(await rotating.innerText(), /1 is still used[^]*…8sPk[^]*still used/)
  await page.getByText('decoy was presented').waitFor()
  // What others say of a leak is text, never a link.
  assert.equal(await page.getByRole('link', { name: /code\.example/ }).count(), 0)
  await page.getByLabel('Unused means for').selectOption('30')
  await page.waitForURL(/unused=30/)
  await neverUsed.getByRole('link', { name: 'alice' }).click()
  await panel(page).getByText('…Zz09').waitFor()
})

test('issuers say whose tokens count and how they are read; roles what they give', { skip }, async (t) => {
  const page = await visit(t, { path: '/issuers' })
  const idp = page.locator('.issuers > li').filter({ hasText: 'idp.example.com' })
  await idp.waitFor()
  assert.match(
    await idp.innerText(),
    /checked with the keys that its metadata names[^]*named by client_id; others are refused[^]*realm_access > roles[^]*email_verified is true/,
  )
  assert.ok(await page.getByText('asked about at https://login.partner.example/introspect').isVisible())
  assert.ok(await page.getByText('May repair orders in the night').isVisible())
})

test('who may call a route is told in sentences, every condition of it', { skip }, async (t) => {
  const page = await visit(t, { path: '/access' })
  await page.getByRole('link', { name: 'orders-write' }).click()
  await panel(page).getByText('The caller proves itself with one of these:').waitFor()
  const text = await panel(page).innerText()
  for (const part of [
    'a token that idp has signed, bound to a key or certificate of the caller',
    'a client certificate, known by its uri',
    'a signature over @method, @path and content-digest, at most 5 min old',
    'The caller has one of the scopes orders:write, admin',
    'The caller has one of the roles on-call',
    'The request comes from 198.51.100.0/24',
    'The request does not come from 198.51.100.66',
    'It is open Monday to Friday from 07:00 to 20:00 (Europe/Berlin)',
    "And this is true: request.headers['content-type'] == 'application/json'",
    'Policy orders-write.access on this route, headgate.yaml:31',
    '100 requests / 1 min for each consumer',
    '5,000,000 bytes per month for each tenant, counted only: it refuses nobody',
  ]) {
    assert.ok(text.includes(part), part)
  }
  await panel(page).getByLabel('Live now').check()
  await page.waitForURL(/release=live/)
})

test('an internal route is told to be for private networks', { skip }, async (t) => {
  const page = await visit(t, { path: '/access?tenant=default&environment=dev&route=reports' })
  await panel(page).getByText('Everybody may call. mira answers for that: for everybody inside').waitFor()
  await panel(page).getByText('The request comes from a private network').waitFor()
})

test('a route that nobody decided about is told to be closed', { skip }, async (t) => {
  const page = await visit(t, { path: '/access?tenant=default&environment=dev&route=lost' })
  await panel(page).getByText('so it is closed').waitFor()
})

test('a token is explained and kept nowhere', { skip }, async (t) => {
  const token = 'eyJhbGciOiJFUzI1NiJ9.e30.c2VjcmV0'
  const page = await visit(t, { path: '/explain' })
  await page.getByLabel('Path and query').fill('/orders/42?x=1')
  await page.getByLabel('Method').selectOption('DELETE')
  await page.getByLabel('Decided by').selectOption('draft')
  await page.getByLabel('a token or key that I paste').check()
  const field = page.getByLabel('Token or API key')
  const ask = page.getByRole('button', { name: 'Explain', exact: true })
  assert.ok(await ask.isDisabled(), 'nothing is asked without it')
  await field.fill(`Authorization: Bearer ${token}`)
  assert.equal(await field.getAttribute('type'), 'password')
  await ask.click()
  await page.locator('.rail').waitFor()
  await picture(page, 'explained')
  assert.deepEqual(bodyOf('explain'), {
    release: 'draft',
    request: {
      method: 'DELETE',
      target: '/orders/42?x=1',
      scheme: 'https',
      host: 'localhost',
      address: '127.0.0.1',
      headers: [],
      as_token: token,
    },
  })
  assert.equal(await field.inputValue(), '')
  const kept = await page.evaluate(() =>
    [localStorage, sessionStorage, history.state, document.cookie, document.documentElement.outerHTML, location.href]
      .map((each) => JSON.stringify(each))
      .join(),
  )
  assert.ok(!kept.includes('c2VjcmV0'))
  // The rest can be shared.
  assert.deepEqual(
    ['method', 'path', 'release'].map((name) => query(page).get(name)),
    ['DELETE', '/orders/42?x=1', 'draft'],
  )
})

test('claims that somebody would have are explained, once they are JSON', { skip }, async (t) => {
  const page = await visit(t, { path: '/explain' })
  await page.getByLabel('a token that would say what I write').check()
  await page.getByLabel('Issuer').selectOption('idp')
  const ask = page.getByRole('button', { name: 'Explain', exact: true })
  await page.getByLabel('Claims').fill('{"client_id": ')
  await page.getByText('This is not a JSON object.').waitFor()
  assert.ok(await ask.isDisabled())
  await page.getByLabel('Claims').fill('{"client_id": "billing"}')
  await ask.click()
  await page.locator('.rail').waitFor()
  const { request } = bodyOf('explain') as { request: Record<string, unknown> }
  assert.deepEqual(request['as_claims'], { issuer: 'idp', claims: { client_id: 'billing' } })
})

test('an explanation that is refused leaves no token behind either', { skip }, async (t) => {
  pages.fake.broken.set('explain', 'database_unavailable')
  const page = await visit(t, { path: '/explain' })
  await page.getByLabel('a token or key that I paste').check()
  await page.getByLabel('Token or API key').fill('eyJ.e30.c2VjcmV0')
  await page.getByRole('button', { name: 'Explain', exact: true }).click()
  await page.getByText('No explanation: The database cannot be reached').waitFor()
  assert.equal(await page.getByLabel('Token or API key').inputValue(), '')
})

test('limits say how much, for whom, where, who counts and how exact that is', { skip }, async (t) => {
  const page = await visit(t, { path: '/limits' })
  await page.getByText('orders.limit', { exact: true }).waitFor()
  const rows = page.locator('tbody tr')
  for (const [policy, ...parts] of [
    [
      'orders.limit',
      '1,000 requests / 1 min, 50 at once',
      'consumer and header x-team',
      'POST on orders-write counts 5',
      '4 routes of service orders',
      'and 1 more',
      'Each group through Redis',
      'Agents take a share ahead. While it is away, each agent counts its share',
      'At most 48 more than 1000 per minute over 4 agents; while Redis is away at most 48 more',
    ],
    ['default.public', '20 requests at a time', 'Each agent for itself', '1 route of the environment, public routes'],
    [
      'reports.trial',
      'shadow',
      '5,000,000 bytes per month (Europe/Berlin)',
      'no route of route gone',
      'all are refused',
    ],
  ] as const) {
    const text = await rows.filter({ hasText: policy }).innerText()
    for (const part of parts) assert.ok(text.includes(part), `${policy}: ${part}`)
  }
  assert.equal(await rows.filter({ hasText: 'refuses nobody' }).count(), 1, 'one of them is a shadow limit')
  await page.getByText('2 agent groups serve this environment').waitFor()
  await page.getByLabel('Of').selectOption('draft')
  await page.waitForURL(/release=draft/)
  await page.getByRole('link', { name: 'orders-write' }).click()
  await panel(page).getByText('Who may call').waitFor()
})

test('a range is shut out with its reason and its end, and a receipt of agents', { skip }, async (t) => {
  const page = await visit(t, { path: '/bans' })
  await page.getByRole('button', { name: 'Shut out…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Shut somebody out' })
  const give = dialog.getByRole('button', { name: 'Shut out' })
  await dialog.getByLabel('Address or range').fill('198.51.100.0/24')
  assert.ok(await give.isDisabled(), 'nobody is shut out without a reason')
  await dialog.getByLabel('Why').fill('floods')
  await dialog.getByText('Every request from 198.51.100.0/24 is refused').waitFor()
  await picture(page, 'ban-create')
  pages.fake.broken.set('createBan', 'not_allowed')
  await give.click()
  await dialog.getByRole('alert').getByText('Your operator role does not allow this').waitFor()
  assert.equal(await dialog.getByLabel('Why').inputValue(), 'floods')
  pages.fake.broken.clear()
  await give.click()
  await page.getByText('198.51.100.0/24 is shut out. Acted on by 1 of 1 connected agents. Not connected').waitFor()
  await dialog.waitFor({ state: 'detached' })
  await page.locator('tbody tr').filter({ hasText: 'floods' }).waitFor()
  const { expires_at: ends, ...body } = bodyOf('createBan') as { expires_at: string }
  assert.deepEqual(body, { source: '198.51.100.0/24', reason: 'floods' })
  assert.ok(Date.parse(ends) > 0)
})

test('a consumer is shut out until that is lifted', { skip }, async (t) => {
  const page = await visit(t, { path: '/bans' })
  await page.getByRole('button', { name: 'Shut out…' }).click()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Shut out…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Shut somebody out' })
  await dialog.getByLabel('a consumer, with whatever it presents').check()
  await dialog.getByLabel('Name of the consumer').fill('mallory')
  await dialog.getByLabel('Why').fill('abuse')
  await dialog.getByLabel('How long').selectOption('until it is lifted')
  await dialog.getByRole('button', { name: 'Shut out' }).click()
  await page.getByText('consumer mallory is shut out.').waitFor()
  assert.deepEqual(bodyOf('createBan'), { consumer: 'mallory', reason: 'abuse' })
})

test('a ban is lifted only after a second look, and is then among those that have ended', { skip }, async (t) => {
  const page = await visit(t, { path: '/bans' })
  await page.getByRole('button', { name: 'Lift the ban of 203.0.113.0/24…' }).click()
  const question = page.getByRole('group', { name: 'Lift the ban of 203.0.113.0/24?' })
  await question.getByText('Requests from 203.0.113.0/24 come to the other gates again').waitFor()
  await picture(page, 'ban-lift')
  assert.equal(pages.fake.calls.filter(({ id }) => id === 'liftBan').length, 0)
  await question.getByRole('button', { name: 'Lift' }).click()
  await page.getByText('The ban of 203.0.113.0/24 is lifted. Acted on by 1 of 1 connected agents.').waitFor()
  const row = page.locator('tbody tr').filter({ hasText: 'guesses keys' })
  await row.waitFor({ state: 'detached' })
  await page.getByLabel('those that have ended too').check()
  await page.waitForURL(/bans=all/)
  await row.getByText('lifted', { exact: true }).waitFor()
  await page.locator('tbody tr').filter({ hasText: '192.0.2.7' }).getByText('has ended').waitFor()
})

test('a viewer sees who is shut out, and nothing to press', { skip }, async (t) => {
  pages.fake.role = 'viewer'
  const page = await visit(t, { path: '/bans' })
  await page.getByText('guesses keys').waitFor()
  assert.equal(await page.getByRole('button', { name: /Shut out|Lift/ }).count(), 0)
  await page.getByText('Changing this needs the role editor').waitFor()
})

test('a shadow limit that would have refused is told apart, in the list and in the panel', { skip }, async (t) => {
  const page = await visit(t, { path: '/' })
  const row = page.locator('.decision').filter({ hasText: 'limit_exceeded' }).first()
  await row.getByText('over shadow orders.trial').waitFor()
  await row.click()
  const limits = panel(page).locator('.limits tbody tr')
  await limits.first().waitFor()
  assert.match(await limits.filter({ hasText: 'orders.limit' }).innerText(), /10 requests \/ 10 s[^]*no room/)
  assert.match(
    await limits.filter({ hasText: 'orders.trial' }).innerText(),
    /shadow[^]*5,000,000 bytes per month[^]*It would have refused/,
  )
  await picture(page, 'limits-of-decision')
})

for (const [path, command] of [
  ['/limits', 'npx headgate releases publish'],
  ['/bans', 'npx headgate bans create --source 203.0.113.0/24 --for 1h --reason "guesses keys"'],
  ['/consumers', 'npx headgate keys create --consumer alice --scope orders:read'],
  ['/keys', 'npx headgate keys create --consumer alice --scope orders:read'],
  ['/issuers', 'npx headgate roles create reader --scope orders:read'],
  ['/access', 'npx headgate protect http://localhost:3000 --name billing'],
] as const) {
  test(`${path} of an empty environment says the next step`, { skip }, async (t) => {
    const page = await visit(t, { path: `${path}?tenant=default&environment=production` })
    await page.getByText(command, { exact: true }).waitFor()
    await picture(page, `empty${path.replace('/', '-')}`)
  })
}

for (const [path, id, text] of [
  ['/consumers', 'listConsumers', 'No consumers: The database cannot be reached'],
  ['/keys', 'reportKeys', 'No report of keys: The database cannot be reached'],
  ['/issuers', 'listObjects', 'No issuers: The database cannot be reached'],
  ['/limits', 'listLimits', 'No limits: The database cannot be reached'],
  ['/bans', 'listBans', 'No bans: The database cannot be reached'],
  ['/access', 'listObjects', 'No routes: The database cannot be reached'],
] as const) {
  test(`${path} that cannot be loaded says why, and can be tried again`, { skip }, async (t) => {
    pages.fake.broken.set(id, 'database_unavailable')
    const page = await visit(t, { path })
    const failed = page.getByRole('alert').filter({ hasText: text })
    await failed.waitFor()
    pages.fake.broken.clear()
    await failed.getByRole('button', { name: 'Try again' }).click()
    await failed.waitFor({ state: 'detached' })
  })
}

const everyPage = [
  ['/consumers?tenant=default&environment=dev&consumer=alice', '.panel .credentials'],
  ['/keys', '.table'],
  ['/issuers', '.issuers'],
  ['/access?tenant=default&environment=dev&route=orders-write', '.panel .sentences'],
  ['/limits', '.table'],
  ['/bans?tenant=default&environment=dev&bans=all', '.table'],
  ['/explain', '.form'],
] as const

for (const [path, shown] of everyPage) {
  const name = path.slice(1).split('?', 1)[0] ?? ''
  for (const theme of ['light', 'dark'] as const) {
    test(`${name} follows the ${theme} theme`, { skip }, async (t) => {
      const page = await visit(t, { path, theme })
      await page.locator(shown).first().waitFor()
      const color = await page.evaluate(() => getComputedStyle(document.body).color)
      assert.equal(color, theme === 'light' ? 'rgb(20, 32, 29)' : 'rgb(231, 238, 234)')
      await picture(page, `page-${name}-${theme}`)
    })
  }

  test(`${name} is not wider than the page, on any screen`, { skip }, async (t) => {
    const page = await visit(t, { path })
    await page.locator(shown).first().waitFor()
    for (const width of [320, 768, 1024, 1920]) {
      await page.setViewportSize({ width, height: 900 })
      await picture(page, `page-${name}-${width}`)
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, `${width} px`)
    }
  })
}
