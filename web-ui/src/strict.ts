/**
 * Tells zod, before the first schema is made, that this page may not turn text into code.
 *
 * Without it zod tries `new Function` once; the Content-Security-Policy refuses that, zod goes on without, and every
 * visit leaves a reported violation behind. So this file is the first import of `main.tsx`.
 *
 * Source: zod 4, `core/core.js` (`globalThis.__zod_globalConfig`) and `core/util.js` (`allowsEval`).
 *
 * @module
 */
Object.assign(globalThis, { __zod_globalConfig: { jitless: true } })
