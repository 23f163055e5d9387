/**
 * A Chromium for the tests of the dashboard: the one of `HEADGATE_CHROMIUM`, else one that is installed, else (as
 * root) Debian's. No browser is downloaded from anywhere else.
 *
 * @module
 */
import { aptInstall, onPath } from './system.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** @returns the path of the program; undefined when there is none and no way to get one here. */
export async function findChromium(): Promise<string | undefined> {
  const given = process.env['HEADGATE_CHROMIUM']
  if (given !== undefined) return given
  for (const name of NAMES) {
    const path = await onPath(name)
    if (path !== undefined) return path
  }
  return (await aptInstall('chromium')) ? onPath('chromium') : undefined
}
