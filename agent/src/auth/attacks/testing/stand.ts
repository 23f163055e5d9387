/**
 * One agent that all attacks are sent to, the service behind it, and an issuer that is asked about tokens.
 *
 * @module
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { startService, type TestService } from '#agent/testing/service.ts'
import { answers } from '#agent/auth/attacks/cases/answers-about-tokens.ts'
import { directory, objects, secretsOfAgent } from './people.ts'

export interface Stand extends AsyncDisposable {
  readonly agent: TestAgent
  readonly service: TestService
}

export async function openStand(): Promise<Stand> {
  await using resources = new AsyncDisposableStack()
  const service = resources.use(await startService())
  const asked = resources.use(await startAskedIssuer())
  const agent = resources.use(
    await startAgent({
      objects: await objects(service.url, asked.url),
      directory: directory(),
      env: secretsOfAgent,
      // All attacks come from one address; that it is locked out is held elsewhere.
      settings: { lockOutFailures: 0, recordsAllowedPerS: 100_000 },
    }),
  )
  const owned = resources.move()
  return { agent, service, [Symbol.asyncDispose]: async () => await owned.disposeAsync() }
}

/** Answers about a token what the case of its name says. */
async function startAskedIssuer(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const answer = answers.get(new URLSearchParams(body).get('token') ?? '')?.() ?? { status: 404, body: '' }
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.fields }).end(answer.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
