/**
 * Ways to write `/admin` so that a gate reads something else, and a reader that falls for all of them.
 *
 * @module
 */

/** Targets around a closed `/admin`, with and without something behind it. */
export const walks: readonly string[] = [
  // Case and slashes.
  '/ADMIN',
  '/Admin',
  '/aDmIn',
  '/ADMIN/',
  '/admiN/users',
  '/Admin/Users',
  '/admin/',
  '/admin//',
  '//admin',
  '///admin',
  '/public//admin',
  '//admin/users',
  '/admin//users',
  '/./admin',
  '/admin/.',
  '/admin/./',
  '/././admin',
  '/admin/./users',
  // Dot segments.
  '/public/../admin',
  '/../admin',
  '/../../admin',
  '/public/x/../../admin',
  '/x/./../admin',
  '/admin/..',
  '/admin/../admin',
  '/public/../admin/users',
  '/public/..//admin',
  '/public//../admin',
  '/..//admin',
  '/.../../admin',
  '/public/.../../admin',
  '/a/b/c/../../../admin',
  '/public/../Admin',
  '/public/..',
  '/..',
  '/.',
  // Encoded dots.
  '/public/%2e%2e/admin',
  '/public/%2E%2E/admin',
  '/public/.%2e/admin',
  '/public/%2e./admin',
  '/%2e/admin',
  '/%2e%2e/admin',
  '/public/%2e%2e%2fadmin',
  '/public/..%2fadmin',
  '/public/..%2Fadmin',
  '/public%2f..%2fadmin',
  '/public/%2e%2e\\admin',
  '/admin/%2e',
  '/admin/%2e%2e/admin',
  '/public/%252e%252e/admin',
  '/public/%25%32%65%25%32%65/admin',
  '/%252e/admin',
  // Encoded slashes.
  '/%2fadmin',
  '/%2Fadmin',
  '%2fadmin',
  '/public%2f%2e%2e%2fadmin',
  '/admin%2f',
  '/admin%2Fusers',
  '/admin%2f..%2fadmin',
  '/%2f/admin',
  '/public/%2f../admin',
  '/%252fadmin',
  '/admin%252fusers',
  '/x%2f..%2fadmin',
  '/public%2F..%2F/admin',
  // Back-slashes.
  '/\\admin',
  '\\admin',
  '/public\\..\\admin',
  '/public/..\\admin',
  '/public\\../admin',
  '/admin\\',
  '/admin\\users',
  '/%5cadmin',
  '/%5Cadmin',
  '/public/..%5cadmin',
  '/public%5c..%5cadmin',
  '/admin%5c',
  '/admin%5cusers',
  '/%255cadmin',
  '/.\\admin',
  '/..\\admin',
  '\\\\admin',
  '/public\\\\..\\\\admin',
  // Semicolons: parameters of a segment, to some.
  '/admin;',
  '/admin;x',
  '/admin;x=y',
  '/admin;/users',
  '/admin;x=y/users',
  '/;/admin',
  '/;x=y/admin',
  '/public/..;/admin',
  '/public/..;x=y/admin',
  '/public/;/../admin',
  '/.;/admin',
  '/..;/admin',
  '/admin%3b',
  '/admin%3Bx=y',
  '/public/..%3b/admin',
  '/admin%253b',
  '/public;/../admin',
  '/admin/;x=y',
  '/admin/users;x',
  '/;/..;/admin',
  '/public/.;/../admin',
  // Encoded letters.
  '/%61dmin',
  '/%61%64%6d%69%6e',
  '/a%64min',
  '/admi%6e',
  '/%41dmin',
  '/%41DMIN',
  '/%2561dmin',
  '/%25%36%31dmin',
  '/%61dmin/users',
  '/admin/%75sers',
  '/%61dmin/',
  '/%u0061dmin',
  '/\\u0061dmin',
  '/%U0061dmin',
  '/&#97;dmin',
  '/&#x61;dmin',
  '/%C1%A1dmin',
  '/%c1%a1dmin',
  '/%E0%81%A1dmin',
  '/%F0%80%81%A1dmin',
  '/%e1dmin',
  '/%61%00dmin',
  // Overlong and foreign forms of dots and slashes.
  '/public/%c0%ae%c0%ae/admin',
  '/public/%c0%2e%c0%2e/admin',
  '/public/%e0%80%ae%e0%80%ae/admin',
  '/public/%f0%80%80%ae/admin',
  '/%c0%afadmin',
  '/public/..%c0%afadmin',
  '/public%c0%af..%c0%afadmin',
  '/%e0%80%afadmin',
  '/%f0%80%80%afadmin',
  '/public/..%c1%9cadmin',
  '/%c1%9cadmin',
  '/public/%c0%5e%c0%5e/admin',
  '/%uff0fadmin',
  '/public/%uff0e%uff0e/admin',
  '/public/..%ef%bc%8fadmin',
  '/%ef%bc%8fadmin',
  '/public/%ef%bc%8e%ef%bc%8e/admin',
  '/%ef%bd%81dmin',
  '/%ef%bc%a1dmin',
  '/%e2%88%95admin',
  '/%e2%81%84admin',
  '/public/..%e2%88%95admin',
  '/%ef%bc%bcadmin',
  '/%e2%93%90dmin',
  '/%f0%9d%90%9admin',
  '/adm%c4%b1n',
  '/adm%c4%b0n',
  '/%c4%80dmin',
  '/public/%e3%80%82%e3%80%82/admin',
  '/public/%c0%aeadmin',
  '/%80%afadmin',
  // Controls and white space, raw and encoded.
  '/admin%00',
  '/admin%00/',
  '/admin%00.html',
  '/%00/admin',
  '/%00admin',
  '/admin%0a',
  '/admin%0d%0a',
  '/admin%09',
  '/admin%20',
  '/admin%20/',
  '/%20/admin',
  '/%20admin',
  '/admin%0b',
  '/admin%0c',
  '/admin%7f',
  '/admin%c2%a0',
  '/admin%c2%85',
  '/%09admin',
  '/%0aadmin',
  '/%0d%0aadmin',
  '/admin%1f',
  '/public/%0a../admin',
  '/public/..%00/admin',
  '/public/..%0d/admin',
  '/admin%01',
  '/admin%e2%80%8b',
  '/%e2%80%8badmin',
  '/%ef%bb%bfadmin',
  '/admin%c2%ad',
  '/admin\x00',
  '/admin\t',
  '/admin\x0b',
  '/admin\x7f',
  '/\tadmin',
  '/admin\xa0',
  '/admin\x85',
  '/\x80admin',
  '/admin\xff',
  // Ends: fragments, queries, extensions, marks.
  '/admin#',
  '/admin#x',
  '/#/admin',
  '/public#/../admin',
  '/admin?',
  '/admin?x',
  '/admin?/public',
  '/?/../admin',
  '/public?/../../admin',
  '/admin%23',
  '/admin%3f',
  '/admin%3Fx',
  '/admin.',
  '/admin..',
  '/admin...',
  '/admin%2e',
  '/admin./',
  '/admin.json',
  '/admin~',
  '/admin::$DATA',
  '/admin:',
  '/admin$',
  '/admin*',
  '/*/admin',
  '/admin|',
  '/[admin]',
  '/{admin}',
  '/"admin"',
  '/<admin>',
  '/admin,',
  '/admin%',
  '/admin%2',
  '/admin%zz',
  '/admin%%',
  '/%admin',
  '/admin&',
  '/admin=',
  '/admin+',
  '/admin@',
  '/@admin',
  '/admin%40',
  // Other forms of the target.
  'http://api.example.com/admin',
  'HTTP://API.EXAMPLE.COM/admin',
  'https://api.example.com/admin',
  '//api.example.com/admin',
  '//api.example.com/../admin',
  'http:/admin',
  'http:admin',
  'admin',
  './admin',
  '../admin',
  '*/admin',
  '@api.example.com/admin',
  '/http://api.example.com/admin',
  '/http:/admin',
  '/http:%2f%2fapi.example.com%2fadmin',
  'file:///admin',
  '?/admin',
  ';/admin',
  '/api.example.com/../admin',
  '/.//admin',
  '/%2e//admin',
  '/%2e%2e//admin',
  '/public/%2e%2e//admin',
  '/~/../admin',
  '/public/~/../../admin',
]

/** Paths that no reading leads to `/admin`: what a gate must not refuse in its zeal. */
export const innocent: readonly string[] = [
  '/',
  '/public',
  '/public/x',
  '/administrator',
  '/admins',
  '/admin-tools',
  '/xadmin',
  '/public/admin',
  '/public/admin/users',
  '/adm',
  '/a/d/m/i/n',
  '/public?x=/admin',
  '/public?x=/../admin',
  '/.well-known/admin',
  '/public/a%20b',
  '/b%C3%A9',
  '/public/x.json',
]

/**
 * Every reading that some careless server might give a target, as paths without case.
 *
 * Decodes up to three times, overlong forms too, takes back-slashes for slashes, drops parameters, controls and what
 * follows a NUL, collapses slashes and resolves dot segments: in every combination. Not promised, and not read here:
 * servers that trim dots and white space at the end of a segment, and those that fold lookalikes (NFKC).
 */
export function readingsOf(target: string): ReadonlySet<string> {
  const bare = target.replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/[?#].*$/s, '')
  let forms = new Set([bare])
  for (let round = 0; round < 3; round++) forms = new Set([...forms].flatMap((form) => [form, decoded(form)]))
  let readings = forms
  for (const careless of CARELESS) readings = new Set([...readings].flatMap((each) => [each, careless(each)]))
  return new Set([...readings].map((each) => resolved(each.toLowerCase())))
}

const CARELESS: readonly ((path: string) => string)[] = [
  (path) => path.replaceAll('\\', '/'),
  (path) => path.replace(/;[^/]*/g, ''),
  (path) => path.replace(/;.*$/s, ''),
  (path) => path.replace(/\0.*$/s, ''),
  (path) => path.replace(/[\0-\x1f\x7f]/g, ''),
  (path) => path.replace(/\/{2,}/g, '/'),
]

/** Whether some reading of a target is `/admin` or lies below it. */
export function leadsToAdmin(target: string): boolean {
  for (const reading of readingsOf(target)) if (/^\/admin(?:\/|$)/.test(reading)) return true
  return false
}

/** Takes overlong UTF-8, `%uXXXX` and single bytes, as the careless do. */
function decoded(text: string): string {
  const bytes = text
    .replace(/%u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return bytes.replace(/[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}/g, (sequence) => {
    const [first = 0, ...rest] = sequence.split('').map((each) => each.charCodeAt(0))
    const point = rest.reduce((sum, byte) => sum * 64 + (byte & 0x3f), first & (0x7f >> (rest.length + 1)))
    return point > 0x10ffff ? sequence : String.fromCodePoint(point)
  })
}

function resolved(path: string): string {
  const out: string[] = []
  for (const segment of path.replace(/^\//, '').split('/')) {
    if (segment === '..') out.pop()
    else if (segment !== '.') out.push(segment)
  }
  return `/${out.join('/')}`
}
