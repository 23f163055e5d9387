import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { createAuthority, pem } from '@headgate/kit/pki.ts'
import { issueRevocationList, issueUnusual } from '@headgate/kit/pki-testing.ts'
import { authority, ca } from '#agent/testing/tls.ts'
import { chainOf, readRevocationLists } from './revocation-lists.ts'

const NOW_MS = Date.now()
/** Of a list that is live then, however late its test runs. */
const LIVE = { fromMs: NOW_MS - 300_000, toMs: NOW_MS + 3_600_000 }
const chain = (certificate: Uint8Array) => chainOf(new X509Certificate(certificate)) ?? []
const one = (await issueUnusual(authority, {})).certificate
const other = (await issueUnusual(authority, {})).certificate

test('a certificate that is on the list is revoked, and every other one is not', async () => {
  const lists = readRevocationLists(await issueRevocationList(authority, [one], LIVE), [ca])
  assert.equal(lists.accepts(chain(one), NOW_MS), false)
  assert.equal(lists.accepts(chain(other), NOW_MS), true)
  assert.deepEqual(lists.problems(NOW_MS), [])
})

test('the serial number of another issuer is another certificate', async () => {
  const theirs = await createAuthority({ name: 'theirs', nowMs: NOW_MS, lifeMs: 3_600_000 })
  const serialNumber = '4a'.repeat(16)
  const [mine, alike] = [await issueUnusual(authority, { serialNumber }), await issueUnusual(theirs, { serialNumber })]
  const lists = readRevocationLists(await issueRevocationList(theirs, [alike.certificate], LIVE), [ca])
  assert.equal(lists.accepts(chain(alike.certificate), NOW_MS), false)
  assert.equal(lists.accepts(chain(mine.certificate), NOW_MS), true)
})

test('after the end of its list an issuer vouches for nobody, and that is told about by name', async () => {
  const lists = readRevocationLists(await issueRevocationList(authority, [], LIVE), [ca])
  const lateMs = NOW_MS + 3_700_000
  assert.equal(lists.accepts(chain(one), NOW_MS), true)
  assert.equal(lists.accepts(chain(one), lateMs), false)
  assert.match(
    lists.problems(lateMs).join(),
    /^the list of revoked client certificates of CN=test authority ended at 20/,
  )
  assert.match(lists.problems(NOW_MS - 3_600_000).join(), /does not begin before/)
})

test('of two lists by one issuer the newer one counts, in whatever order', async () => {
  const older = await issueRevocationList(authority, [one], { ...LIVE, fromMs: NOW_MS - 7_200_000 })
  const newer = await issueRevocationList(authority, [other], LIVE)
  for (const text of [older + newer, newer + older]) {
    const lists = readRevocationLists(text, [ca])
    assert.equal(lists.blocks.length, 2)
    assert.deepEqual([lists.accepts(chain(one), NOW_MS), lists.accepts(chain(other), NOW_MS)], [true, false])
  }
})

test('what is no list is not read as an empty one', async () => {
  const list = await issueRevocationList(authority, [one])
  const body = Buffer.from(list.replaceAll(/-----.*-----/g, ''), 'base64')
  for (let end = 0; end < body.length; end += 7) {
    assert.throws(() => readRevocationLists(pem('X509 CRL', body.subarray(0, end)), [ca]), `${end} bytes`)
  }
  assert.throws(() => readRevocationLists('-----BEGIN X509 CRL-----\n!\n-----END X509 CRL-----\n', [ca]))
  assert.throws(() => readRevocationLists(pem('X509 CRL', one), [ca]))
  assert.throws(() => readRevocationLists(`${list}nonsense`, [ca]))
})

test('a certificate that is not DER has no chain, and neither has one above it', () => {
  const { raw } = new X509Certificate(one)
  assert.equal(chainOf({ raw })?.length, 1)
  for (let end = 0; end < 100; end += 3) {
    const broken = { raw: raw.subarray(0, end) }
    assert.equal(chainOf(broken), null)
    assert.equal(chainOf({ raw, issuerCertificate: broken }), null)
  }
  // A length that is not said, which some readers accept.
  assert.equal(chainOf({ raw: Buffer.concat([Buffer.from([0x30, 0x80]), raw.subarray(4), Buffer.alloc(2)]) }), null)
})
