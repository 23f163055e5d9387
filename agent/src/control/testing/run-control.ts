/**
 * One agent without listeners, in a process of its own, for tests of the control plane: it says on standard output
 * what becomes live and when, a JSON line each, and ends when its standard input does.
 *
 * Usage: node run-control.ts '{"stateDir":"state","agentName":"one","joinToken":"hgj_..."}'
 *
 * @module
 */
import { systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import type { CompiledRelease } from '@headgate/core'
import { argv, stdin, stdout } from 'node:process'
import { createControl } from '#agent/control/index.ts'
import type { DirectoryStore } from '#agent/directory/store.ts'
import { createLive, type LiveState } from '#agent/live.ts'

/** Pause between two looks at the status, in milliseconds. */
const STATUS_MS = 20

interface Argument {
  readonly stateDir: string
  readonly agentName: string
  readonly joinToken?: string
}

function say(event: string, fields: object): void {
  stdout.write(`${JSON.stringify({ event, at: Date.now(), ...fields })}\n`)
}

function watchStore(store: DirectoryStore): DirectoryStore {
  const sayDirectory = (how: string): void => {
    const { environmentId, sequence, consumers, apiKeys } = store.toMessage()
    const keys = Object.fromEntries(apiKeys.map(({ id, state }) => [id, state]))
    const names = consumers.map(({ name }) => name)
    say('directory', { how, environmentId, sequence: Number(sequence), consumers: names, keys })
  }
  return Object.assign(Object.create(store) as DirectoryStore, {
    load: async (bytes: Uint8Array) => {
      const why = await store.load(bytes)
      sayDirectory('whole')
      return why
    },
    apply: (...args: Parameters<DirectoryStore['apply']>) => {
      const outcome = store.apply(...args)
      sayDirectory(typeof outcome === 'object' ? outcome.why : outcome)
      return outcome
    },
  })
}

const { joinToken, ...settings } = JSON.parse(argv[2] ?? '') as Argument
const inner = createLive()
const live: LiveState = {
  ...inner,
  setRelease: (environmentId: string, release: CompiledRelease, number: number) => {
    inner.setRelease(environmentId, release, number)
    say('release', { environmentId, number, routes: [...release.routes.keys()] })
  },
  directory: (environmentId) => watchStore(inner.directory(environmentId)),
  remove: (environmentId) => {
    inner.remove(environmentId)
    say('removed', { environmentId })
  },
}
await using control = await createControl({
  settings: { ...settings, joinToken },
  version: '0.0.0-test',
  listeners: () => ['http://127.0.0.1:8080'],
  live,
  clock: systemClock,
  log: createLog({ name: 'agent', level: 'info' }),
  onIdentity: ({ agentName }) => say('identity', { agentName }),
})
say('started', { held: inner.held().map((held) => ({ ...held, directorySequence: Number(held.directorySequence) })) })
let said = ''
const timer = setInterval(() => {
  const { state, problem, agentId } = control.status()
  if (said === `${state} ${problem}`) return
  said = `${state} ${problem}`
  say('status', { state, problem, agentId })
}, STATUS_MS)
stdin.resume()
await new Promise((resolve) => stdin.once('end', resolve))
clearInterval(timer)
