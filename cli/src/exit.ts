/**
 * How the command ends: exit codes, and the errors that carry one.
 *
 * @module
 */
import { ConnectionError, ProblemError } from '@headgate/admin-api'

/** Exit codes. Stable: scripts rely on them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  /** What was compared differs. */
  differs: 2,
  usage: 3,
  notAllowed: 4,
  /** Somebody or something else was there first. */
  conflict: 5,
  /** Ended by Ctrl-C, as shells count it. */
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The command cannot do what it was asked; said in one sentence, with one fix. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode
  readonly fix: string | undefined
  /** More lines that belong to it, such as one per problem of a file. */
  readonly details: readonly string[]

  constructor(
    message: string,
    more: { exitCode?: ExitCode; fix?: string; details?: readonly string[]; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.exitCode = more.exitCode ?? exitCodes.failed
    this.fix = more.fix
    this.details = more.details ?? []
  }
}

/** The arguments do not make sense. */
export function usageError(message: string, fix?: string): CliError {
  return new CliError(message, { exitCode: exitCodes.usage, ...(fix === undefined ? {} : { fix }) })
}

/** The exit code for whatever was thrown. */
export function exitCodeOf(thrown: unknown): ExitCode {
  if (thrown instanceof CliError) return thrown.exitCode
  if (thrown instanceof ProblemError) return exitCodeOfStatus(thrown.problem.status)
  if (thrown instanceof ConnectionError) return exitCodes.failed
  return exitCodes.failed
}

function exitCodeOfStatus(status: number): ExitCode {
  switch (status) {
    case 401:
    case 403:
      return exitCodes.notAllowed
    case 409:
    case 412:
    case 428:
      return exitCodes.conflict
    default:
      return exitCodes.failed
  }
}
