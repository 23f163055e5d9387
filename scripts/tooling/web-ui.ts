/**
 * Builds the dashboard when its sources have changed.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { commandOrThrow } from './command.ts'
import { ROOT } from './paths.ts'
import { unlessUnchanged } from './stamp.ts'

/** @returns whether it was built: false when nothing has changed, or when there is no dashboard to build. */
export async function buildWebUi(): Promise<boolean> {
  if (!existsSync(join(ROOT, 'web-ui', 'vite.config.ts'))) return false
  return unlessUnchanged({
    name: 'web-ui',
    inputs: [
      'web-ui/*.{ts,json,html}',
      'web-ui/{src,public}/**',
      // What it imports from other packages.
      '{admin-api,core}/src/**/*.ts',
      'node_modules/{vite,react,react-dom,@vitejs/plugin-react}/package.json',
    ],
    outputs: ['web-ui/dist/index.html'],
    work: async () => {
      await commandOrThrow('vite', ['build', '--logLevel', 'warn'], { cwd: 'web-ui' })
    },
  })
}
