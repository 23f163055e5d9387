import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startNameServer } from '#agent/upstream/testing/name-server.ts'
import { createAddressGuard } from './address-guard.ts'
import { createNames, createResolve } from './names.ts'

function guard(addresses: readonly string[], name = 'shop.example.test', isLocal = false): readonly string[] {
  const check = createAddressGuard(() => {})
  return check(name, { addresses, ttlMs: 60_000 }, isLocal)?.addresses ?? []
}

for (const address of [
  '169.254.169.254',
  '169.254.0.1',
  '100.100.100.200',
  '168.63.129.16',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '127.0.0.1',
  '127.1.2.3',
  '::',
  '::1',
  'fe80::1',
  'fd00:ec2::254',
  'fd20:ce::254',
  'ff02::1',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '::ffff:127.0.0.1',
  'nonsense',
]) {
  test(`a name that leads to ${address} leads nowhere`, () => {
    assert.deepEqual(guard([address]), [])
    assert.deepEqual(guard([address, '10.0.0.1']), ['10.0.0.1'])
  })
}

test('private networks and the public internet are where services are', () => {
  const usual = ['10.0.0.1', '172.16.0.1', '192.168.0.1', '100.64.0.1', '198.51.100.1', 'fd12::1', '2001:db8::1']
  assert.deepEqual(guard(usual), usual)
})

test('what this machine calls itself may be this machine, and nothing of its cloud', () => {
  assert.deepEqual(guard(['127.0.0.1', '169.254.169.254'], 'sidecar', true), ['127.0.0.1'])
  assert.deepEqual(guard(['::1'], 'shop.localhost'), ['::1'])
  assert.deepEqual(guard(['127.0.0.1'], 'notlocalhost'), [])
})

test('each address that a name may not have is told about once', () => {
  const told: string[] = []
  const check = createAddressGuard((name, address) => void told.push(`${name} ${address}`))
  for (let time = 0; time < 3; time++) {
    check('shop.test', { addresses: ['127.0.0.1', '10.0.0.1', '169.254.169.254'], ttlMs: null }, false)
  }
  assert.deepEqual(told, ['shop.test 127.0.0.1', 'shop.test 169.254.169.254'])
})

// Guards against DNS rebinding: a name that was good when it was configured is answered with another address later.
test('a name that is answered with a metadata service later keeps the addresses that it had', async () => {
  await using server = await startNameServer()
  server.names.set('shop.example.test', ['10.0.0.1'])
  const told: string[] = []
  const resolve = createResolve(
    [server.address],
    createAddressGuard((_, address) => void told.push(address)),
  )
  const pace = { ttlMsMin: 20, ttlMsMax: 30_000, ttlMsUnknown: 50, retryMs: 20, retryMsMax: 50 }
  using names = createNames(resolve, () => performance.now(), pace)
  const seen: (readonly string[] | null)[] = []
  names.follow('shop.example.test', (addresses) => void seen.push(addresses))
  while (seen.length === 0) await sleep(5)
  server.names.set('shop.example.test', ['169.254.169.254', '127.0.0.1'])
  while (told.length < 2) await sleep(5)
  server.names.set('shop.example.test', ['10.0.0.2', '169.254.169.254'])
  while (seen.length === 1) await sleep(5)
  assert.deepEqual(seen, [['10.0.0.1'], ['10.0.0.2']])
})
