/**
 * What a command sees of the world around it. `main.ts` makes one of the process; tests make their own.
 *
 * @module
 */
import type { Readable, Writable } from 'node:stream'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Processes } from './local/processes.ts'

export interface Output {
  readonly stream: Writable
  /** Somebody is looking; without, it goes to a file or another program. */
  readonly isTerminal: boolean
  /** Width in characters. */
  readonly columns: number
}

export interface Terminal {
  /** Arguments after the name of the command. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly home: string
  readonly platform: NodeJS.Platform
  readonly pid: number
  /** The running Node. */
  readonly execPath: string
  /** Data goes here. */
  readonly out: Output
  /** Talk goes here. */
  readonly err: Output
  readonly in: { readonly stream: Readable; readonly isTerminal: boolean }
  readonly clock: Clock
  readonly processes: Processes
  /**
   * Becomes another program: same process, streams and place in the tree of processes. Does not return. Absent where
   * the system cannot.
   */
  readonly become?: (program: string, args: readonly string[], env: Readonly<Record<string, string>>) => never
  /** Fires on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
}

/** Whether questions may be asked: somebody reads them and can answer. */
export function isInteractive({ in: input, err, env }: Terminal): boolean {
  return input.isTerminal && err.isTerminal && (env['CI'] ?? '') === ''
}

/** Longest secret or list of names that is read from standard input, in characters. */
const STDIN_LENGTH_MAX = 65_536

/** All of standard input. */
export async function readStdin({ in: input }: Terminal): Promise<string> {
  let text = ''
  input.stream.setEncoding('utf8')
  for await (const part of input.stream) {
    text += String(part)
    if (text.length > STDIN_LENGTH_MAX) throw new Error(`standard input is longer than ${STDIN_LENGTH_MAX} characters`)
  }
  return text
}
