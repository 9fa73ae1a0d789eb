import { harmless, padEnd, padStart, widthOf } from './columns.ts'

/** What stands in a cell: text, a number, or nothing. */
export type Cell = string | number | null | undefined
export type Column = { name: string; align?: 'right' }

export const LIST_FORMATS = ['table', 'csv', 'tsv', 'json'] as const
export type ListFormat = (typeof LIST_FORMATS)[number]

/** Rows in the frame that td draws, with their number below. */
export function tableText(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { bold = (text) => text, count = true }: { bold?: (text: string) => string; count?: boolean } = {},
): string {
  if (rows.length === 0 && count) return `${countText(0)}\n`
  const texts = rows.map((row) => row.map((cell) => harmless(cellText(cell))))
  const widths = columns.map(({ name }, i) =>
    Math.max(widthOf(name), ...texts.map((row) => widthOf(row[i] ?? ''))),
  )
  const line = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`
  const head = columns.map(({ name }, i) => ` ${bold(padEnd(name, widths[i]!))} `)
  const body = texts.map((row) => {
    const cells = row.map((text, i) => (columns[i]?.align === 'right' ? padStart : padEnd)(text, widths[i]!))
    return `|${cells.map((cell) => ` ${cell} `).join('|')}|`
  })
  const frame = [line, `|${head.join('|')}|`, line, ...body, ...(rows.length > 0 ? [line] : [])]
  return `${[...frame, ...(count ? [countText(rows.length)] : [])].join('\n')}\n`
}

export const countText = (rows: number) => `${rows} ${rows === 1 ? 'row' : 'rows'} in set`

export function cellText(cell: Cell): string {
  return cell === null || cell === undefined ? '' : String(cell)
}

/** RFC 4180, with the line ends of Unix as td writes them. */
export function csvLine(cells: readonly Cell[]): string {
  const fields = cells.map((cell) => {
    const text = cellText(cell)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  })
  return `${fields.join(',')}\n`
}

/** Tabs and line breaks inside a field are written as `\t` and `\n`: a line is a row. */
export function tsvLine(cells: readonly Cell[]): string {
  const fields = cells.map((cell) =>
    cellText(cell).replace(/[\\\t\n\r]/g, (c) =>
      c === '\\' ? '\\\\' : c === '\t' ? '\\t' : c === '\n' ? '\\n' : '\\r',
    ),
  )
  return `${fields.join('\t')}\n`
}

/** A list in one of the formats that td offers for lists; `json` is an array of objects by the columns' names. */
export function listText(
  format: ListFormat,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  bold?: (text: string) => string,
): string {
  const names = columns.map(({ name }) => name)
  switch (format) {
    case 'table':
      return tableText(columns, rows, { bold })
    case 'csv':
      return [names, ...rows].map(csvLine).join('')
    case 'tsv':
      return [names, ...rows].map(tsvLine).join('')
    case 'json': {
      const objects = rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])))
      return `${JSON.stringify(objects)}\n`
    }
  }
}
