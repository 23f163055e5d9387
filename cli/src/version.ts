/**
 * The version of the product, taken from the package so that no second place states it.
 *
 * @module
 */
import manifest from '../package.json' with { type: 'json' }

export const VERSION: string = manifest.version
