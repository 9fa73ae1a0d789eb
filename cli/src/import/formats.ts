import { createDelimitedReader } from './delimited.ts'
import { type ColumnType, fieldConverter } from './fields.ts'
import { createJsonReader } from './json.ts'
import { createLineReader, LINE_FORMATS } from './log-lines.ts'
import { createMsgpackReader } from './msgpack.ts'
import { type Key, type Reader, type Sink, SourceError } from './types.ts'

export const FORMATS = ['csv', 'tsv', 'json', 'msgpack', 'apache', 'syslog'] as const
export type Format = (typeof FORMATS)[number]

/** How a source is read: everything that decides which rows it has. */
export type Reading = {
  format: Format
  encoding: string
  columns: string[] | undefined
  hasHeader: boolean
  /** By name, or by place where there is no name. */
  types: { name: string | undefined; type: ColumnType }[]
  allString: boolean
  emptyAsNullIfNumeric: boolean
  nullTexts: string[]
  delimiter: string
  quote: string
  timeKey: string
  timeFormat: string | undefined
  timeZone: string
  /** Unix seconds, or `now`: the moment the import began. */
  timeValue: number | 'now' | undefined
}

export function createReader(reading: Reading, sink: Sink): Reader {
  const { format, columns, hasHeader, allString } = reading
  switch (format) {
    case 'csv':
    case 'tsv':
      return createDelimited(reading, sink)
    case 'json':
      return createJsonReader({ columns, hasHeader }, sink)
    case 'msgpack':
      return createMsgpackReader({ columns, hasHeader }, sink)
    case 'apache':
    case 'syslog':
      return createLineReader(LINE_FORMATS[format]!, { allString }, sink)
  }
}

function createDelimited(reading: Reading, sink: Sink): Reader {
  const { delimiter, quote, columns, hasHeader, types, allString, emptyAsNullIfNumeric, nullTexts } = reading
  const byPlace: (ColumnType | undefined)[] = []
  const onColumns = (keys: readonly Key[]) => {
    const names = keys.map(({ name }) => name)
    if (reading.timeValue === undefined && !names.includes(reading.timeKey))
      throw new SourceError(
        `there is no column '${reading.timeKey}' among ${names.join(', ')} (--time-key names the one with the time, --time-value sets one for all rows)`,
      )
    keys.forEach(({ name }, i) => {
      byPlace[i] =
        types.find((one) => one.name === name)?.type ??
        (types[i]?.name === undefined ? types[i]?.type : undefined)
    })
  }
  return createDelimitedReader(
    {
      delimiter: Buffer.from(delimiter),
      quote: quote === '' ? undefined : quote.charCodeAt(0),
      columns,
      hasHeader,
      convert: fieldConverter({ types: byPlace, allString, emptyAsNullIfNumeric, nullTexts }),
      onColumns,
    },
    sink,
  )
}

const BY_ENDING: Record<string, Format> = {
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  json: 'json',
  jsonl: 'json',
  ndjson: 'json',
  msgpack: 'msgpack',
  mpac: 'msgpack',
}

/** What the name says: `orders.csv.gz` is csv. */
export function formatOfName(path: string): Format | undefined {
  const ending = /\.([a-z0-9]+)$/i.exec(path.replace(/\.(?:gz|gzip|zst)$/i, ''))?.[1]
  return ending === undefined ? undefined : BY_ENDING[ending.toLowerCase()]
}

/** What the first bytes say, where they leave no doubt. CSV never does: any text could be one. */
export function formatOfContent(first: Buffer): Format | undefined {
  const head = first[0]
  if (head === undefined) return undefined
  if ((head >= 0x80 && head < 0x90) || head === 0xde || head === 0xdf) return 'msgpack'
  const line = first.toString('utf8').trimStart().split('\n', 1)[0]!.trimEnd()
  if (/^[{[]/.test(line)) return 'json'
  for (const name of ['apache', 'syslog'] as const) if (LINE_FORMATS[name]!.pattern.test(line)) return name
  return undefined
}
