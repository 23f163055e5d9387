/**
 * How failures are told: what, where, the fix, and what to quote when asking for help.
 *
 * @module
 */
import { ConnectionError, type Problem, ProblemError } from '@headgate/admin-api'
import { CliError } from '#cli/exit.ts'
import { printable, type Style } from './style.ts'

/** The lines for whatever was thrown. */
export function renderFailure(thrown: unknown, style: Style): string {
  if (thrown instanceof CliError) return renderCliError(thrown, style)
  if (thrown instanceof ProblemError) return renderProblem(thrown.problem, style)
  if (thrown instanceof ConnectionError) return renderConnectionError(thrown, style)
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return `${style.bad('error:')} ${printable(text)}\n`
}

function renderCliError(error: CliError, style: Style): string {
  const lines = [
    `${style.bad('error:')} ${printable(error.message)}`,
    ...error.details.map((detail) => `  ${detail}`),
    ...(error.cause instanceof Error ? [`  ${style.dim(printable(error.cause.message))}`] : []),
    ...(error.fix === undefined ? [] : [`  ${style.dim('fix')} ${error.fix}`]),
  ]
  return `${lines.join('\n')}\n`
}

/** A problem of the admin API, with every error. */
function renderProblem(problem: Problem, style: Style): string {
  const detail = problem.detail === undefined ? '' : `: ${printable(problem.detail)}`
  const errors = problem.errors ?? []
  const lines = [
    `${style.bad('error:')} ${printable(problem.title)}${detail}`,
    ...errors.flatMap(({ pointer, message, fix }) => [
      `  ${style.bold(printable(pointer))}  ${printable(message)}`,
      `    ${style.dim('fix')} ${printable(fix)}`,
    ]),
    // The fix of a problem with errors says only "see errors".
    ...(errors.length > 0 ? [] : [`  ${style.dim('fix')} ${printable(problem.fix)}`]),
    `  ${style.dim(`${problem.code}, request ${problem.request_id}`)}`,
  ]
  return `${lines.join('\n')}\n`
}

function renderConnectionError(error: ConnectionError, style: Style): string {
  const why = rootCause(error)
  return (
    `${style.bad('error:')} ${printable(error.message)}${why === undefined ? '' : `: ${printable(why.text)}`}\n` +
    `  ${style.dim('fix')} ${fixFor(why?.code)}\n`
  )
}

function rootCause(error: Error): { readonly text: string; readonly code: string | undefined } | undefined {
  let cause: unknown = error.cause
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause
  if (!(cause instanceof Error)) return undefined
  const inner: unknown = cause instanceof AggregateError ? cause.errors[0] : cause
  const found = inner instanceof Error ? inner : cause
  return { text: found.message, code: (found as NodeJS.ErrnoException).code }
}

function fixFor(code: string | undefined): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'Check that it runs: headgate up'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'Check the name in the address'
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'Name its authority with HEADGATE_CA_FILE, or sign in again: headgate login'
    default:
      return 'See what is wrong: headgate doctor'
  }
}
