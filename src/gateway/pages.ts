import type { Readable } from 'node:stream'

/** One page: its rows as JSON text, `[[1,"x"],[2,"y"]]`, how many they are, and how many stand before them. */
export type Page = { index: number; data: Buffer; rows: number; firstRow: number; isLast: boolean }

export type PageReader = {
  /** The page of that number, from 0, or the last one. Reading on is cheap, going back reads from the beginning. One question at a time. */
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
 * again. The next page is made while the client reads the one before; it and the beginning of another are held, and no more: a slow
 * client does not make it grow.
 */
export function createPageReader({ open, pageBytes, adjust }: PagesOptions): PageReader {
  let source: Readable | undefined
  let pages: AsyncGenerator<Page, Page> | undefined
  let ahead: Promise<IteratorResult<Page>> | undefined
  let upTo = 0

  const close = () => {
    source?.destroy()
    source = undefined
    pages = undefined
    ahead = undefined
  }
  const nextPage = async (): Promise<Page> => {
    const coming = ahead ?? pages!.next()
    ahead = undefined
    const { value } = await coming
    upTo++
    return value
  }
  return {
    async page(index) {
      try {
        if (pages === undefined || index < upTo) {
          close()
          source = await open()
          pages = cut(source, { pageBytes, adjust })
          upTo = 0
        }
        for (;;) {
          const page = await nextPage()
          if (page.index !== index && !page.isLast) continue
          if (!page.isLast) {
            ahead = pages.next()
            // Whoever asks for that page is told; until then nobody waits for it.
            ahead.catch(() => undefined)
          }
          return page
        }
      } catch (error) {
        close()
        throw error
      }
    },
    close,
  }
}

/** At least one page; the last one is what it returns with. */
async function* cut(
  source: Readable,
  { pageBytes, adjust }: Pick<PagesOptions, 'pageBytes' | 'adjust'>,
): AsyncGenerator<Page, Page> {
  const pieces = source[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>
  let rest: Buffer = Buffer.alloc(0)
  let isEnd = false

  /** Where the page ends that `rest` begins with: at most a page of whole rows, but one row at least. undefined: nobody knows yet. */
  const endOfPage = (): number | undefined => {
    if (rest.length <= pageBytes) return isEnd ? rest.length : undefined
    const before = rest.lastIndexOf(NEWLINE, pageBytes - 1) + 1
    const end = before > 0 ? before : rest.indexOf(NEWLINE, pageBytes) + 1
    return end > 0 ? end : isEnd ? rest.length : undefined
  }
  const readMore = async () => {
    const parts = [rest]
    // One byte more than a page tells that there is another.
    for (let bytes = rest.length; !isEnd && bytes <= Math.max(pageBytes, rest.length); ) {
      const { done, value } = await pieces.next()
      if (done) isEnd = true
      else {
        const part = typeof value === 'string' ? Buffer.from(value) : value
        parts.push(part)
        bytes += part.length
      }
    }
    rest = Buffer.concat(parts)
  }

  for (let index = 0, firstRow = 0; ; index++) {
    let end = endOfPage()
    while (end === undefined) {
      await readMore()
      end = endOfPage()
    }
    const { data, rows } = asArray(rest.subarray(0, end), adjust)
    rest = rest.subarray(end)
    if (rest.length === 0 && !isEnd) await readMore()
    const page = { index, data, rows, firstRow, isLast: rest.length === 0 }
    if (page.isLast) return page
    yield page
    firstRow += rows
  }
}

/** The newlines between rows are the only ones in the text: within a string they are escaped. */
function asArray(lines: Buffer, adjust: PagesOptions['adjust']): Pick<Page, 'data' | 'rows'> {
  if (lines.length === 0) return { data: Buffer.from('[]'), rows: 0 }
  if (adjust !== undefined) {
    const rows = lines.toString().trimEnd().split('\n')
    const texts = rows.map((row) => JSON.stringify(adjust(parseExactly(row))))
    return { data: Buffer.from(`[${texts.join(',')}]`), rows: rows.length }
  }
  const data = Buffer.allocUnsafe(lines.length + 2)
  data[0] = 0x5b
  lines.copy(data, 1)
  let end = lines.length + 1
  if (data[end - 1] === NEWLINE) end--
  let rows = 1
  for (let at = data.indexOf(NEWLINE); at >= 0 && at < end; at = data.indexOf(NEWLINE, at + 1)) {
    data[at] = COMMA
    rows++
  }
  data[end] = 0x5d
  return { data: data.subarray(0, end + 1), rows }
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
