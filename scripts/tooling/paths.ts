/**
 * Where things are in the repository. Absolute, so that a script works from any directory.
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'

/** Root of the repository, without a slash at the end. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '')

/** Stamps, compile cache and downloads: safe to delete at any time. */
export const CACHE = join(ROOT, '.cache')

/** Commands of the installed packages, the pinned Node among them. */
export const BIN = join(ROOT, 'node_modules', '.bin')
