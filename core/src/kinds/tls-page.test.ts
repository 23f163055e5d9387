/**
 * The page about TLS names what the schemas have, and its examples are accepted.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { z } from 'zod'
import { certificateSpec } from './certificate.ts'
import { httpsPolicySpec } from './policy.ts'

const PAGE = readFileSync(new URL('../../../docs/operations/tls.md', import.meta.url), 'utf8')

test('the page about TLS names every field and every choice', () => {
  const { client_certificates: clients, profile, ...rest } = certificateSpec.shape
  const fields = [
    ...Object.keys(rest),
    ...Object.keys(clients.unwrap().shape),
    ...clients.unwrap().shape.mode.options,
    ...profile.unwrap().options,
    ...httpsPolicySpec.shape.plain.options,
  ]
  for (const field of fields) assert.ok(PAGE.includes(`\`${field}\``), field)
  for (const field of Object.keys(httpsPolicySpec.shape)) assert.match(PAGE, new RegExp(`^  ${field}: `, 'm'))
})

test('the examples on the page about TLS are what they say', () => {
  const accepts = (schema: z.ZodType, spec: unknown): boolean => schema.safeParse(spec).success
  const pem = '-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n'
  const certificate = {
    hosts: ['shop.example.com', '*.shop.example.com'],
    chain: pem,
    key: 'file:///run/secrets/shop.key',
    profile: 'modern',
    client_certificates: { mode: 'required', ca: pem },
  }
  assert.ok(accepts(certificateSpec, certificate))
  const hsts = { max_age_s: 31_536_000, include_subdomains: true }
  const policy = { type: 'https', on: { environment: true }, plain: 'redirect', port: 443, hsts }
  assert.ok(accepts(httpsPolicySpec, policy))
})
