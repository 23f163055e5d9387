/**
 * API keys that are none, that do not count, or that stand where they must not.
 *
 * @module
 */
import { formatApiKey } from '@headgate/core'
import { type Attack, admitted, keyed, plain, refused } from '#agent/auth/attacks/attack.ts'
import { keys } from '#agent/auth/attacks/testing/people.ts'

const MALFORMED = 'credential_malformed'

const malformed: readonly (readonly [name: string, text: string])[] = [
  ['a checksum that is off by one', keys.good.slice(0, -1) + (keys.good.endsWith('0') ? '1' : '0')],
  ['a letter that was changed', keys.good.replace('good', 'gooD')],
  ['two letters the other way round', keys.good.replace('good', 'ogod')],
  ['no checksum', keys.good.slice(0, -7)],
  ['a checksum that is a letter short', keys.good.slice(0, -1)],
  ['a letter more', `${keys.good}0`],
  ['another prefix', keys.good.replace('hgk_', 'hgx_')],
  ['a prefix in capitals', keys.good.replace('hgk_', 'HGK_')],
  ['no environment', keys.good.replace('_production_', '_')],
  ['an empty environment', keys.good.replace('_production_', '__')],
  ['an environment in capitals', keys.good.replace('production', 'PRODUCTION')],
  ['an environment that is a path', keys.good.replace('production', '../../x')],
  ['another environment under the same checksum', keys.good.replace('production', 'staging')],
  ['quotes', `"${keys.good}"`],
  ['a letter of another alphabet', keys.good.replace('o', '\u00f8')],
  ['a blank in the middle', keys.good.replace('_0', '_ 0')],
  ['an encoded letter', keys.good.replace('_', '%5F')],
  ['thousands of letters', keys.good + '0'.repeat(4_000)],
  ['the prefix only', 'hgk_'],
  ['a word', 'undefined'],
  ['nothing', ''],
]

export const apiKeys: readonly Attack[] = [
  admitted('a key in its field', () => keyed(keys.good)),
  admitted('a key as a bearer token', () => plain('/keys', [['authorization', `Bearer ${keys.good}`]], [keys.good])),
  admitted('one key in two places', () =>
    plain(
      '/keys',
      [
        ['x-api-key', keys.good],
        ['authorization', `bearer ${keys.good}`],
      ],
      [keys.good],
    ),
  ),
  admitted('a key in the query where that is allowed', () =>
    plain(`/query?a=b&api_key=${keys.good}&c=d`, [], [keys.good]),
  ),
  ...malformed.map(([name, text]) =>
    refused(`a key with ${name}`, MALFORMED, () =>
      plain('/keys', [['x-api-key', text]], text.length < 16 ? [] : [text]),
    ),
  ),
  refused('a key of another environment', 'credential_wrong_environment', () => keyed(keys.staging)),
  refused('a key of an environment that begins alike', 'credential_wrong_environment', () =>
    keyed(formatApiKey('production2', 'A'.repeat(30))),
  ),
  refused('a key with a right checksum that nobody has', 'credential_unknown', () => keyed(keys.unknown)),
  refused('a key of a consumer that is not there', 'credential_unknown', () => keyed(keys.orphan)),
  refused('a key that was revoked', 'credential_revoked', () => keyed(keys.revoked)),
  refused('a key in no state', 'credential_revoked', () => keyed(keys.unset)),
  // Bait: whoever presents it must not learn that it is.
  refused('a key that was laid out as bait', 'credential_revoked', () => keyed(keys.decoy)),
  refused('a key that has expired', 'credential_expired', () => keyed(keys.expired)),
  refused('a key that is switched off', 'credential_disabled', () => keyed(keys.disabled)),
  refused('a key of a consumer that is switched off', 'consumer_disabled', () => keyed(keys.sleepy)),
  refused('a key from an address that is not its own', 'address_not_allowed', () => keyed(keys.elsewhere)),
  refused('a key from an address that the caller says', 'address_not_allowed', () =>
    plain(
      '/keys',
      [
        ['x-api-key', keys.elsewhere],
        ['x-forwarded-for', '10.1.2.3'],
        ['forwarded', 'for=10.1.2.3'],
        ['x-real-ip', '10.1.2.3'],
      ],
      [keys.elsewhere],
    ),
  ),
  refused('a key in the query where that is not allowed', 'credential_missing', () =>
    plain(`/keys?api_key=${keys.good}&x-api-key=${keys.good}&access_token=${keys.good}`, [], [keys.good]),
  ),
  refused('a key under another name in the query', 'credential_missing', () =>
    plain(`/query?API_KEY=${keys.good}&api-key=${keys.good}`, [], [keys.good]),
  ),
  refused('two keys in the query', 'credential_repeated', () =>
    plain(`/query?api_key=${keys.good}&api_key=${keys.other}`, [], [keys.good, keys.other]),
  ),
  refused('a second key whose name is spelled out', 'credential_repeated', () =>
    plain(`/query?api_key=${keys.good}&api%5Fkey=${keys.other}`, [], [keys.good, keys.other]),
  ),
  refused('a key in the query and another one in a field', 'credential_repeated', () =>
    plain(`/query?api_key=${keys.good}`, [['x-api-key', keys.other]], [keys.good, keys.other]),
  ),
  refused('two keys in two fields', 'credential_repeated', () =>
    plain(
      '/keys',
      [
        ['x-api-key', keys.good],
        ['x-api-key', keys.other],
      ],
      [keys.good, keys.other],
    ),
  ),
  refused('two keys in one field', MALFORMED, () => keyed(`${keys.good}, ${keys.other}`)),
  refused('a key and another one as a bearer token', 'credential_repeated', () =>
    plain(
      '/keys',
      [
        ['x-api-key', keys.good],
        ['authorization', `Bearer ${keys.other}`],
      ],
      [keys.good, keys.other],
    ),
  ),
  refused('a key and nothing as a bearer token', 'credential_repeated', () =>
    plain(
      '/keys',
      [
        ['x-api-key', keys.good],
        ['authorization', 'Bearer'],
      ],
      [keys.good],
    ),
  ),
  refused('a key where tokens are accepted only', 'credential_not_accepted', () =>
    plain('/jwt', [['authorization', `Bearer ${keys.good}`]], [keys.good]),
  ),
  refused('a key in a field where tokens are accepted only', 'credential_missing', () => keyed(keys.good, '/jwt')),
]
