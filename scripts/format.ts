/**
 * `npm run format`: writes every file the way `npm run check` wants it, and fixes what the linter can fix safely.
 *
 * @module
 */
import { command } from './tooling/command.ts'

const lint = await command('oxlint', ['--type-aware', '--fix', '--quiet'])
const format = await command('oxfmt', [])
console.log(`${lint.output}${format.output}`.trim())
process.exitCode = lint.code === 0 && format.code === 0 ? 0 : 1
