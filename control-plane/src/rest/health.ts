/**
 * `/livez`, `/readyz` and `/metrics`: for orchestrators and Prometheus, without an operator. They tell whether and why
 * not, and nothing about tenants.
 *
 * @module
 */
import type { Request, Response } from 'express'
import { Router } from 'express'

export interface Health {
  /** Why this process should get no requests; null: it should. */
  ready(): Promise<string | null>
  /** Counts an answer of the admin API. */
  count(status: number): void
  /** Prometheus text. */
  metrics(): string
}

export function serveHealth(health: Health): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.get('/livez', (_request: Request, response: Response) => send(response, 200, 'ok\n'))
  router.get('/readyz', async (_request: Request, response: Response) => {
    const why = await health.ready()
    send(response, why === null ? 200 : 503, why === null ? 'ok\n' : `${why}\n`)
  })
  router.get('/metrics', (_request: Request, response: Response) => {
    response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
    send(response, 200, health.metrics())
  })
  return router
}

function send(response: Response, status: number, text: string): void {
  response.setHeader('Cache-Control', 'no-store')
  if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.statusCode = status
  response.end(text)
}

interface HealthOptions {
  /** @throws when the database does not answer. */
  readonly pingDatabase: () => Promise<void>
  readonly stop: AbortSignal
  readonly startedAtMs: number
  /** Connected agents, as far as this process serves them. */
  readonly agents: () => number
}

export function createHealth({ pingDatabase, stop, startedAtMs, agents }: HealthOptions): Health {
  const answers = new Map<string, number>()
  return {
    ready: async () => {
      if (stop.aborted) return 'stopping'
      return pingDatabase().then(
        () => null,
        () => 'the database cannot be reached',
      )
    },
    count: (status) => {
      const kind = `${Math.trunc(status / 100)}xx`
      answers.set(kind, (answers.get(kind) ?? 0) + 1)
    },
    metrics: () =>
      [
        '# HELP headgate_control_plane_start_time_seconds When this process started.',
        '# TYPE headgate_control_plane_start_time_seconds gauge',
        `headgate_control_plane_start_time_seconds ${startedAtMs / 1000}`,
        '# HELP headgate_control_plane_agents Agents that are connected to this process.',
        '# TYPE headgate_control_plane_agents gauge',
        `headgate_control_plane_agents ${agents()}`,
        '# HELP headgate_control_plane_answers_total Answers on the admin listener.',
        '# TYPE headgate_control_plane_answers_total counter',
        ...[...answers].map(([kind, count]) => `headgate_control_plane_answers_total{status="${kind}"} ${count}`),
        '',
      ].join('\n'),
  }
}
