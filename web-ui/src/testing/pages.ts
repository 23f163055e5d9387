/**
 * The built dashboard in a real Chromium, for tests: a browser for each file, a control plane for each test.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, type TestContext } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { type FakeAdminApi, startFakeAdminApi } from '../fakes/admin-api.ts'

const CHROMIUM = process.env['HEADGATE_CHROMIUM'] ?? '/usr/bin/chromium'
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Set to keep pictures of the pages there, to be looked at. */
const PICTURES = process.env['HEADGATE_TEST_PICTURES']

/** Without a browser a laptop may do without; where results count, that would be a silent hole. */
export const skip = existsSync(CHROMIUM) || process.env['CI'] === '1' ? false : `no Chromium at ${CHROMIUM}`

export interface Visit {
  readonly path?: string
  readonly theme?: 'light' | 'dark'
  readonly width?: number
}

export interface Pages {
  /** The control plane of the test that runs. */
  readonly fake: FakeAdminApi
  /** Opens a page; fails the test for whatever the console says, except that an answer was not 2xx. */
  readonly visit: (t: TestContext, visit?: Visit) => Promise<Page>
}

/** Builds the dashboard and starts the browser before the tests of a file. Called once, at its top. */
export function usePages(): Pages {
  let folder: string
  let browser: Browser
  let fake: FakeAdminApi

  before(async () => {
    if (skip !== false) return
    folder = await mkdtemp(join(tmpdir(), 'headgate-web-ui-'))
    const root = join(import.meta.dirname, '../..')
    await build({ root, logLevel: 'error', build: { outDir: join(folder, 'dist'), emptyOutDir: true } })
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  })

  after(async () => {
    if (skip !== false) return
    await browser.close()
    await rm(folder, { recursive: true, force: true })
  })

  beforeEach(async (t) => {
    if (skip !== false) return
    fake = await startFakeAdminApi(join(folder, 'dist'))
    // The hook is called with the test that follows, whose end is the end of the fake.
    ;(t as TestContext).after(() => fake[Symbol.asyncDispose]())
  })

  return {
    get fake() {
      return fake
    },
    async visit(t, { path = '/', theme = 'light', width = 1440 } = {}) {
      const context = await browser.newContext({
        viewport: { width, height: 900 },
        colorScheme: theme,
        permissions: ['clipboard-read', 'clipboard-write'],
      })
      const page = await context.newPage()
      const said: string[] = []
      page.on('console', (message) => {
        const loud = message.type() === 'error' || message.type() === 'warning'
        if (loud && !message.text().startsWith('Failed to load resource')) said.push(message.text())
      })
      page.on('pageerror', (error) => said.push(String(error)))
      t.after(async () => {
        await context.close()
        assert.deepEqual(said, [], 'the console stays empty')
      })
      await page.goto(fake.url + path)
      return page
    },
  }
}

export async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `${name}.png`) })
}

/** Details beside a list. */
export const panel = (page: Page) => page.locator('.panel')

export const query = (page: Page): URLSearchParams => new URL(page.url()).searchParams
