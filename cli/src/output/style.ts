/**
 * Colours and signs of the terminal, or their absence.
 *
 * Colour never carries meaning alone: a sign or a word stands beside it.
 *
 * Sources: no-color.org (any non-empty NO_COLOR switches colour off).
 *
 * @module
 */
import type { Output, Terminal } from '#cli/terminal.ts'

export interface Style {
  bold(text: string): string
  dim(text: string): string
  /** Allowed, done. */
  good(text: string): string
  /** Refused, failed. */
  bad(text: string): string
  /** Limited, strange. */
  warn(text: string): string
  readonly signs: Signs
}

export interface Signs {
  readonly line: string
  readonly passed: string
  readonly stopped: string
  readonly notReached: string
  readonly done: string
  readonly failed: string
  readonly waiting: string
  readonly more: string
  readonly dot: string
}

const UNICODE: Signs = {
  line: '─',
  passed: '●',
  stopped: '┃',
  notReached: '○',
  done: '✓',
  failed: '✗',
  waiting: '◌',
  more: '…',
  dot: '·',
}

const ASCII: Signs = {
  line: '-',
  passed: '*',
  stopped: '|',
  notReached: 'o',
  done: 'ok',
  failed: 'x',
  waiting: '.',
  more: '...',
  dot: '-',
}

const plain = (text: string): string => text

function sgr(on: number, off: number): (text: string) => string {
  return (text) => `\u001B[${on}m${text}\u001B[${off}m`
}

/** A style with or without colour and Unicode. */
export function createStyle({ colour, unicode }: { readonly colour: boolean; readonly unicode: boolean }): Style {
  return {
    bold: colour ? sgr(1, 22) : plain,
    dim: colour ? sgr(2, 22) : plain,
    good: colour ? sgr(36, 39) : plain,
    bad: colour ? sgr(31, 39) : plain,
    warn: colour ? sgr(33, 39) : plain,
    signs: unicode ? UNICODE : ASCII,
  }
}

/** The style that fits where the text goes. */
export function styleFor(output: Output, { env, platform }: Pick<Terminal, 'env' | 'platform'>, ascii: boolean): Style {
  const colour = output.isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
  return createStyle({ colour, unicode: !ascii && hasUnicode(env, platform) })
}

function hasUnicode(env: Terminal['env'], platform: NodeJS.Platform): boolean {
  // The console of Windows before Windows Terminal has no fonts for it; the Linux console has 512 glyphs.
  if (platform === 'win32') return env['WT_SESSION'] !== undefined || env['TERM_PROGRAM'] === 'vscode'
  if (env['TERM'] === 'linux' || env['TERM'] === 'dumb') return false
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG']
  // No locale at all is usual in containers, which pass bytes on as they are.
  return locale === undefined || locale === '' || /utf-?8/i.test(locale)
}

/** Number of characters that are seen. Everything we print ourselves is one column wide. */
export function visibleLength(text: string): number {
  // oxlint-disable-next-line no-control-regex -- the escape character is what this looks for
  return text.replaceAll(/\u001B\[[0-9;]*m/g, '').length
}

/** Fills up with spaces to a visible width. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - visibleLength(text)))
}

/**
 * A text from outside, safe to show on a terminal: control characters, which could move the cursor or rewrite what
 * was printed, become visible.
 */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what this looks for
  return text.replaceAll(/[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/g, (character) => {
    const code = character.codePointAt(0) ?? 0
    return `\\u${code.toString(16).padStart(4, '0')}`
  })
}
