/**
 * The control plane's way to Postgres: client, generated types, migrations.
 *
 * @module
 */
export * from './generated/client.ts'
export { type Database, type DatabaseOptions, createDatabase } from './database.ts'
export { type DeployOptions, MigrationError, deploy, migrationsDirectory } from './deploy.ts'
