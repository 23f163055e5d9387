/**
 * Reads a client's bytes as Node does, and goes on where Node stops for a reason that an agent need not share.
 *
 * A request whose end is beyond doubt may be refused and the connection kept: an unknown method, an odd target. What ends
 * at the agent anyway (chunk extensions, trailers, white space behind a value) need not have the form that Node asks
 * for. Only the place where Node stopped is mended, so that bodies stay what they are.
 *
 * @module
 */
import type { NodeReader, NodeSeen } from './node-reader.ts'

const REQUEST_LINE = /([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^ \r\n]+) HTTP\/1\.[01]\r\n/g
const SERVED = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/

/** What ends at the agent, each with what stands for it. */
const DROPPED: readonly RegExp[] = [
  /(?<=\r\n[0-9A-Fa-f]{1,8});[\t -~\x80-\xff]*(?=\r\n)/g,
  /(?<=\r\n0+(?:;[^\r\n]*)?\r\n)(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)+(?=\r\n)/g,
  /(?<=\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*?)[ \t]+(?=\r\n)/g,
]

/** Readings of one input: far more than any needs. */
const READINGS_MAX = 80

/** @returns for every fair reading of the bytes what Node finds in it. */
export async function fairReadings(reader: NodeReader, bytes: string): Promise<readonly (readonly NodeSeen[])[]> {
  const readings: (readonly NodeSeen[])[] = []
  const forms = new Set([bytes])
  for (const form of forms) {
    const { seen, stoppedAt } = await reader.read(form)
    readings.push(seen)
    if (stoppedAt === null) continue
    for (const mended of mendings(form, stoppedAt)) if (forms.size < READINGS_MAX) forms.add(mended)
  }
  return readings
}

function* mendings(text: string, at: number): Generator<string> {
  for (const pattern of DROPPED) {
    for (const { index, 0: match } of text.matchAll(pattern)) {
      // Node tells of the end of a field when it has read the line behind it.
      if (index <= at && at <= index + match.length + 4) yield text.slice(0, index) + text.slice(index + match.length)
    }
  }
  for (const { index, 0: match, 1: token = '', 2: target = '' } of text.matchAll(REQUEST_LINE)) {
    if (at < index || at > index + match.length) continue
    // The end of a body may stand right in front of the method.
    for (let start = 0; start < token.length && index + start <= at; start++) {
      const method = token.slice(start)
      const plain = `/${target.slice(1)}`.replace(/[\x80-\xff]/g, 'z').replaceAll('#', 'z')
      const rest = text.slice(index + token.length + 1 + target.length)
      yield `${text.slice(0, index + start)}${SERVED.test(method) ? method : 'POST'} ${plain}${rest}`
    }
  }
}
