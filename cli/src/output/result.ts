import { harmless, padEnd, padStart, widthOf } from './columns.ts'
import { elementsOf, plainText } from './json-row.ts'
import { countText, csvLine, tsvLine } from './rows.ts'

export const RESULT_FORMATS = ['table', 'csv', 'tsv', 'json', 'jsonl', 'msgpack', 'msgpack.gz'] as const
export type ResultFormat = (typeof RESULT_FORMATS)[number]
export type TextFormat = Exclude<ResultFormat, 'msgpack' | 'msgpack.gz'> | 'vertical'

export type ResultColumn = { name: string; type: string }
export type ResultOptions = {
  /** csv, tsv: names of the columns first. */
  header: boolean
  /** What stands for null in text. */
  nullText: string
  /** At most so many rows. */
  limit: number | undefined
  bold: (text: string) => string
}

/** The widths of a table are those of its first rows; a later one may stick out, and nothing has to be held in memory. */
const MEASURED_ROWS = 10_000

/** `[[name, type], …]` as JSON text (rest-api reference §5.5). */
export function resultColumns(schema: string | null): ResultColumn[] {
  const entries = JSON.parse(schema === null || schema === '' ? '[]' : schema) as [string, string][]
  return entries.map(([name, type]) => ({ name, type }))
}

/** Rows given as JSON arrays, one by one, in a format that people or programs read; piece by piece. */
export async function* resultText(
  format: TextFormat,
  columns: readonly ResultColumn[],
  lines: AsyncIterable<string>,
  options: ResultOptions,
): AsyncGenerator<string> {
  const rows = limited(lines, options.limit)
  switch (format) {
    case 'table':
      return yield* tableRows(columns, rows, options)
    case 'vertical':
      return yield* verticalRows(columns, rows, options)
    case 'json':
      return yield* jsonArray(rows)
    case 'jsonl': {
      const names = columns.map(({ name }) => JSON.stringify(name))
      for await (const line of rows)
        yield `{${elementsOf(line)
          .map((element, i) => `${names[i]}:${element}`)
          .join(',')}}\n`
      return
    }
    case 'csv':
    case 'tsv': {
      const write = format === 'csv' ? csvLine : tsvLine
      if (options.header) yield write(columns.map(({ name }) => name))
      for await (const line of rows) yield write(cells(line, options.nullText))
    }
  }
}

async function* limited(lines: AsyncIterable<string>, limit: number | undefined): AsyncGenerator<string> {
  let left = limit ?? Number.POSITIVE_INFINITY
  if (left <= 0) return
  for await (const line of lines) {
    yield line
    if (--left <= 0) return
  }
}

const cells = (line: string, nullText: string) =>
  elementsOf(line).map((element) => plainText(element) ?? nullText)

/** As td prints it: an array of arrays, a row on a line. */
async function* jsonArray(rows: AsyncIterable<string>): AsyncGenerator<string> {
  let before = '['
  for await (const line of rows) {
    yield `${before}${line}`
    before = ',\n'
  }
  yield before === '[' ? '[]\n' : ']\n'
}

async function* tableRows(
  columns: readonly ResultColumn[],
  rows: AsyncIterable<string>,
  { nullText, bold }: ResultOptions,
): AsyncGenerator<string> {
  const isNumber = columns.map(({ type }) =>
    /^(tinyint|smallint|integer|int|bigint|long|real|float|double|decimal)/.test(type),
  )
  let measured: string[][] | undefined = []
  let widths: number[] = []
  let count = 0
  const frame = () => `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+\n`
  const rowText = (row: string[]) =>
    `|${row.map((text, i) => ` ${(isNumber[i] ? padStart : padEnd)(text, widths[i] ?? 0)} `).join('|')}|\n`
  const head = () => {
    widths = columns.map(({ name }, i) =>
      Math.max(widthOf(name), ...(measured ?? []).map((row) => widthOf(row[i] ?? ''))),
    )
    const names = columns.map(({ name }, i) => ` ${bold(padEnd(harmless(name), widths[i]!))} `)
    const text = `${frame()}|${names.join('|')}|\n${frame()}${(measured ?? []).map(rowText).join('')}`
    measured = undefined
    return text
  }
  for await (const line of rows) {
    const row = cells(line, nullText).map(harmless)
    count++
    if (measured === undefined) yield rowText(row)
    else if (measured.push(row) >= MEASURED_ROWS) yield head()
  }
  if (measured !== undefined && count > 0) yield head()
  yield `${count > 0 ? frame() : ''}${countText(count)}\n`
}

/** One line for each value, for rows that are wider than a screen. */
async function* verticalRows(
  columns: readonly ResultColumn[],
  rows: AsyncIterable<string>,
  { nullText, bold }: ResultOptions,
): AsyncGenerator<string> {
  const width = Math.max(0, ...columns.map(({ name }) => widthOf(name)))
  let count = 0
  for await (const line of rows) {
    const lines = cells(line, nullText).map(
      (text, i) => `${bold(padStart(columns[i]?.name ?? '', width))}: ${harmless(text)}\n`,
    )
    yield `*************************** ${++count}. row ***************************\n${lines.join('')}`
  }
  yield `${countText(count)}\n`
}
