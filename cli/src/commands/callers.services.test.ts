/**
 * Roles, issuers, consumers and their credentials by the bin, against `headgate up`: what the commands send is what a
 * real control plane takes, and a file holds all that is configuration. The steps build on each other.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CERTIFICATE, PUBLIC_KEY } from '#cli/fakes/credentials.ts'
import { runBin } from '#cli/fakes/run-bin.ts'

const cwd = await mkdtemp(join(tmpdir(), 'headgate-cli-callers-'))
await writeFile(join(cwd, 'ci.pem'), CERTIFICATE)
await writeFile(join(cwd, 'key.pem'), PUBLIC_KEY)

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const ports = { rest: 0, link: 0, http: 0, https: 0, sample: 0 }
for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort()

after(async () => {
  await runBin(['down'], { cwd })
  await rm(cwd, { recursive: true, force: true })
})

/** Runs a command that has to succeed. */
async function headgate(...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { code, stdout, stderr } = await runBin(args, { cwd })
  assert.equal(code, 0, `headgate ${args.join(' ')}: ${stderr}`)
  return { stdout, stderr }
}

const status = async (key: string): Promise<number> => {
  const response = await fetch(`http://127.0.0.1:${ports.http}/orders/1`, { headers: { 'x-api-key': key } })
  await response.arrayBuffer()
  return response.status
}

test('an environment starts', async () => {
  await headgate('up', '--detach', ...Object.entries(ports).flatMap(([name, port]) => [`--port-${name}`, String(port)]))
})

test('an issuer and a role are written into the draft, once', async () => {
  await headgate('issuers', 'create', 'idp', '--issuer', 'https://idp.acme.test', '--audience', 'orders')
  await headgate('roles', 'create', 'reader', '--scope', 'orders:read')
  assert.match((await headgate('issuers', 'ls')).stdout, /idp +https:\/\/idp\.acme\.test +discovery +orders/)
  assert.equal((await runBin(['roles', 'create', 'reader'], { cwd })).code, 5)
  const wrong = await runBin(['issuers', 'create', 'plain', '--issuer', 'http://idp', '--audience', 'a'], { cwd })
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /Use https:\/\//)
})

test('an export holds both, and applying it changes nothing', async () => {
  const { stdout } = await headgate('export')
  assert.match(stdout, /kind: issuer\nname: idp\nspec:\n {2}issuer: https:\/\/idp\.acme\.test\n/)
  assert.match(stdout, /kind: role\nname: reader\nspec:\n {2}scopes:\n {4}- orders:read\n/)
  await writeFile(join(cwd, 'headgate.yaml'), stdout)
  await headgate('diff')
  await headgate('apply', '--comment', 'trust the identity provider')
  assert.equal((await headgate('export')).stdout, stdout)
})

test('what a file changes of an issuer and takes away of roles is shown before it is done', async () => {
  const text = await readFile(join(cwd, 'headgate.yaml'), 'utf8')
  const changed = text.replace('audiences:\n    - orders', 'audiences:\n    - orders\n    - invoices')
  await writeFile(join(cwd, 'changed.yaml'), changed)
  const { code, stdout } = await runBin(['diff', '-f', 'changed.yaml'], { cwd })
  assert.equal(code, 2)
  assert.match(stdout, /~ issuer\/idp\n {4}\/audiences/)
})

test('a consumer gets by its role what its key does not have', async () => {
  await headgate('consumers', 'create', 'alice', '--role', 'reader')
  const { stdout } = await headgate('keys', 'create', '--consumer', 'alice', '--wait', '--limit', '2/1d')
  const key = stdout.trim()
  assert.equal(await status(key), 200)
  await headgate('consumers', 'update', 'alice', '--no-roles')
  const end = performance.now() + 10_000
  while ((await status(key)) !== 403) if (performance.now() > end) assert.fail('the role still counts')
  assert.match((await headgate('consumers', 'get', 'alice')).stdout, /Roles +-\n/)
})

test('a role that nobody wrote down cannot be given', async () => {
  const { code, stderr } = await runBin(['consumers', 'update', 'alice', '--role', 'emperor'], { cwd })
  assert.equal(code, 1)
  assert.match(stderr, /emperor/)
})

test('the limit of a key is its own', async () => {
  await headgate('consumers', 'update', 'alice', '--role', 'reader')
  const { stdout } = await headgate('keys', 'create', '--consumer', 'alice', '--wait', '--limit', '2/1d')
  const answers = []
  for (let sent = 0; sent < 3; sent += 1) answers.push(await status(stdout.trim()))
  assert.deepEqual(answers, [200, 200, 429])
})

test('a decoy never works, and is marked where keys are listed', async () => {
  const { stdout } = await headgate('keys', 'create', '--consumer', 'bait', '--decoy', '--wait')
  assert.equal(await status(stdout.trim()), 401)
  assert.match((await headgate('keys', 'ls', '--consumer', 'bait')).stdout, /active decoy/)
})

test('the report knows keys that were never used and rotations that are not finished', async () => {
  const [id = ''] = (await headgate('keys', 'ls', '--consumer', 'alice', '-o', 'name')).stdout.split('\n')
  const { stderr } = await headgate('keys', 'rotate', id, '--overlap', '1h')
  assert.match(stderr, /the old key/)
  assert.match((await headgate('keys', 'get', id)).stdout, /Successor +key_/)
  const { stdout } = await headgate('keys', 'report')
  assert.match(stdout, /keys work\n[^]*never used[^]*1 rotated and still working/)
  assert.equal((await headgate('keys', 'ls', '--unused-for', '90d', '-o', 'name')).stdout, '')
})

test('a certificate and a key that signs prove consumers, until they are revoked', async () => {
  await headgate('credentials', 'create', '--consumer', 'ci', '--certificate', 'ci.pem', '--by', 'uri')
  await headgate('credentials', 'create', '--consumer', 'bank', '--public-key', 'key.pem', '--key-id', 'bank')
  const twice = await runBin(['credentials', 'create', '--consumer', 'x', '--identity', 'uri:spiffe://acme/ci'], {
    cwd,
  })
  assert.equal(twice.code, 5, twice.stderr)
  const { stdout } = await headgate('credentials', 'ls', '-o', 'name')
  const ids = stdout.trim().split('\n')
  assert.equal(ids.length, 2)
  for (const id of ids) {
    await headgate('credentials', 'disable', id)
    await headgate('credentials', 'enable', id)
    assert.match((await headgate('credentials', 'revoke', id, '--wait')).stderr, /is revoked/)
  }
})
