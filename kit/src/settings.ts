/**
 * Settings of a process: from environment to one typed, frozen object, or to the full list of what is wrong.
 *
 * Every setting `HEADGATE_X` may also be given as `HEADGATE_X_FILE`, a file that holds the value. A name that nobody
 * defined is an error, because a misspelt safety setting must not be ignored. Secret settings print as a mark.
 *
 * @module
 */
import { readFileSync } from 'node:fs'

export interface Setting<T> {
  /** Says what it is for; shown by `config print` and in the reference. */
  readonly doc: string
  readonly secret: boolean
  /** Shown as the default; undefined: none. */
  readonly fallback: string | undefined
  /** Reads the text, or says in a sentence what it must be. */
  parse(text: string): { readonly value: T } | { readonly problem: string }
  /** Value when nothing is given; `required` when there is none. */
  readonly absent: { readonly value: T } | 'required'
}

interface Base {
  readonly doc: string
}

/** Text; absent: `default`, or `undefined` with `optional`. */
export function text(options: Base & { default: string; oneOf?: readonly string[] }): Setting<string>
export function text(options: Base & { optional: true }): Setting<string | undefined>
export function text(options: Base): Setting<string>
export function text(
  options: Base & { default?: string; optional?: true; oneOf?: readonly string[] },
): Setting<string | undefined> {
  return {
    doc: options.doc,
    secret: false,
    fallback: options.default,
    parse: (value) =>
      options.oneOf !== undefined && !options.oneOf.includes(value)
        ? { problem: `must be one of ${options.oneOf.join(', ')}` }
        : { value },
    absent: absence(options),
  }
}

/** One of some words, typed. */
export function choice<const T extends string>(options: Base & { oneOf: readonly T[]; default: T }): Setting<T> {
  return {
    doc: options.doc,
    secret: false,
    fallback: options.default,
    parse: (value) => {
      const found = options.oneOf.find((word) => word === value)
      return found === undefined ? { problem: `must be one of ${options.oneOf.join(', ')}` } : { value: found }
    },
    absent: { value: options.default },
  }
}

/** A secret: never printed. */
export function secret(options: Base & { optional: true }): Setting<string | undefined>
export function secret(options: Base): Setting<string>
export function secret(options: Base & { optional?: true }): Setting<string | undefined> {
  return {
    doc: options.doc,
    secret: true,
    fallback: undefined,
    parse: (value) => ({ value }),
    absent: absence(options),
  }
}

/** Whole number within bounds, both included. */
export function integer(options: Base & { default: number; min: number; max: number }): Setting<number> {
  return {
    doc: options.doc,
    secret: false,
    fallback: String(options.default),
    parse: (value) => {
      const number = Number(value)
      return /^-?[0-9]{1,15}$/.test(value) && number >= options.min && number <= options.max
        ? { value: number }
        : { problem: `must be a whole number from ${options.min} to ${options.max}` }
    },
    absent: { value: options.default },
  }
}

/** `true` or `false`. */
export function flag(options: Base & { default: boolean }): Setting<boolean> {
  return {
    doc: options.doc,
    secret: false,
    fallback: String(options.default),
    parse: (value) =>
      value === 'true' || value === 'false' ? { value: value === 'true' } : { problem: 'must be true or false' },
    absent: { value: options.default },
  }
}

/** Where to listen. Port 0 lets the system choose. */
export interface ListenAddress {
  readonly host: string
  /** 0-65535. */
  readonly port: number
}

/** `host:port` or `[v6]:port`; `off` where `optional`. */
export function listenAddress(options: Base & { default: string }): Setting<ListenAddress | undefined> {
  const parse = (value: string): { value: ListenAddress | undefined } | { problem: string } => {
    if (value === 'off') return { value: undefined }
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9_.-]+)):([0-9]{1,5})$/.exec(value)
    const port = Number(match?.[3])
    if (match === null || port > 65_535) return { problem: 'must be host:port, [ipv6]:port or off' }
    return { value: { host: match[1] ?? match[2] ?? '', port } }
  }
  const absent = parse(options.default)
  if ('problem' in absent) throw new Error(`default ${options.default} ${absent.problem}`)
  return { doc: options.doc, secret: false, fallback: options.default, parse, absent }
}

function absence<T>(options: { default?: T; optional?: true }): { value: T | undefined } | 'required' {
  return options.default !== undefined || options.optional === true ? { value: options.default } : 'required'
}

/** Name without `HEADGATE_` to setting. */
export type Settings = Readonly<Record<string, Setting<unknown>>>

type Values<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never }

/** One line of `config print`. */
export interface SettingSource {
  readonly name: string
  /** The value as text, or a mark for secrets. */
  readonly shown: string
  /** `default`, `environment` or `file`. */
  readonly source: 'default' | 'environment' | 'file'
  readonly doc: string
}

export type SettingsRead<S extends Settings> =
  | { readonly kind: 'ok'; readonly values: Values<S>; readonly sources: readonly SettingSource[] }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] }

/** Keeps the types of the single settings. */
export function defineSettings<S extends Settings>(settings: S): S {
  return settings
}

/**
 * Reads all settings. Reports every problem at once.
 *
 * @param settings name without prefix (`LOG_LEVEL`) to setting.
 * @param env such as `process.env`; names that do not start with `HEADGATE_` are not looked at.
 * @param shared names (with prefix) that other processes of the product own and that are no error here.
 */
export function readSettings<S extends Settings>(
  settings: S,
  env: Readonly<Record<string, string | undefined>>,
  shared: readonly string[] = [],
): SettingsRead<S> {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  const sources: SettingSource[] = []
  for (const [key, setting] of Object.entries(settings)) {
    const name = `HEADGATE_${key}`
    const given = lookUp(name, env)
    if ('problem' in given) {
      problems.push(given.problem)
      continue
    }
    if (given.text === undefined) {
      if (setting.absent === 'required') problems.push(`${name} is missing: ${setting.doc}`)
      else values[key] = setting.absent.value
      sources.push({ name, shown: setting.fallback ?? '', source: 'default', doc: setting.doc })
      continue
    }
    const parsed = setting.parse(given.text)
    // The text of a secret does not belong in a message.
    if ('problem' in parsed) problems.push(`${name}${setting.secret ? '' : `=${given.text}`} ${parsed.problem}`)
    else values[key] = parsed.value
    sources.push({ name, shown: setting.secret ? '[secret]' : given.text, source: given.source, doc: setting.doc })
  }
  problems.push(...unknownNames(Object.keys(settings), env, shared))
  return problems.length > 0
    ? { kind: 'invalid', problems }
    : // Every key of S was set in the loop above, each by its own setting.
      { kind: 'ok', values: Object.freeze(values) as Values<S>, sources }
}

type Given = { text: string | undefined; source: 'environment' | 'file' } | { problem: string }

function lookUp(name: string, env: Readonly<Record<string, string | undefined>>): Given {
  const direct = env[name]
  const path = env[`${name}_FILE`]
  if (direct !== undefined && path !== undefined) return { problem: `${name} and ${name}_FILE are both set: give one` }
  if (path === undefined) return { text: direct, source: 'environment' }
  try {
    // A trailing line break is what every editor and `echo` adds.
    return { text: readFileSync(path, 'utf8').replace(/\r?\n$/, ''), source: 'file' }
  } catch (thrown) {
    return { problem: `${name}_FILE=${path} cannot be read: ${thrown instanceof Error ? thrown.message : 'unknown'}` }
  }
}

function unknownNames(
  keys: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  shared: readonly string[],
): string[] {
  const known = new Set(keys.flatMap((key) => [`HEADGATE_${key}`, `HEADGATE_${key}_FILE`]).concat(shared))
  return Object.keys(env)
    .filter((name) => name.startsWith('HEADGATE_') && !known.has(name))
    .map((name) => {
      const near = [...known]
        .map((other) => ({ other, distance: editDistance(name, other) }))
        .sort((a, b) => a.distance - b.distance)[0]
      return near !== undefined && near.distance <= 4
        ? `${name} is not a setting: did you mean ${near.other}?`
        : `${name} is not a setting`
    })
}

/** Levenshtein distance: single insertions, removals and changes. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(change, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
