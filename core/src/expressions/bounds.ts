/**
 * What an expression may be at most. Apart from the compiler, because a schema needs it and no more.
 *
 * @module
 */

/** Longest expression, in characters. */
export const EXPRESSION_LENGTH_MAX = 2_048
