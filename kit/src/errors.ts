/**
 * The error that may cross a boundary inside a process.
 *
 * @module
 */

/** A dependency did not do its part. Expected outcomes are values, never this. */
export class DependencyError extends Error {
  override readonly name = 'DependencyError'
  /** Stable code, such as `database_unavailable`. */
  readonly code: string
  /** Safe to show a caller. `message` is for our logs only. */
  readonly publicMessage: string

  constructor(code: string, message: string, publicMessage: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.publicMessage = publicMessage
  }
}

/** The text of whatever was thrown. For logs, never for callers. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** A `switch` that must be exhaustive came to its end: the types were lied to. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`)
}
