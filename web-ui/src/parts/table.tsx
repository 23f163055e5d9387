/**
 * Rows and columns, with a name for people who cannot see them.
 *
 * @module
 */
import type { ReactNode } from 'react'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => ReactNode
}

interface TableProps<Row> {
  readonly name: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly id: (row: Row) => string
  /** The row whose details are open. */
  readonly open?: string | null
}

export function Table<Row>({ name, columns, rows, id, open = null }: TableProps<Row>) {
  return (
    // Where it scrolls, a keyboard has to reach it as well.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <section className="table-box" aria-label={name} tabIndex={0}>
      <table className="table">
        <thead>
          <tr>
            {columns.map(({ title }) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)} data-open={id(row) === open ? 'true' : undefined}>
              {columns.map(({ title, cell }) => (
                <td key={title}>{cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** Says that there is more than is shown. */
export function More({ more, command }: { readonly more: boolean; readonly command: string }) {
  return more ? (
    <p className="aside foot-note">
      There are more. All of them: <code>{command}</code>
    </p>
  ) : null
}
