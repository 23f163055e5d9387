/**
 * The log of a process: JSON lines on standard error, message constant, data in fields.
 *
 * @module
 */
import { type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

// The last net, not the first: nobody logs these, and if somebody does, the value does not get out.
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'credential',
  'join_token',
  'joinToken',
  'key',
  'masterKey',
  'password',
  'privateKey',
  'secret',
  'set-cookie',
  'text',
  'token',
  'x-api-key',
]

interface LogOptions {
  /** Name of the process, such as `agent`. */
  readonly name: string
  readonly level: LogLevel
  /** Default: standard error, because standard output is for data. */
  readonly destination?: DestinationStream
}

/** A log. Give each folder its own: `log.child({ area: 'fleet' })`. */
export function createLog({ name, level, destination }: LogOptions): Log {
  return pino(
    {
      name,
      level,
      base: { name },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [`["${field}"]`, `*["${field}"]`]), censor: '[secret]' },
    },
    destination ?? pino.destination({ dest: 2, sync: true }),
  )
}
