/**
 * Generates what is not written by hand: the database client from the Prisma schema, the messages from the proto files,
 * and the pages of problems from their tables. Each is skipped when its inputs have not changed.
 *
 * @module
 */
import { commandOrThrow } from './tooling/command.ts'
import { unlessUnchanged } from './tooling/stamp.ts'

/**
 * Prisma looks for its schema engine before it generates, and would download it. Generating does not use that
 * engine, so any existing file will do; without this, an offline machine cannot generate at all.
 */
const PRISMA_OFFLINE = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' }

const prisma = unlessUnchanged({
  name: 'prisma-client',
  inputs: ['prisma/schema.prisma', 'node_modules/prisma/package.json'],
  outputs: ['prisma/src/generated/client.ts'],
  work: async () => {
    await commandOrThrow('prisma', ['generate', '--schema', 'prisma/schema.prisma'], { env: PRISMA_OFFLINE })
  },
})

const proto = unlessUnchanged({
  name: 'proto',
  inputs: [
    'proto/buf.yaml',
    'proto/buf.gen.yaml',
    'proto/{headgate,opentelemetry}/**/*.proto',
    'node_modules/@bufbuild/{buf,protoc-gen-es}/package.json',
  ],
  outputs: ['proto/src/gen/headgate'],
  work: async () => {
    await commandOrThrow('buf', ['generate'], { cwd: 'proto' })
  },
})

for (const [name, ran] of [
  ['database client', await prisma],
  ['proto messages', await proto],
] as const) {
  if (ran) console.log(`generated ${name}`)
}

const pages = await commandOrThrow('node', ['--disable-warning=ExperimentalWarning', 'scripts/reference.ts'])
if (pages.stdout !== '') console.log(pages.stdout.trimEnd())
