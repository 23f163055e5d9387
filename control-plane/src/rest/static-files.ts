/**
 * Serves the built dashboard. Its pages are chosen in the browser, so all of their addresses are the same file.
 *
 * @module
 */
import express, { type Request, type Response, Router } from 'express'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Those of web-ui/src/frame/navigation.tsx, and the way in. */
const PAGES = ['/', '/welcome', '/explain', '/access', '/consumers', '/keys', '/issuers']

/** Beside a bundle, else where `npm run build` puts it. */
export function dashboardDirectory(): string {
  const beside = fileURLToPath(new URL('./web-ui', import.meta.url))
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../../web-ui/dist', import.meta.url))
}

export function serveDashboard(directory: string): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.get(PAGES, (_request: Request, response: Response) => {
    const page = join(directory, 'index.html')
    response.setHeader('Cache-Control', 'no-cache')
    if (existsSync(page)) response.sendFile(page, { cacheControl: false })
    else response.type('text/plain').send('The dashboard is not built: npm run build\nThe admin API is under /v1.\n')
  })
  // Names of assets carry a hash of their content.
  router.use(
    '/assets',
    express.static(join(directory, 'assets'), { index: false, immutable: true, maxAge: '1y', redirect: false }),
  )
  router.use(express.static(directory, { index: false, dotfiles: 'ignore', redirect: false, maxAge: 0 }))
  return router
}
