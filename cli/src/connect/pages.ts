/**
 * Reads a list of the admin API page by page.
 *
 * @module
 */

/** Rows a page; the most that the admin API gives. */
const PAGE_ROWS = 200

interface Page<Row> {
  readonly data: readonly Row[]
  readonly next_cursor: string | null
}

interface PageQuery {
  readonly limit: number
  readonly cursor?: string
}

/**
 * @param read asks for one page.
 * @param rowsMax bound of memory and patience; what lies beyond is not read.
 */
export async function allPages<Row>(
  read: (query: PageQuery) => Promise<Page<Row>>,
  rowsMax = 20_000,
): Promise<readonly Row[]> {
  const rows: Row[] = []
  let cursor: string | undefined
  do {
    const limit = Math.min(PAGE_ROWS, rowsMax - rows.length)
    const page = await read({ limit, ...(cursor === undefined ? {} : { cursor }) })
    rows.push(...page.data)
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined && rows.length < rowsMax)
  return rows
}
