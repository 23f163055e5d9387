/**
 * Random conversations: any requests, any splits, any order of events. Each request reaches the service whole and once,
 * and each answer reaches the client in its turn.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeEngine, type FakeEngine, type Wire } from '#agent/testing/fake-engine.ts'
import { createRandom } from '#agent/testing/random.ts'

const CONVERSATIONS = 600
type Random = (below: number) => number

/** Something of a length that goes over several reads now and then. */
function bodyOf(number: number, random: Random): string {
  const length = random(10) === 0 ? random(200_000) : random(60)
  return `${number}:`.padEnd(length + 8, 'GET / HTTP/1.1\r\n\r\n0\r\n\r\n')
}

function framed(body: string, random: Random): string {
  if (random(2) === 0) return `Content-Length: ${body.length}\r\n\r\n${body}`
  let text = 'Transfer-Encoding: chunked\r\n\r\n'
  for (let at = 0; at < body.length;) {
    const chunk = body.slice(at, at + 1 + random(random(4) === 0 ? 100_000 : 30))
    text += `${chunk.length.toString(16)}${random(5) === 0 ? ';a=b' : ''}\r\n${chunk}\r\n`
    at += chunk.length
  }
  return `${text}0\r\n${random(5) === 0 ? 'T: u\r\n' : ''}\r\n`
}

interface Message {
  readonly line: string
  readonly body: string
  readonly length: number
}

/** The first message of a text; null when it is not whole. */
function readMessage(text: string): Message | null {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return null
  const head = text.slice(0, headEnd)
  const line = head.slice(0, head.indexOf('\r\n'))
  let at = headEnd + 4
  if (!/\r\nTransfer-Encoding: chunked/.test(head)) {
    const end = at + Number(/\r\nContent-Length: ([0-9]+)/i.exec(head)?.[1] ?? 0)
    return text.length < end ? null : { line, body: text.slice(at, end), length: end }
  }
  let body = ''
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return null
    assert.match(text.slice(at, lineEnd), /^(?:0|[1-9a-f][0-9a-f]*)$/)
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (text.length < end) return null
    assert.equal(text.slice(end - 2, end), '\r\n')
    if (size === 0) return { line, body, length: end }
    body += text.slice(lineEnd + 2, end - 2)
    at = end
  }
}

/** Both ends of one conversation, and what they expect. */
class Conversation {
  readonly #fake: FakeEngine
  readonly #random: Random
  readonly #bodies: readonly string[]
  readonly #client: Wire
  #toSend: string
  readonly #toAnswer = new Map<Wire, string>()
  readonly #opened = new Set<Wire>()
  readonly #closed = new Set<Wire>()
  #seen = 0
  answered = 0

  constructor(fake: FakeEngine, random: Random) {
    this.#fake = fake
    this.#random = random
    this.#bodies = Array.from({ length: 1 + random(8) }, (_, number) => (random(2) === 0 ? '' : bodyOf(number, random)))
    this.#toSend = this.#bodies
      .map((body, number) => {
        const head = `${body === '' ? 'GET' : 'POST'} /${number} HTTP/1.1\r\nHost: a.example\r\n`
        return head + (body === '' ? '\r\n' : framed(body, random))
      })
      .join('')
    this.#client = fake.client()
  }

  get done(): boolean {
    // Answered is what the client has taken; the last bytes may still wait for it.
    return this.answered === this.#bodies.length && this.#fake.outcomes.length === this.answered
  }

  step(): void {
    const { services } = this.#fake
    const service = services[this.#random(services.length + 1)] ?? null
    switch (this.#random(6)) {
      case 0:
      case 1:
        this.#toSend = this.#deliver(this.#client, this.#toSend)
        break
      case 2:
        if (service !== null && this.#opened.has(service))
          this.#toAnswer.set(service, this.#deliver(service, this.#toAnswer.get(service) ?? ''))
        break
      case 3:
        if (service !== null && !this.#opened.has(service)) {
          this.#opened.add(service)
          this.#fake.open(service)
        }
        break
      case 4:
        this.#toggle(service ?? this.#client)
        break
      default:
        this.#toggle(this.#client)
    }
    for (const wire of services) this.#look(wire)
    // The system tells of an end later than it was asked for.
    if (service?.destroyed === true && !this.#closed.has(service)) {
      this.#closed.add(service)
      this.#fake.close(service)
    }
    this.#take()
  }

  #deliver(wire: Wire, text: string): string {
    const length = this.#random(4) === 0 ? text.length : this.#random(200)
    const rest = this.#fake.deliver(wire, text.slice(0, length), 1 + this.#random(65_536))
    return rest + text.slice(length)
  }

  #toggle(wire: Wire): void {
    if (wire.stuck) this.#fake.drain(wire)
    else wire.stuck = true
  }

  /** Looks at what reached a service, and answers what is whole. */
  #look(service: Wire): void {
    const message = readMessage(service.text)
    if (message === null) return
    service.text = service.text.slice(message.length)
    const number = this.#seen++
    const body = this.#bodies[number] ?? 'one too many'
    assert.equal(message.line, `${body === '' ? 'GET' : 'POST'} /${number} HTTP/1.1`)
    assert.ok(message.body === body, `request ${number} has another body`)
    const answer = `HTTP/1.1 200 OK\r\n${framed(bodyOf(number, this.#random), this.#random)}`
    this.#toAnswer.set(service, (this.#toAnswer.get(service) ?? '') + answer)
  }

  #take(): void {
    const message = readMessage(this.#client.text)
    if (message === null) return
    this.#client.text = this.#client.text.slice(message.length)
    assert.equal(message.line, 'HTTP/1.1 200 OK')
    assert.ok(message.body.startsWith(`${this.answered}:`), `answer ${this.answered} is ${message.body.slice(0, 20)}`)
    this.answered += 1
  }
}

test(`${CONVERSATIONS} random conversations keep their order and lose nothing`, () => {
  const first = Date.now() & 0x7fffffff
  for (let seed = first; seed < first + CONVERSATIONS; seed++) {
    using fake = createFakeEngine()
    const conversation = new Conversation(fake, createRandom(seed))
    try {
      for (let step = 0; !conversation.done; step++) {
        assert.ok(step < 500_000, `stands still after ${conversation.answered} answers`)
        conversation.step()
      }
      assert.equal(fake.outcomes.length, conversation.answered)
      assert.ok(fake.outcomes.every(({ kind }) => kind === 'answered'))
    } catch (thrown) {
      throw new Error(`seed ${seed}`, { cause: thrown })
    }
  }
})
