/**
 * A table of text, and values as JSON, YAML or names.
 *
 * @module
 */
import { pad, printable, type Style, visibleLength } from './style.ts'

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  /** Colour by value; the text stays what `value` gives. */
  readonly paint?: (text: string, row: Row) => string
}

/** Rows under titles, columns apart by two spaces. Nothing is cut: what is long is long. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], style: Style): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row)) || '-'))
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => visibleLength(line[index] ?? ''))),
  )
  const width = (index: number): number => (index === columns.length - 1 ? 0 : (widths[index] ?? 0))
  const head = columns.map((column, index) => pad(style.dim(column.title.toUpperCase()), width(index))).join('  ')
  const lines = cells.map((line, at) =>
    line
      .map((text, index) => {
        const row = rows[at]
        const paint = columns[index]?.paint
        return pad(paint === undefined || row === undefined ? text : paint(text, row), width(index))
      })
      .join('  '),
  )
  return `${[head, ...lines].map((line) => line.trimEnd()).join('\n')}\n`
}

/** Names and values, one pair a line. */
export function pairs(entries: readonly (readonly [string, string])[], style: Style): string {
  const width = Math.max(...entries.map(([name]) => name.length))
  return entries.map(([name, value]) => `${pad(style.dim(name), width)}  ${printable(value) || '-'}\n`).join('')
}
