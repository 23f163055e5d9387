/**
 * An agent with one open route between a client and a recording service: what every part of this suite stands on.
 *
 * @module
 */
import type { ObjectInput } from '@headgate/core'
import type { AgentSettings } from '#agent/config.ts'
import { openRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { openClient } from './client.ts'
import { type Recorder, type RecorderOptions, startRecorder } from './recorder.ts'

export interface Stand extends AsyncDisposable {
  readonly agent: TestAgent
  readonly service: Recorder
  /** Asks something ordinary over a new connection. @returns what was wrong with the answer; null: nothing. */
  probe(): Promise<string | null>
}

interface StandOptions extends RecorderOptions {
  readonly settings?: Partial<AgentSettings>
  readonly objects?: (url: string) => Omit<ObjectInput, 'origin'>[]
}

export const PROBE = 'GET /probe HTTP/1.1\r\nHost: api.example.com\r\n\r\n'

export async function openStand(options: StandOptions = {}): Promise<Stand> {
  const service = await startRecorder(options)
  const objects = (options.objects ?? openRelease)(service.url)
  const agent = await startAgent({ objects, ...(options.settings !== undefined && { settings: options.settings }) })
  return {
    agent,
    service,
    probe: async () => {
      await using client = await openClient(agent.http)
      client.write(PROBE)
      const next = await client.next()
      const good = next.kind === 'answer' && next.status === 200 && next.body === 'GET /probe 0'
      return good ? null : JSON.stringify(next)
    },
    [Symbol.asyncDispose]: async () => {
      await agent[Symbol.asyncDispose]()
      await service[Symbol.asyncDispose]()
    },
  }
}

/** Waits for a condition that needs no event. @returns whether it came about. */
export async function until(condition: () => boolean, waitMs = 3_000): Promise<boolean> {
  const deadlineMs = performance.now() + waitMs
  while (!condition()) {
    if (performance.now() > deadlineMs) return false
    await new Promise<void>((resolve) => setTimeout(resolve, 2))
  }
  return true
}
