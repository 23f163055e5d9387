/**
 * Writes the SQL that brings a database to the Prisma schema.
 *
 * Prisma's schema engine runs as WebAssembly in this process: the binary that its commands use comes from outside
 * the package registry. Only `diff` is used; what needs a shadow database does not work this way.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import { ColumnTypeEnum, bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import { SchemaEngine } from '@prisma/schema-engine-wasm'
import pg from 'pg'
import { ROOT } from '../tooling/paths.ts'

const SCHEMA = join(ROOT, 'prisma', 'schema.prisma')

/** Object identifiers of Postgres' types `"char"` and `text`. */
const OID_CHAR = 18
const OID_TEXT = 25

/** Carries the news that a column is a `"char"` past the adapter, in the one thing that it hands on as it is. */
const CHAR_MARK = '"char":'

/**
 * The adapter does not know `"char"`, which the system catalogs use and the engine reads them. The pool passes such
 * a column off as a marked `text`, and what comes out of the adapter is told to be the character that it is.
 */
class CatalogAdapter extends PrismaPg {
  override async connect() {
    const adapter = await super.connect()
    const queryRaw = adapter.queryRaw.bind(adapter)
    return Object.assign(adapter, {
      queryRaw: async (query: Parameters<typeof queryRaw>[0]) => {
        const result = await queryRaw(query)
        const isChar = result.columnNames.map((name) => name.startsWith(CHAR_MARK))
        return {
          ...result,
          columnNames: result.columnNames.map((name, i) => (isChar[i] ? name.slice(CHAR_MARK.length) : name)),
          columnTypes: result.columnTypes.map((type, i) => (isChar[i] ? ColumnTypeEnum.Character : type)),
        }
      },
    })
  }
}

function catalogPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  const query = pool.query.bind(pool) as (config: unknown) => Promise<pg.QueryResult>
  const marked = async (config: unknown) => {
    const result = await query(config)
    for (const field of result.fields.filter(({ dataTypeID }) => dataTypeID === OID_CHAR)) {
      field.dataTypeID = OID_TEXT
      field.name = `${CHAR_MARK}${field.name}`
    }
    return result
  }
  return Object.assign(pool, { query: marked })
}

/** @returns SQL that brings the database at that address to the schema; empty when it is there already. */
export async function sqlToSchema(url: string): Promise<string> {
  const content = await readFile(SCHEMA, 'utf8')
  const files = [{ path: SCHEMA, content }]
  const pool = catalogPool(url)
  const factory = bindMigrationAwareSqlAdapterFactory(new CatalogAdapter(pool))
  using engine = await SchemaEngine.new({ datamodels: [[SCHEMA, content]] }, () => {}, factory)
  try {
    const { exitCode, stdout } = await engine.diff({
      // The schema's datasource: the database that the adapter is connected to.
      from: { tag: 'schemaDatasource', files, configDir: ROOT },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: true,
      filters: { externalTables: [], externalEnums: [] },
    })
    return exitCode === 0 ? '' : (stdout ?? '')
  } finally {
    await pool.end()
  }
}
