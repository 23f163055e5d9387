/**
 * Data on standard output: a table for people, JSON, YAML or names for programs.
 *
 * @module
 */
import { stringify } from 'yaml'
import type { Style } from './style.ts'
import { type Column, pairs, table } from './table.ts'

export const formats = ['table', 'json', 'yaml', 'name'] as const
export type Format = (typeof formats)[number]

/** How a value looks. */
export interface View<T> {
  /** For people. */
  readonly text: (value: T, style: Style) => string
  /** One name a line, for `-o name`. */
  readonly names: (value: T) => readonly string[]
}

export function print<T>(value: T, view: View<T>, format: Format, style: Style): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(value, null, 2)}\n`
    case 'yaml':
      return stringify(value, { lineWidth: 0 })
    case 'name':
      return view
        .names(value)
        .map((name) => `${name}\n`)
        .join('')
    case 'table':
      return view.text(value, style)
  }
}

/** The view of a list. `empty` says the next step. */
export function listView<Row>(
  columns: readonly Column<Row>[],
  name: (row: Row) => string,
  empty: string,
): View<readonly Row[]> {
  return {
    text: (rows, style) => (rows.length === 0 ? `${style.dim(empty)}\n` : table(columns, rows, style)),
    names: (rows) => rows.map(name),
  }
}

/** The view of one thing. */
export function itemView<T>(
  entries: (value: T) => readonly (readonly [string, string])[],
  name: (value: T) => string,
): View<T> {
  return { text: (value, style) => pairs(entries(value), style), names: (value) => [name(value)] }
}
