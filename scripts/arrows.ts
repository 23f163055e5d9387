/**
 * Checks which file may import what: the arrows between packages, and the habits inside one.
 *
 * The linter shows the arrows between packages in the editor; this reads the same files whole, so that it also sees
 * what the linter's rule does not: `import()`, `import.meta.resolve()`, packages that are used without being
 * declared, and paths that leave their folder.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { glob, readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { parseAst } from 'rolldown/parseAst'

/** Workspace packages that each package may import. Nothing imports agent, control-plane, web-ui, cli, e2e, bench. */
export const ARROWS = {
  proto: [],
  core: ['proto'],
  'admin-api': ['core'],
  kit: [],
  agent: ['core', 'kit', 'proto'],
  'control-plane': ['core', 'kit', 'proto', 'admin-api', 'prisma'],
  prisma: [],
  'web-ui': ['admin-api'],
  cli: ['admin-api', 'kit'],
  e2e: ['admin-api', 'core', 'kit', 'proto'],
  bench: ['admin-api', 'core', 'kit', 'proto'],
  scripts: ['kit', 'prisma', 'core', 'admin-api'],
} as const satisfies Record<string, readonly string[]>

type PackageName = keyof typeof ARROWS

/** Packages whose sources run without Node: in a browser, or as a pure function. */
const WITHOUT_NODE: readonly PackageName[] = ['core', 'admin-api', 'web-ui']

/** Packages where only main.ts names the process. */
const PROCESS_IN_MAIN: readonly PackageName[] = [
  'proto',
  'core',
  'admin-api',
  'agent',
  'control-plane',
  'prisma',
  'cli',
]

export type Violation = {
  /** Relative to the root, with `:` and the line. */
  readonly place: string
  readonly message: string
}

type Import = {
  readonly specifier: string
  /** Erased before the code runs. */
  readonly typeOnly: boolean
  /** Offset in the file. */
  readonly start: number
}

/** @param root of the repository: a parameter, so that a test can plant violations elsewhere */
export async function findArrowViolations(root: string): Promise<Violation[]> {
  const violations: Violation[] = []
  for (const name of Object.keys(ARROWS) as PackageName[]) {
    const manifest = manifestOf(root, name)
    const exclude = ['**/node_modules/**', '**/dist/**', '**/generated/**', '**/gen/**']
    for await (const file of glob(`${name}/**/*.{ts,tsx}`, { cwd: root, exclude })) {
      const path = file.replaceAll('\\', '/')
      const code = await readFile(join(root, file), 'utf8')
      for (const found of importsOf(code, path)) {
        const message = refusal(name, path, found, manifest)
        if (message === undefined) continue
        const line = code.slice(0, found.start).split('\n').length
        violations.push({ place: `${path}:${line}`, message: `'${found.specifier}': ${message}` })
      }
    }
  }
  return violations
}

/** @returns why the import is refused, or undefined when it is fine. */
function refusal(
  name: PackageName,
  path: string,
  { specifier, typeOnly }: Import,
  manifest: Manifest,
): string | undefined {
  const atTheEdge = /\.test\.tsx?$|\/src\/main\.ts$|\/testing\.ts$|\/(?:fakes|testing)\/|\.config\.ts$/.test(path)
  if (specifier.startsWith('.')) return pathRefusal(name, path, specifier, manifest)
  if (specifier.startsWith('#')) return undefined
  if (isBuiltin(specifier)) {
    if (!specifier.startsWith('node:')) return 'a module of Node is imported with node:'
    const inSource = path.startsWith(`${name}/src/`) && !atTheEdge
    if (inSource && WITHOUT_NODE.includes(name)) return `${name} runs without Node: take it as a parameter`
    if (inSource && specifier === 'node:process' && PROCESS_IN_MAIN.includes(name)) {
      return 'only main.ts touches the process: take what you need as a parameter'
    }
    return undefined
  }
  const target = /^@headgate\/([^/]+)/.exec(specifier)?.[1]
  if (target !== undefined) {
    const allowed: readonly string[] = ARROWS[name]
    if (!allowed.includes(target)) return `${name} does not import ${target}`
    if (name === 'core' && !typeOnly) return `core imports only types from ${target}`
    return undefined
  }
  const library = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  const atTools = atTheEdge || name === 'e2e' || name === 'bench' || name === 'scripts'
  if (manifest.own.has(library) || (atTools && manifest.tools.has(library))) return undefined
  return `${name === 'scripts' ? '' : `${name}/`}package.json does not name ${library}`
}

function pathRefusal(name: PackageName, path: string, specifier: string, manifest: Manifest): string | undefined {
  const target = new URL(specifier, `file:///${path}`).pathname.slice(1)
  if (!target.startsWith(`${name}/`)) return 'another package is imported by its name, never by its path'
  if (manifest.hasFolders && /^\.\.\/.*\.tsx?$/.test(specifier))
    return `a path out of its folder is written #${name}/...`
  return undefined
}

type Manifest = {
  /** Packages that the package's own package.json names. */
  readonly own: ReadonlySet<string>
  /** Those that the root names, for tools and tests. */
  readonly tools: ReadonlySet<string>
  /** Whether it maps `#<package>/` to its sources. The others are too small to have folders. */
  readonly hasFolders: boolean
}

function manifestOf(root: string, name: PackageName): Manifest {
  const read = (file: string) =>
    JSON.parse(readFileSync(join(root, file), 'utf8')) as Record<string, Record<string, string> | undefined>
  const names = (content: ReturnType<typeof read>) =>
    new Set([...Object.keys(content['dependencies'] ?? {}), ...Object.keys(content['devDependencies'] ?? {})])
  const tools = names(read('package.json'))
  // The scripts work on the database as the package does whose migrations they write.
  const content = read(`${name === 'scripts' ? 'prisma' : name}/package.json`)
  return { own: names(content), tools, hasFolders: name !== 'scripts' && content['imports'] !== undefined }
}

/** Every import of a file, whatever its form. One with a specifier that is computed cannot be checked and is left. */
export function importsOf(code: string, path: string): Import[] {
  const found: Import[] = []
  visit(parseAst(code, { lang: path.endsWith('x') ? 'tsx' : 'ts' }), (node) => {
    const source = specifierOf(node)
    if (source !== undefined) found.push({ specifier: source, typeOnly: isTypeOnly(node), start: node.start })
  })
  return found
}

type Node = { readonly type: string; readonly start: number; readonly [field: string]: unknown }

function specifierOf(node: Node): string | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
    case 'ImportExpression':
    case 'TSImportType':
      return literal(node['source'] ?? node['argument'])
    case 'CallExpression': {
      const callee = node['callee'] as Node
      const isResolve = callee.type === 'MemberExpression' && (callee['object'] as Node).type === 'MetaProperty'
      return isResolve ? literal((node['arguments'] as Node[])[0]) : undefined
    }
    default:
      return undefined
  }
}

function literal(node: unknown): string | undefined {
  const value = (node as { value?: unknown; literal?: { value?: unknown } } | null | undefined) ?? {}
  const text = value.value ?? value.literal?.value
  return typeof text === 'string' ? text : undefined
}

function isTypeOnly(node: Node): boolean {
  if (node.type === 'TSImportType') return true
  return node['importKind'] === 'type' || node['exportKind'] === 'type'
}

function visit(value: unknown, each: (node: Node) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, each)
  } else if (typeof value === 'object' && value !== null) {
    if ('type' in value && typeof value.type === 'string') each(value as Node)
    for (const item of Object.values(value)) visit(item, each)
  }
}
