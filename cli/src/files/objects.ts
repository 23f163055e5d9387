/**
 * Reads configuration objects from YAML (or JSON), and keeps where each was written.
 *
 * A file holds documents, each an object of `kind`, `name` and `spec`, or a list of such objects. What an object
 * means is the control plane's business; here only its outer form is checked, so that every mistake has a line.
 *
 * @module
 */
import { configDocument, type Call } from '@headgate/admin-api'
import {
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document,
  type Node,
  type ParsedNode,
  type YAMLMap,
} from 'yaml'

/** An object as the admin API takes it. */
export type SourceObject = Call<'applyObjects'>['body']['objects'][number]

export interface ObjectFile {
  readonly objects: readonly SourceObject[]
  /** Everything that is wrong with the form, each with its place. */
  readonly problems: readonly string[]
  /** Place of a pointer into the list of objects (`/objects/3/spec/path`) or into one (`/route/orders/spec/path`). */
  locate(pointer: string): string | undefined
  /** Place of a pointer into the spec of an object (`route/orders`). */
  locateObject(object: string, pointer: string): string | undefined
}

/** Text of one file. `label` is how the file is called in messages. */
export interface SourceText {
  readonly label: string
  readonly text: string
}

interface Entry {
  readonly node: YAMLMap
  readonly place: (offset: number) => string
  readonly object: SourceObject
}

/** How often an anchor may be used: enough for people, too little for a bomb. */
const ALIASES_MAX = 1_000

/** Reads all files as one list. Never throws for bad content: that is in `problems`. */
export function readObjects(files: readonly SourceText[]): ObjectFile {
  const entries: Entry[] = []
  const problems: string[] = []
  const seen = new Map<string, string>()
  for (const { label, text } of files) {
    const lines = new LineCounter()
    const place = (offset: number): string => `${label}:${lines.linePos(offset).line}`
    for (const document of documentsOf(text, lines)) {
      problems.push(...document.errors.map((error) => `${place(error.pos[0])}  ${firstLine(error.message)}`))
      if (document.errors.length > 0) continue
      for (const node of objectNodes(document, place, problems)) {
        const entry = readEntry(node, document, place, problems)
        if (entry === undefined) continue
        const id = `${entry.object.kind}/${entry.object.name}`
        const before = seen.get(id)
        if (before !== undefined) problems.push(`${entry.object.origin}  ${id} is at ${before} already`)
        seen.set(id, entry.object.origin ?? '')
        entries.push(entry)
      }
    }
  }
  const byId = new Map(entries.map((entry) => [`${entry.object.kind}/${entry.object.name}`, entry]))
  return {
    objects: entries.map((entry) => entry.object),
    problems,
    locate(pointer) {
      const [first = '', second = '', ...rest] = pointer.split('/').slice(1).map(unescape)
      if (first === 'objects') return placeOf(entries[Number(second)], rest)
      return placeOf(byId.get(`${first}/${second}`), rest)
    },
    locateObject: (object, pointer) =>
      placeOf(byId.get(object), ['spec', ...pointer.split('/').slice(1).map(unescape)]),
  }
}

function documentsOf(text: string, lines: LineCounter): readonly Document.Parsed[] {
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })
  return 'empty' in documents ? [] : documents
}

function objectNodes(
  document: Document.Parsed,
  place: (offset: number) => string,
  problems: string[],
): readonly YAMLMap[] {
  const { contents } = document
  if (contents === null || (isScalar(contents) && contents.value === null)) return []
  const nodes: readonly unknown[] = isSeq(contents) ? contents.items : [contents]
  return nodes.filter((node) => {
    if (isMap(node)) return true
    const at = (node as ParsedNode | null)?.range?.[0] ?? contents.range[0]
    problems.push(`${place(at)}  an object of kind, name and spec is expected`)
    return false
  }) as readonly YAMLMap[]
}

function readEntry(
  node: YAMLMap,
  document: Document.Parsed,
  place: (offset: number) => string,
  problems: string[],
): Entry | undefined {
  const origin = place(node.range?.[0] ?? 0)
  let value: unknown
  try {
    value = node.toJS(document, { maxAliasCount: ALIASES_MAX })
  } catch (thrown) {
    problems.push(`${origin}  ${firstLine(thrown instanceof Error ? thrown.message : String(thrown))}`)
    return undefined
  }
  const parts = partsOfPrototype(node)
  for (const offset of parts) problems.push(`${place(offset)}  __proto__ cannot be the name of a field`)
  if (parts.length > 0) return undefined
  const parsed = configDocument.safeParse(value)
  if (parsed.success) return { node, place, object: { ...parsed.data, origin } }
  for (const issue of parsed.error.issues) {
    const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path
    problems.push(`${place(offsetOf(node, path.map(String)))}  ${path.join('.') || 'object'}: ${issue.message}`)
  }
  return undefined
}

/** Offsets of fields that checks would pass over without a word, because objects have something of that name. */
function partsOfPrototype(node: YAMLMap): readonly number[] {
  const offsets: number[] = []
  visit(node, {
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value === '__proto__') offsets.push(key.range?.[0] ?? 0)
    },
  })
  return offsets
}

function placeOf(entry: Entry | undefined, path: readonly string[]): string | undefined {
  return entry?.place(offsetOf(entry.node, path))
}

/** Offset of the deepest node on a path that is really there. */
function offsetOf(node: YAMLMap, path: readonly string[]): number {
  let offset = node.range?.[0] ?? 0
  let current: unknown = node
  for (const step of path) {
    if (isMap(current)) {
      const pair = current.items.find((item) => String(isScalar(item.key) ? item.key.value : item.key) === step)
      if (pair === undefined) break
      offset = (pair.key as Node | null)?.range?.[0] ?? offset
      current = pair.value
    } else if (isSeq(current)) {
      const item = current.items[Number(step)]
      offset = (item as Node | null | undefined)?.range?.[0] ?? offset
      current = item
    } else break
  }
  return offset
}

function unescape(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
