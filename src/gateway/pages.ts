import type { Readable } from 'node:stream'

/** One page: its rows as JSON text, `[[1,"x"],[2,"y"]]`. */
export type Page = { index: number; data: Buffer; isLast: boolean }

export type PageReader = {
  /** The page of that number, from 0. Reading on is cheap, going back reads from the beginning. */
  page(index: number): Promise<Page>
  close(): void
}

export type PagesOptions = {
  /** The stored rows from the first one on, one JSON array to a line. */
  open(): Promise<Readable>
  pageBytes: number
  /** Rewrites each row; undefined leaves them. */
  adjust: ((row: unknown[]) => unknown[]) | undefined
}

const NEWLINE = 0x0a
const COMMA = 0x2c

/**
 * Cuts a result into pages of about `pageBytes`, always at the same rows, so that a page that was lost on the way can be read
 * again. Holds one page, and a part of the next: a slow client costs no more.
 */
export function createPageReader({ open, pageBytes, adjust }: PagesOptions): PageReader {
  let source: AsyncIterator<Buffer> | undefined
  let rest: Buffer = Buffer.alloc(0)
  let isEnd = false
  let next = 0

  const restart = async () => {
    source?.return?.()
    source = (await open())[Symbol.asyncIterator]()
    rest = Buffer.alloc(0)
    isEnd = false
    next = 0
  }

  /** Where the page ends that `read` begins with: at most a page of whole rows, but one row at least. undefined: nobody knows yet. */
  const endOfPage = (read: Buffer): number | undefined => {
    if (read.length <= pageBytes) return isEnd ? read.length : undefined
    const before = read.lastIndexOf(NEWLINE, pageBytes - 1) + 1
    const end = before > 0 ? before : read.indexOf(NEWLINE, pageBytes) + 1
    return end > 0 ? end : isEnd ? read.length : undefined
  }
  const readMore = async () => {
    const parts = [rest]
    // One byte more than a page tells that there is another.
    for (let bytes = rest.length; !isEnd && bytes <= Math.max(pageBytes, rest.length); ) {
      const { done, value } = await source!.next()
      if (done) isEnd = true
      else {
        const part = typeof value === 'string' ? Buffer.from(value) : value
        parts.push(part)
        bytes += part.length
      }
    }
    rest = Buffer.concat(parts)
  }
  const readOn = async (): Promise<Page> => {
    let end = endOfPage(rest)
    while (end === undefined) {
      await readMore()
      end = endOfPage(rest)
    }
    const data = asArray(rest.subarray(0, end), adjust)
    rest = rest.subarray(end)
    if (rest.length === 0 && !isEnd) await readMore()
    return { index: next++, data, isLast: rest.length === 0 }
  }

  return {
    async page(index) {
      if (source === undefined || index < next) await restart()
      for (;;) {
        const page = await readOn()
        if (page.index === index || page.isLast) return page
      }
    },
    close() {
      source?.return?.()
      source = undefined
    },
  }
}

/** The newlines between rows are the only ones in the text: within a string they are escaped. */
function asArray(lines: Buffer, adjust: PagesOptions['adjust']): Buffer {
  if (lines.length === 0) return Buffer.from('[]')
  if (adjust !== undefined) {
    const rows = lines.toString().trimEnd().split('\n')
    return Buffer.from(`[${rows.map((row) => JSON.stringify(adjust(parseExactly(row)))).join(',')}]`)
  }
  const data = Buffer.allocUnsafe(lines.length + 2)
  data[0] = 0x5b
  lines.copy(data, 1)
  let end = lines.length + 1
  if (data[end - 1] === NEWLINE) end--
  for (let at = data.indexOf(NEWLINE); at >= 0 && at < end; at = data.indexOf(NEWLINE, at + 1))
    data[at] = COMMA
  data[end] = 0x5d
  return data.subarray(0, end + 1)
}

/** ECMAScript's, younger than the type library. */
type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown
const { parse, rawJSON } = JSON as unknown as {
  parse(text: string, reviver: Reviver): unknown[]
  rawJSON(text: string): unknown
}

/** Whole numbers that JavaScript's cannot hold go through as they are written. */
function parseExactly(row: string): unknown[] {
  return parse(row, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && !Number.isSafeInteger(value)
      ? rawJSON(source)
      : value,
  )
}
