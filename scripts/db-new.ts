/**
 * `npm run db:new -- <name>`: writes a migration with what schema.prisma has and the migrations do not.
 *
 * The SQL is a proposal: read it, and add what the schema cannot say.
 *
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { missingMigration } from './database/drift.ts'
import { ROOT } from './tooling/paths.ts'

const [name] = process.argv.slice(2)
if (name === undefined || !/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error('Usage: npm run db:new -- <name>, of small letters, digits and _')
  process.exitCode = 2
} else {
  const sql = await missingMigration()
  // To the second, as Prisma names them: the order of names is the order of application.
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
  const directory = join(ROOT, 'prisma', 'migrations', `${stamp}_${name}`)
  await mkdir(directory, { recursive: true })
  const file = join(directory, 'migration.sql')
  await writeFile(file, sql === '' ? '-- The schema asks for nothing: written by hand.\n' : sql)
  console.log(relative(ROOT, file))
}
