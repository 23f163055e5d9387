/**
 * Reads the head of a request that our own writer made, and says it as HTTP/2 does.
 *
 * @module
 */
import { CR, readLength, SPACE } from '#agent/http/bytes.ts'
import { requestNames } from '#agent/http/fields.ts'
import { FIELDS_MAX, framings, Head, type Step, steps } from '#agent/http/head.ts'
import { addFields } from './header-lists.ts'

/** Fields that the agent adds to those of a client. */
const ADDED_MAX = 100
/** Of the end of a request line. */
const VERSION_LENGTH = ' HTTP/1.1\r\n'.length

/** Said by pseudo-headers, or about the connection. */
const NOT_SAID: ReadonlySet<string> = new Set(['host', 'te'])

export class OutgoingHead extends Head {
  method = ''
  framing: number = framings.none
  length = 0
  #target = ''

  constructor(bytes: Buffer) {
    super(bytes, FIELDS_MAX + ADDED_MAX)
  }

  read(start: number, end: number): Step {
    const { bytes } = this
    const space = bytes.indexOf(SPACE, start)
    const lineEnd = bytes.indexOf(CR, start) + 2
    this.method = bytes.toString('latin1', start, space)
    this.#target = bytes.toString('latin1', space + 1, lineEnd - VERSION_LENGTH)
    const step = this.readFields(lineEnd, end, requestNames, false)
    if (step !== steps.done) return step
    this.length = 0
    this.framing = this.transferEncodings > 0 ? framings.chunked : framings.none
    if (this.contentLengths > 0) {
      const field = this.contentLengthField
      this.length = readLength(bytes, this.valueStart(field), this.valueEnd(field))
      if (this.length > 0) this.framing = framings.length
    }
    return step
  }

  /** Whether the body may end in trailers. */
  get hasTrailers(): boolean {
    return this.values('trailer').length > 0
  }

  /** The header section, as names and values in turn. */
  list(scheme: 'http' | 'https'): string[] {
    const [authority = ''] = this.values('host')
    const list = [':method', this.method, ':scheme', scheme, ':authority', authority, ':path', this.#target]
    addFields(list, this, NOT_SAID)
    // Of what `TE` may say, HTTP/2 knows one word only, and gRPC asks for it.
    if (this.values('te').some((value) => value.toLowerCase() === 'trailers')) list.push('te', 'trailers')
    return list
  }
}
