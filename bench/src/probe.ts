/**
 * Proves that a proxy does the work of its row before it is measured: a fast wrong answer is no result.
 *
 * @module
 */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LoadRequest } from './load/load.ts'
import { BODY } from './peers/nginx.ts'

/** Longest wait for one answer, in milliseconds. */
const TIMEOUT_MS = 10_000

interface Answer {
  readonly status: number
  readonly body: string
}

/**
 * @param ca certificate that HTTPS must present.
 * @throws Error when the request is not answered by the service, or is answered without its key.
 */
export async function probe(url: string, ca: string, { path, key }: LoadRequest): Promise<void> {
  const answer = await ask(url + path, ca, key)
  if (answer.status !== 200 || !answer.body.startsWith(BODY)) throw new Error(`${url}${path} answers ${answer.status}`)
  if (key === undefined) return
  const without = await ask(url + path, ca, undefined)
  if (without.status !== 401) throw new Error(`${url}${path} answers ${without.status} without its key`)
  const wrong = await ask(
    url + path,
    ca,
    key.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
  )
  if (wrong.status !== 401) throw new Error(`${url}${path} answers ${wrong.status} with a wrong key`)
}

function ask(url: string, ca: string, key: string | undefined): Promise<Answer> {
  return new Promise((settle, reject) => {
    const headers = key === undefined ? {} : { 'x-api-key': key }
    const options = { agent: false, headers, timeout: TIMEOUT_MS } as const
    const request = url.startsWith('https:') ? httpsRequest(url, { ...options, ca }) : httpRequest(url, options)
    request.once('response', (response) => {
      let body = ''
      response.setEncoding('latin1').on('data', (text: string) => (body += text))
      response.once('end', () => settle({ status: response.statusCode ?? 0, body }))
      response.once('error', reject)
    })
    request.once('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    request.once('error', reject)
    request.end()
  })
}
