/**
 * What is spoken in a handshake: versions, ciphers and key exchange, as named profiles.
 *
 * Both leave out what no handshake of today needs and attacks have come from: renegotiation, compression, early data,
 * key exchange without forward secrecy, and ciphers without authentication of what they encrypt.
 *
 * Sources: RFC 9325 (recommendations for TLS), RFC 8996 (no TLS 1.0 and 1.1), RFC 8446 appendix E.5 (early data can be
 * replayed; it is not accepted because no size for it is ever announced).
 *
 * @module
 */
import { constants } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { TlsProfile } from '@headgate/core'

const TLS_1_3 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'] as const

/** RFC 9325 section 4.2, and ChaCha20 for clients without AES in hardware. */
const TLS_1_2 = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
] as const

/** The first keeps what is recorded today from being read by a quantum computer of tomorrow. */
const GROUPS = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384'].filter(isGroup)

const COMMON: SecureContextOptions = {
  maxVersion: 'TLSv1.3',
  ecdhCurve: GROUPS.join(':'),
  honorCipherOrder: true,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
}

export const tlsProfiles: Readonly<Record<TlsProfile, SecureContextOptions>> = {
  modern: { ...COMMON, minVersion: 'TLSv1.3', ciphers: TLS_1_3.join(':') },
  intermediate: { ...COMMON, minVersion: 'TLSv1.2', ciphers: [...TLS_1_3, ...TLS_1_2].join(':') },
}

/** Whether this OpenSSL has it: an older one, or one that is bound to FIPS 140, has fewer. */
function isGroup(name: string): boolean {
  try {
    createSecureContext({ ecdhCurve: name })
    return true
  } catch {
    return false
  }
}

/** @param asked what a certificate asks for; null: nothing. */
export function stricterProfile(ofAgent: TlsProfile, asked: TlsProfile | null): TlsProfile {
  return ofAgent === 'modern' || asked === 'modern' ? 'modern' : 'intermediate'
}
