/**
 * Shows a release on its way to the agents, an agent a line.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { ListrTask } from 'listr2'
import type { Cli, Session } from '#cli/cli.ts'
import { CliError } from '#cli/exit.ts'
import { formatDuration } from '#cli/parse/duration.ts'
import { printable } from './style.ts'

type Release = Answer<'getRelease'>
type Delivery = Release['deliveries'][number]

/** Pause between two looks at the deliveries, in milliseconds. */
const POLL_MS = 200

/** From when on a wait says what it waits for, in milliseconds. */
const SAY_AFTER_MS = 3_000

/** Longest wait unless `--timeout` says otherwise, in milliseconds. */
export const ROLLOUT_TIMEOUT_MS = 30_000

/**
 * Waits until every connected agent has answered.
 *
 * @throws CliError when an agent refused the release, or did not answer in time.
 */
export async function watchRollout(cli: Cli, session: Session, number: number): Promise<Release> {
  const timeoutMs = cli.timeoutMs(ROLLOUT_TIMEOUT_MS)
  const started = cli.terminal.clock.monotonic()
  const end = started + timeoutMs
  let hasSaid = false
  let release = await read(session, number)
  const settled = new Map(release.deliveries.map(({ agent }) => [agent, Promise.withResolvers<Delivery>()]))
  const showing = show(cli, release, settled)
  for (;;) {
    for (const delivery of release.deliveries) {
      if (delivery.state !== 'pending') settled.get(delivery.agent)?.resolve(delivery)
    }
    const waiting = release.deliveries.filter(({ state }) => state === 'pending')
    if (waiting.length === 0) break
    if (cli.terminal.clock.monotonic() > end) {
      for (const delivery of waiting) settled.get(delivery.agent)?.resolve(delivery)
      break
    }
    await cli.terminal.clock.sleep(POLL_MS, cli.terminal.signal)
    release = await read(session, number)
    if (!hasSaid && cli.terminal.clock.monotonic() - started > SAY_AFTER_MS) {
      hasSaid = true
      if (!cli.terminal.err.isTerminal) cli.talk.line(`  waiting for ${names(waiting)} to act on r${number}`)
    }
  }
  for (const { resolve } of settled.values()) resolve({ ...MISSING })
  await showing
  return judge(cli, release, timeoutMs)
}

const MISSING: Delivery = { agent: '', group: '', region: '', state: 'unreachable', release_number: 0, reasons: [] }

function read({ client, where }: Session, number: number): Promise<Release> {
  return client.call('getRelease', { params: { ...where(), number: String(number) } })
}

function judge(cli: Cli, release: Release, timeoutMs: number): Release {
  const by = (state: Delivery['state']): readonly Delivery[] => release.deliveries.filter((one) => one.state === state)
  const live = by('live').length
  const summary = `r${release.number} is live on ${live} of ${release.deliveries.length} agents`
  const refused = by('refused')
  if (refused.length > 0) {
    throw new CliError(`${summary}; ${refused.length} refused it and act on what they had`, {
      details: refused.map(({ agent, reasons }) => printable(`${agent}  ${reasons.join('; ')}`)),
      fix: 'Publish what they accept, or go back: headgate releases rollback <number>',
    })
  }
  const pending = by('pending')
  if (pending.length > 0) {
    throw new CliError(`${summary}; no answer within ${formatDuration(timeoutMs)} from ${names(pending)}`, {
      fix: `They may still take it: headgate releases watch r${release.number}`,
    })
  }
  const away = by('unreachable')
  if (away.length > 0) cli.talk.warn(`not connected, and told when they are back: ${names(away)}`)
  cli.talk.line(
    release.deliveries.length === 0
      ? `  r${release.number} is published; no agent serves this environment yet`
      : `  ${summary}`,
  )
  return release
}

function names(deliveries: readonly Delivery[]): string {
  return deliveries.map(({ agent }) => printable(agent)).join(', ')
}

type Settled = ReadonlyMap<string, PromiseWithResolvers<Delivery>>

/** Lines that change on a terminal; elsewhere one line per answer. */
async function show(cli: Cli, release: Release, settled: Settled): Promise<void> {
  if (release.deliveries.length === 0) return
  if (!cli.terminal.err.isTerminal || release.deliveries.every(({ state }) => state !== 'pending')) {
    for (const { agent } of release.deliveries) {
      const delivery = await settled.get(agent)?.promise
      if (delivery !== undefined && delivery.agent !== '')
        cli.talk.line(`  ${printable(agent)}  ${stateText(delivery)}`)
    }
    return
  }
  const { DefaultRenderer, Listr, ListrLogger, ProcessOutput } = await import('listr2')
  // The library decides by standard output; data goes there, and people look at standard error.
  class ErrorStreamRenderer extends DefaultRenderer {
    static override nonTTY = true
  }
  const stream = cli.terminal.err.stream as NodeJS.WriteStream
  const logger = new ListrLogger({ useIcons: true, processOutput: new ProcessOutput(stream, stream) })
  const tasks: ListrTask[] = release.deliveries.map(({ agent, region }) => ({
    title: printable(region === '' ? agent : `${agent} (${region})`),
    task: async (_context, task) => {
      const delivery = await settled.get(agent)?.promise
      if (delivery === undefined) return
      task.title = `${task.title}  ${stateText(delivery)}`
      if (delivery.state !== 'live') throw new Error(task.title)
    },
  }))
  const list = new Listr(tasks, {
    concurrent: true,
    exitOnError: false,
    registerSignalListeners: false,
    renderer: ErrorStreamRenderer,
    rendererOptions: { logger, showErrorMessage: false, collapseErrors: false },
  })
  await cli.talk.silence(() => list.run())
}

function stateText(delivery: Delivery): string {
  switch (delivery.state) {
    case 'live':
      return 'live'
    case 'refused':
      return `refused: ${printable(delivery.reasons.join('; '))}`
    case 'pending':
      return 'no answer yet'
    case 'unreachable':
      return 'not connected'
  }
}
