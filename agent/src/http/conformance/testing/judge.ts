/**
 * Runs a case against an agent and says what was wrong.
 *
 * What counts are the bytes that the service gets, as the strictest reader reads them: the requests that the case
 * names, whole, in order and no others; and, when the connection is kept, that the next request on it gets its own
 * answer.
 *
 * @module
 */
import { type Arrives, type Case, type Expected, SMUGGLED } from '#agent/http/conformance/cases/case.ts'
import { type Answer, type Client, type Next, openClient } from './client.ts'
import { valuesOf } from './message.ts'
import type { Seen } from './recorder.ts'
import { PROBE, type Stand, until } from './stand.ts'

export interface Verdict {
  /** Null: as the case says. */
  readonly wrong: string | null
  /** Whether an engine refused what it might have forwarded. */
  readonly stricter: boolean
}

/** How long a client waits that has sent something unfinished, in milliseconds. */
const GIVE_UP_MS = 60

/** Longer ones come in many reads anyway. */
const SPLIT_BYTES_MAX = 16_384

class Wrong extends Error {}

/** Every case is run as it is, then in two reads, and where the connection ends, with one more request behind it. */
export async function judge(stand: Stand, one: Case): Promise<Verdict> {
  const verdict = await judgeOnce(stand, one)
  if (verdict.wrong !== null) return verdict
  for (const [how, bytes] of variantsOf(one)) {
    const { wrong } = await judgeOnce(stand, { ...one, bytes })
    if (wrong !== null) return { ...verdict, wrong: `${how}: ${wrong}` }
  }
  return verdict
}

function* variantsOf({ bytes, after, title }: Case): Generator<readonly [how: string, bytes: Case['bytes']]> {
  if (typeof bytes === 'string' && bytes.length > 1 && bytes.length <= SPLIT_BYTES_MAX) {
    // Somewhere else in every case, and in the same place in every run.
    const at = 1 + ((title.length * 7_919) % (bytes.length - 1))
    yield [`in two reads, the first of ${at} bytes`, [bytes.slice(0, at), bytes.slice(at)]]
  }
  // Whatever ends a connection: a request that comes behind it must not be served.
  if (after === 'ends') {
    yield ['with a request behind it', typeof bytes === 'string' ? bytes + SMUGGLED : [...bytes, SMUGGLED]]
  }
}

async function judgeOnce(stand: Stand, one: Case): Promise<Verdict> {
  const { service, agent } = stand
  const before = { seen: service.seen.length, violations: service.violations.length, cut: service.cut.length }
  const due: Seen[] = []
  try {
    await using client = await openClient(agent.http)
    await write(client, one.bytes)
    const stricter = await readAnswers(stand, one, client, due)
    await checkConnection(one, client, stricter, due, stand)
    client.socket.destroy()
    const odd = await stand.probe()
    if (odd !== null) throw new Wrong(`another client gets ${odd}`)
    due.push(...service.seen.slice(-1))
    await checkArrived(stand, one, before, due)
    return { wrong: null, stricter }
  } catch (thrown) {
    if (!(thrown instanceof Wrong)) throw thrown
    return { wrong: thrown.message, stricter: false }
  }
}

async function write(client: Client, bytes: Case['bytes']): Promise<void> {
  if (typeof bytes === 'string') {
    client.write(bytes)
    return
  }
  for (const piece of bytes) {
    client.write(piece)
    // Long enough for the other side to read it before the next one comes.
    for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

/** @returns whether the engine refused what it might have forwarded; then nothing more is expected. */
async function readAnswers(stand: Stand, one: Case, client: Client, due: Seen[]): Promise<boolean> {
  for (const expected of one.expected) {
    const next = await client.next(methodOf(expected), expected.kind === 'unfinished' ? GIVE_UP_MS : undefined)
    if (expected.kind === 'arrives') {
      if (expected.orRefused && isRefusal(next, [400, 413, 417, 431, 0])) return true
      due.push(checkAnswer(stand, next, expected))
    } else if (expected.kind === 'refused') {
      if (!isRefusal(next, expected.statuses)) throw new Wrong(`not refused: ${JSON.stringify(next)}`)
      if (next.kind === 'answer') checkProblem(next)
    } else if (next.kind !== 'silent' && !isRefusal(next, [...expected.statuses, 0])) {
      throw new Wrong(`an answer to half a request: ${JSON.stringify(next)}`)
    }
  }
  return false
}

function methodOf(expected: Expected): string {
  return expected.kind === 'arrives' ? expected.method : 'GET'
}

function isRefusal(next: Next, statuses: readonly number[]): boolean {
  if (next.kind === 'ended') return statuses.includes(0) && next.rest === ''
  return next.kind === 'answer' && next.serial === 0 && statuses.includes(next.status)
}

/** A refusal has one form, and says nothing about the machine. */
function checkProblem(answer: Answer): void {
  if (answer.body === '') throw new Wrong('a refusal without a body')
  const problem = JSON.parse(answer.body) as Record<string, unknown>
  if (problem['status'] !== answer.status) throw new Wrong(`a refusal that names another status: ${answer.body}`)
  if (!valuesOf(answer.fields, 'content-type').includes('application/problem+json')) throw new Wrong('content-type')
}

function checkAnswer(stand: Stand, next: Next, expected: Arrives): Seen {
  if (next.kind !== 'answer' || next.status !== 200) throw new Wrong(`not answered: ${JSON.stringify(next)}`)
  const seen = stand.service.seen.find(({ serial }) => serial === next.serial)
  if (seen === undefined) throw new Wrong(`an answer of nobody: ${JSON.stringify(next)}`)
  const { method, target, body, has, lacks } = expected
  const told = `${seen.line} ${JSON.stringify(seen.fields)} ${JSON.stringify(seen.body.slice(0, 500))}`
  if (seen.method !== method || seen.target !== target) throw new Wrong(`not ${method} ${target}: ${told}`)
  if (seen.body !== body) throw new Wrong(`another body, of ${seen.body.length} bytes and not ${body.length}: ${told}`)
  for (const [name, value] of has) {
    if (!valuesOf(seen.fields, name).includes(value)) throw new Wrong(`no ${name}: ${value} in ${told}`)
  }
  if (expected.lacksValue !== '' && seen.fields.some(([, value]) => value === expected.lacksValue))
    throw new Wrong(told)
  for (const name of lacks) if (valuesOf(seen.fields, name).length > 0) throw new Wrong(`${name} in ${told}`)
  return seen
}

async function checkConnection(one: Case, client: Client, stricter: boolean, due: Seen[], stand: Stand): Promise<void> {
  const unfinished = one.expected.some(({ kind }) => kind === 'unfinished')
  if (unfinished && !client.over) return
  const after = stricter ? 'either' : one.after
  if (after === 'ends' || unfinished) {
    const rest = await client.ended()
    if (rest !== '') throw new Wrong(rest === null ? 'the connection is kept' : `more answers: ${rest.slice(0, 500)}`)
    return
  }
  client.write(PROBE)
  const next = await client.next()
  if (after === 'either' && next.kind === 'ended' && next.rest === '') return
  if (next.kind !== 'answer' || next.body !== 'GET /probe 0')
    throw new Wrong(`the next one gets ${JSON.stringify(next)}`)
  due.push(...stand.service.seen.filter(({ serial }) => serial === next.serial))
}

async function checkArrived(
  stand: Stand,
  one: Case,
  before: { seen: number; violations: number; cut: number },
  due: readonly Seen[],
): Promise<void> {
  const { service } = stand
  if (!(await until(() => service.unfinished() === 0))) throw new Wrong('a half request is left at the service')
  const violations = service.violations.slice(before.violations)
  if (violations.length > 0) throw new Wrong(violations.join('\n'))
  const seen = service.seen.slice(before.seen)
  const undue = seen.filter((each) => !due.includes(each))
  if (undue.length > 0)
    throw new Wrong(`nobody asked for ${JSON.stringify(undue.map(({ line, body }) => [line, body]))}`)
  if (seen.length !== due.length) throw new Wrong(`${due.length} answers to ${seen.length} requests`)
  const mayCut = one.expected.some(({ kind, ...rest }) => kind !== 'arrives' || ('orRefused' in rest && rest.orRefused))
  if (!mayCut && service.cut.length > before.cut) throw new Wrong(`cut: ${service.cut.slice(before.cut).join('\n')}`)
}
