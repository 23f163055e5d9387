/**
 * Chunks: sizes, extensions, ends of lines, last chunks and trailers.
 *
 * Source: RFC 9112 section 7.1; published research on chunk extensions and line terminators (EXT.TERM, TERM.EXT, SPILL).
 *
 * @module
 */
import {
  arrives,
  bytewise,
  type Case,
  chunks,
  forwarded,
  HOST,
  malformedBody,
  mayArrive,
  mixed,
  named,
  NEXT,
  NEXT_ARRIVES,
  SMUGGLED,
  tooLarge,
  unfinished,
} from './case.ts'

const LAST = '0\r\n\r\n'
const hello = arrives('POST /x', { body: 'hello' })
const mayHello = mayArrive('POST /x', { body: 'hello' })
const sized = (size: string): string => chunks(`${size}\r\nhello\r\n${LAST}`)

const refusedSizes: readonly (readonly [title: string, size: string])[] = [
  ['no size', ''],
  ['a size with 0x', '0x5'],
  ['a size with a plus', '+5'],
  ['a negative size', '-5'],
  ['a negative nothing', '-0'],
  ['a size with a letter beyond f', '5g'],
  ['a size in words', 'five'],
  ['a size with h', '5h'],
  ['a size with a fraction', '5.0'],
  ['a size with a comma', '5,5'],
  ['a size with an underscore', '0_5'],
  ['a size in quotes', '"5"'],
  ['a size behind a space', ' 5'],
  ['a size behind a tab', '\t5'],
  ['a size behind a NUL', '\x005'],
  ['a size with a NUL', '5\0'],
  ['a size with a vertical tab', '5\v'],
  ['a size with a form feed', '5\f'],
  ['a size with a no-break space', '5\xa0'],
  ['a size with a byte beyond ASCII', '5\xff'],
  ['a size and a word', '5 hello'],
  ['two sizes', '5 5'],
  ['a size and an equals sign', '5=5'],
  ['a size of 17 digits', 'fffffffffffffffff'],
  ['a size that wraps around 64 bits', '10000000000000005'],
  ['a size that wraps around 32 bits and more', '1000000000000000000000005'],
  ['a size of 1,000 digits', 'f'.repeat(1_000)],
]

export const chunked: readonly Case[] = [
  ...refusedSizes.map(([title, size]) => malformedBody(`${title}: ${size.slice(0, 30)}`, sized(size))),
  ...[0x01, 0x08, 0x1b, 0x7f, 0x85].map((code) =>
    malformedBody(`${named(code)} behind a size`, sized(`5${String.fromCharCode(code)}`)),
  ),
  ...['05', '005', '0000005'].map((size) => forwarded(`the size ${size}`, sized(size), hello)),
  mixed('a size with 20 zeros in front', sized(`${'0'.repeat(20)}5`), mayHello),
  mixed('a size with 300 zeros in front', sized(`${'0'.repeat(300)}5`), mayHello),
  forwarded('a size in lower case', chunks(`a\r\n0123456789\r\n${LAST}`), arrives('POST /x', { body: '0123456789' })),
  forwarded('a size in upper case', chunks(`A\r\n0123456789\r\n${LAST}`), arrives('POST /x', { body: '0123456789' })),
  forwarded(
    'a size of two digits',
    chunks(`1e\r\n${'x'.repeat(30)}\r\n${LAST}`),
    arrives('POST /x', { body: 'x'.repeat(30) }),
  ),
  mixed('a size and a space', sized('5 '), mayHello),
  mixed('a size and a tab', sized('5\t'), mayHello),
  mixed('a size and many spaces', sized(`5${' '.repeat(50)}`), mayHello),

  // Extensions end at the agent.
  forwarded('an extension', sized('5;a'), hello),
  forwarded('an extension with a value', sized('5;a=b'), hello),
  forwarded('an extension with a value in quotes', sized('5;a="b c"'), hello),
  mixed('an extension with an escaped quote', sized('5;a="b\\"c"'), mayHello),
  forwarded('three extensions', sized('5;a=b;c;d=e'), hello),
  mixed('an extension with spaces', sized('5 ; a = b'), mayHello),
  mixed('an extension without a name', sized('5;'), mayHello),
  mixed('two semicolons', sized('5;;a'), mayHello),
  mixed('an extension that is no token', sized('5;a@b={c}'), mayHello),
  mixed('an extension with a quote that is never closed', sized('5;a="b'), mayHello),
  mixed('an extension with a byte beyond ASCII', sized('5;a=\xff'), mayHello),
  mixed('an extension of the last chunk', chunks('5\r\nhello\r\n0;a=b\r\n\r\n'), mayHello),
  mixed('an extension that looks like a chunk', sized('5;0'), mayHello),
  malformedBody('an extension with a NUL', sized('5;a\0b')),
  malformedBody('an extension with a lone LF', sized('5;a\nb')),
  malformedBody('an extension that ends with a lone LF', chunks(`5;a\nhello\r\n${LAST}`)),
  malformedBody('an extension with a lone CR', sized('5;a\rb')),
  malformedBody('an extension that ends with a lone CR', chunks(`5;a\rhello\r\n${LAST}`)),
  malformedBody('an extension with an end of line in quotes', sized('5;a="b\r\nc"')),
  malformedBody('an extension with a lone LF in quotes', sized('5;a="b\nc"')),
  malformedBody('an extension behind a space, without a semicolon', sized('5 a=b')),
  tooLarge('an extension of 100 KiB', sized(`5;${'a'.repeat(102_400)}`), [400, 413, 431, 0]),
  tooLarge('an extension without an end', chunks(`5;${'a'.repeat(300_000)}`), [400, 413, 431, 0]),
  tooLarge(
    'extensions of 200 KiB in all',
    chunks(`1;${'a'.repeat(1_000)}\r\nx\r\n`.repeat(200) + LAST),
    [400, 413, 431, 0],
  ),

  // Ends of lines.
  malformedBody('a size that ends with a lone LF', chunks(`5\nhello\r\n${LAST}`)),
  malformedBody('a size that ends with a lone CR', chunks(`5\rhello\r\n${LAST}`)),
  malformedBody('a size that ends with two CRs', chunks(`5\r\r\nhello\r\n${LAST}`)),
  malformedBody('a size that ends with LF and CR', chunks(`5\n\rhello\r\n${LAST}`)),
  malformedBody('a size with two CRs and an extension behind', chunks(`5\r\r;ABCD\r\nhello\r\n${LAST}`)),
  malformedBody('data that ends with a lone LF', chunks(`5\r\nhello\n${LAST}`)),
  malformedBody('data that ends with a lone CR', chunks(`5\r\nhello\r${LAST}`)),
  malformedBody('data that ends with nothing', chunks(`5\r\nhello${LAST}`)),
  malformedBody('data that ends with two CRs', chunks(`5\r\nhello\r\r\n${LAST}`)),
  malformedBody('data that ends with a blank line', chunks(`5\r\nhello\r\n\r\n${LAST}`)),
  malformedBody('data that ends with two other bytes', chunks(`5\r\nhelloXX${LAST}`)),
  malformedBody('data that is longer than its size', chunks(`5\r\nhello!\r\n${LAST}`)),
  malformedBody('data that is shorter than its size', chunks(`5\r\nhell\r\n${LAST}`)),
  malformedBody('a blank line in front of the first chunk', chunks(`\r\n5\r\nhello\r\n${LAST}`)),
  malformedBody('only lone LFs', chunks('5\nhello\n0\n\n')),
  malformedBody('TERM.EXT: a lone LF that hides a chunk', chunks(`2;\nxx\r\n4c\r\n0\r\n\r\n${SMUGGLED}`)),
  malformedBody('EXT.TERM: a lone LF inside an extension', chunks(`45;\n${'x'.repeat(0x45)}\r\n0\r\n\r\n${SMUGGLED}`)),
  malformedBody('SPILL: two bytes behind the data', chunks(`5\r\nhelloXX0\r\n\r\n${SMUGGLED}`)),
  malformedBody('ONE.TWO: one byte behind the data', chunks(`5\r\nhelloX0\r\n\r\n${SMUGGLED}`)),
  malformedBody('ZERO.TWO: nothing behind the data', chunks(`5\r\nhello0\r\n\r\n${SMUGGLED}`)),

  // The last chunk.
  forwarded('a last chunk alone', chunks(LAST) + NEXT, arrives('POST /x'), NEXT_ARRIVES),
  forwarded('a last chunk of three zeros', chunks('5\r\nhello\r\n000\r\n\r\n') + NEXT, hello, NEXT_ARRIVES),
  mixed('a last chunk of 20 zeros', chunks(`5\r\nhello\r\n${'0'.repeat(20)}\r\n\r\n`), mayHello),
  mixed('a last chunk and a space', chunks('5\r\nhello\r\n0 \r\n\r\n'), mayHello),
  malformedBody('a last chunk that ends with a lone LF', chunks('5\r\nhello\r\n0\n\r\n')),
  malformedBody('a last chunk with two lone LFs', chunks('5\r\nhello\r\n0\n\n')),
  malformedBody('an end with a lone LF', chunks('5\r\nhello\r\n0\r\n\n')),
  malformedBody('an end with a lone CR', chunks('5\r\nhello\r\n0\r\n\rX')),
  malformedBody('an end with two CRs', chunks('5\r\nhello\r\n0\r\n\r\r\n')),
  malformedBody('an end with something else', chunks('5\r\nhello\r\n0\r\nXX\r\n\r\n')),
  malformedBody('another request where the end should be', chunks(`5\r\nhello\r\n0\r\n${SMUGGLED}`)),
  malformedBody('a blank line instead of a last chunk', chunks('3\r\nfoo\r\n\r\n')),
  unfinished('no last chunk', chunks('5\r\nhello\r\n')),
  unfinished('half a last chunk', chunks('5\r\nhello\r\n0\r\n')),
  unfinished('half an end', chunks('5\r\nhello\r\n0\r\n\r')),
  unfinished('half a size', chunks('5')),
  unfinished('half a chunk', chunks('5\r\nhel')),
  unfinished('a chunk of 2^40 bytes', chunks(`10000000000\r\n${SMUGGLED}`), [400, 413]),
  unfinished('a chunk of almost 2^64 bytes', chunks(`ffffffffffffffff\r\n${SMUGGLED}`), [400, 413]),
  unfinished('a chunk of 2^53 and one bytes', chunks(`20000000000001\r\n${SMUGGLED}`), [400, 413]),

  // Trailers end at the agent.
  ...(
    [
      ['a trailer', 'X-Trailer: a'],
      ['a trailer that is a length', 'Content-Length: 100'],
      ['a trailer that is a coding', 'Transfer-Encoding: chunked'],
      ['a trailer that is a Host', 'Host: other.example.com'],
      ['a trailer that is a credential', 'Authorization: Basic eA=='],
      ['a trailer that names the consumer', 'X-Headgate-Consumer: admin'],
      ['a trailer that names an address', 'X-Forwarded-For: 192.0.2.1'],
      ['a trailer with Connection', 'Connection: close'],
      ['a trailer with a cookie', 'Cookie: a=b'],
      ['an empty trailer', 'X-Trailer:'],
    ] as const
  ).map(([title, trailer]) =>
    mixed(
      title,
      chunks(`5\r\nhello\r\n0\r\n${trailer}\r\n\r\n`) + NEXT,
      mayArrive('POST /x', { body: 'hello', lacks: ['x-trailer', 'authorization', 'x-headgate-consumer', 'cookie'] }),
      NEXT_ARRIVES,
    ),
  ),
  malformedBody('a trailer without a colon', chunks('5\r\nhello\r\n0\r\nX\r\n\r\n')),
  malformedBody('a trailer without a name', chunks('5\r\nhello\r\n0\r\n: a\r\n\r\n')),
  malformedBody('a trailer with a space in its name', chunks('5\r\nhello\r\n0\r\nX Y: a\r\n\r\n')),
  malformedBody('a trailer with a space in front of the colon', chunks('5\r\nhello\r\n0\r\nX : a\r\n\r\n')),
  malformedBody('a trailer with a NUL', chunks('5\r\nhello\r\n0\r\nX: a\0\r\n\r\n')),
  malformedBody('a trailer that ends with a lone LF', chunks('5\r\nhello\r\n0\r\nX: a\n\r\n')),
  malformedBody('a trailer that ends with a lone CR', chunks('5\r\nhello\r\n0\r\nX: a\rY: b\r\n\r\n')),
  malformedBody('a folded trailer', chunks('5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n')),
  tooLarge('a trailer of 100 KiB', chunks(`5\r\nhello\r\n0\r\nX: ${'a'.repeat(102_400)}\r\n\r\n`), [400, 413, 431, 0]),
  tooLarge(
    '10,000 trailers',
    chunks(`5\r\nhello\r\n0\r\n${'X-Trailer: abcdef\r\n'.repeat(10_000)}\r\n`),
    [400, 413, 431, 0],
  ),
  unfinished('half a trailer', chunks('5\r\nhello\r\n0\r\nX: a')),

  // Sizes of everyday life.
  forwarded(
    '5,000 chunks of one byte',
    chunks('1\r\nx\r\n'.repeat(5_000) + LAST),
    arrives('POST /x', { body: 'x'.repeat(5_000) }),
  ),
  forwarded(
    'a chunk of 300 KiB',
    chunks(`4b000\r\n${'y'.repeat(307_200)}\r\n${LAST}`),
    arrives('POST /x', { body: 'y'.repeat(307_200) }),
  ),
  forwarded(
    'chunks of every byte',
    chunks(`100\r\n${String.fromCharCode(...Array.from({ length: 256 }, (_, index) => index))}\r\n${LAST}`),
    arrives('POST /x', { body: String.fromCharCode(...Array.from({ length: 256 }, (_, index) => index)) }),
  ),
  forwarded(
    'chunks that come byte by byte',
    [
      `POST /x HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`,
      ...bytewise(`2;a=b\r\nhe\r\n3\r\nllo\r\n${LAST}`),
    ],
    hello,
  ),
  forwarded(
    'chunks that look like a head',
    chunks(`4\r\n\r\n\r\n\r\n${LAST}`) + NEXT,
    arrives('POST /x', { body: '\r\n\r\n' }),
    NEXT_ARRIVES,
  ),
  forwarded(
    'chunks that look like a last chunk',
    chunks(`5\r\n0\r\n\r\n\r\n${LAST}`) + NEXT,
    arrives('POST /x', { body: '0\r\n\r\n' }),
    NEXT_ARRIVES,
  ),
]
