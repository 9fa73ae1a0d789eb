import { once } from 'node:events'
import { painted, type Terminal } from '../terminal.ts'
import { harmlessLines, padEnd, widthOf } from './columns.ts'
import { type Cell, type Column, type ListFormat, listText } from './rows.ts'

export type Printer = ReturnType<typeof createPrinter>

/** A line of a block: `Job : 19`; a value of several lines is indented below its name. */
export type Pair = [name: string, value: Cell]

/**
 * What a command says: data on standard output, words about it on standard error, so that a pipe carries data only. With
 * `--json` everything that was asked for is one JSON value on standard output.
 */
export function createPrinter({ stdout, stderr, colours }: Terminal, isJson: boolean) {
  const bold = (text: string) => painted(colours.out, 'bold', text)

  /** Waits while the reader of a pipe is slow. */
  async function write(text: string | Uint8Array): Promise<void> {
    if (!stdout.write(text)) await once(stdout, 'drain')
  }
  const json = (value: unknown) =>
    write(`${stdout.isTTY === true ? JSON.stringify(value, null, 2) : JSON.stringify(value)}\n`)

  return {
    isJson,
    write,
    json,
    /** A word about what goes on; not data. */
    note: (text: string) => void stderr.write(`${text}\n`),
    /** What was done, in words, or with --json as a value. */
    async done(text: string, value: unknown): Promise<void> {
      if (isJson) await json(value)
      else stderr.write(`${text}\n`)
    },
    /** Rows; `objects` is what --json prints. */
    async list(
      {
        columns,
        rows,
        objects,
      }: { columns: readonly Column[]; rows: readonly (readonly Cell[])[]; objects: unknown },
      format: ListFormat = 'table',
    ): Promise<void> {
      if (isJson) await json(objects)
      else await write(listText(format, columns, rows, bold))
    },
    /** One thing, a line for each of its properties. */
    async block(pairs: readonly Pair[], value: unknown): Promise<void> {
      if (isJson) return json(value)
      const width = Math.max(...pairs.map(([name]) => widthOf(name)))
      for (const [name, cell] of pairs) {
        const text = cell === null || cell === undefined ? '' : harmlessLines(String(cell))
        const shown = text.includes('\n') ? `\n${text.trimEnd().replace(/^/gm, '  ')}` : text && ` ${text}`
        await write(`${bold(padEnd(name, width))} :${shown}\n`)
      }
    },
    /** A line on standard output as it stands. */
    async line(text: string, value: unknown): Promise<void> {
      if (isJson) await json(value)
      else await write(`${text}\n`)
    },
    bold,
    dim: (text: string) => painted(colours.out, 'dim', text),
  }
}
