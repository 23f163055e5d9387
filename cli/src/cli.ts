/**
 * What every command is given: the terminal, the way to talk, and the connection, made when it is first needed.
 *
 * @module
 */
import { type Client, createClient } from '@headgate/admin-api'
import { createFetch, type PinnedFetch } from './connect/fetch.ts'
import { findContext, type Found } from './connect/find.ts'
import type { Context } from './connect/context.ts'
import { CliError, type ExitCode, exitCodes, usageError } from './exit.ts'
import { type Format, print, type View } from './output/print.ts'
import { type Style, styleFor } from './output/style.ts'
import { createTalk, type Talk } from './output/talk.ts'
import { parseDuration } from './parse/duration.ts'
import { isInteractive, type Terminal } from './terminal.ts'

/** Options that every command takes. */
export interface GlobalOptions {
  readonly context?: string
  readonly tenant?: string
  readonly environment?: string
  readonly output?: Format
  readonly timeout?: string
  readonly yes?: boolean
  readonly ascii?: boolean
}

/** An environment, as paths of the admin API name it. */
export interface Where {
  readonly tenant: string
  readonly environment: string
}

/** A connection to one control plane. */
export interface Session {
  readonly client: Client
  readonly context: Context
  /** Where the context came from. */
  readonly source: string
  tenant(): string
  where(): Where
}

export interface Cli extends AsyncDisposable {
  readonly terminal: Terminal
  readonly options: GlobalOptions
  /** For standard output. */
  readonly style: Style
  readonly talk: Talk
  /** For standard error. */
  readonly talkStyle: Style
  session(): Promise<Session>
  /** A connection for a context that is no file yet. */
  connect(context: Context, source: string): Promise<Session>
  /** Longest wait, in milliseconds: what `--timeout` says, else the given one. */
  timeoutMs(otherwise: number): number
  /** Data, in the form that is asked for. */
  print<T>(value: T, view: View<T>): void
  /** Asks, where somebody can answer; elsewhere only `--yes` says yes. */
  confirm(question: string): Promise<boolean>
  /** Sets the exit code of a command that did what it was asked. */
  exit(code: ExitCode): void
  readonly exitCode: ExitCode
}

/** @param options read when a command runs: the parser fills them in. */
export function createCli(terminal: Terminal, options: () => GlobalOptions): Cli {
  const open: PinnedFetch[] = []
  let session: Promise<Session> | undefined
  let talking: Talk | undefined
  let exitCode: ExitCode = exitCodes.ok
  const errStyle = (): Style => styleFor(terminal.err, terminal, options().ascii ?? false)

  // Once, because what is shown at the moment is one thing; late, because options say how it is drawn.
  const talk = (): Talk => (talking ??= createTalk(terminal.err, errStyle(), terminal.clock))

  const connect = async (context: Context, source: string): Promise<Session> => {
    const pinned = await createFetch(context.url, context.ca)
    open.push(pinned)
    // Ctrl-C ends a call that waits.
    const fetch: PinnedFetch['fetch'] = (url, init) =>
      pinned.fetch(url, { ...init, signal: AbortSignal.any([terminal.signal, ...(init.signal ? [init.signal] : [])]) })
    const silent = createClient({
      baseUrl: context.url,
      fetch,
      ...(context.token === undefined ? {} : { token: context.token }),
    })
    const client: Client = {
      call: (id, call) => talk().wait(`the control plane at ${context.url}`, () => silent.call(id, call)),
    }
    const tenant = (): string => options().tenant ?? context.tenant ?? unnamed('tenant', '--tenant <name>')
    return {
      client,
      context,
      source,
      tenant,
      where: () => ({
        tenant: tenant(),
        environment: options().environment ?? context.environment ?? unnamed('environment', '-e <name>'),
      }),
    }
  }

  return {
    terminal,
    get options() {
      return options()
    },
    get style() {
      return styleFor(terminal.out, terminal, options().ascii ?? false)
    },
    get talkStyle() {
      return errStyle()
    },
    get talk() {
      return talk()
    },
    session: () => (session ??= findContext(terminal, options().context).then((found) => signedIn(found, connect))),
    connect,
    timeoutMs(otherwise) {
      const text = options().timeout
      if (text === undefined) return otherwise
      const ms = parseDuration(text)
      if (ms === undefined || ms === 0) throw usageError(`--timeout ${text} is not a duration`, 'Such as 30s or 2m')
      return ms
    },
    print(value, view) {
      const style = styleFor(terminal.out, terminal, options().ascii ?? false)
      terminal.out.stream.write(print(value, view, options().output ?? 'table', style))
    },
    async confirm(question) {
      if (options().yes === true) return true
      if (!isInteractive(terminal)) return false
      const { confirm } = await import('@clack/prompts')
      const answer = await confirm({ message: question, initialValue: false, output: terminal.err.stream })
      return answer === true
    },
    exit(code) {
      exitCode = code
    },
    get exitCode() {
      return exitCode
    },
    async [Symbol.asyncDispose]() {
      for (const pinned of open) await pinned[Symbol.asyncDispose]()
    },
  }
}

function signedIn({ context, source }: Found, connect: Cli['connect']): Promise<Session> {
  if (context.token === undefined) {
    throw new CliError(`there is no operator token for ${context.url}`, {
      exitCode: exitCodes.notAllowed,
      fix: 'Set HEADGATE_TOKEN, or sign in: headgate login',
    })
  }
  return connect(context, source)
}

function unnamed(what: string, option: string): never {
  throw usageError(`the context names no ${what}`, `Add ${option}, or keep one: headgate context set`)
}
