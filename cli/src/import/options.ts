import type { Given, Options } from '../command.ts'
import { usageError } from '../errors.ts'
import { suggestion } from '../suggest.ts'
import { COLUMN_TYPES, type ColumnType } from './fields.ts'
import { FORMATS, type Format, formatOfName, type Reading } from './formats.ts'
import { encodingName } from './source.ts'
import { timesInFormat, timeZone, usualTimes } from './time.ts'

const sameAs = (format: Format) => ({ kind: 'switch', help: `same as --format ${format}` }) as const

/** How files are read: those of td, and some it lacks. */
export const READING_OPTIONS = {
  format: {
    kind: 'text',
    short: 'f',
    placeholder: 'FORMAT',
    choices: FORMATS,
    help: 'what the files are; otherwise told by their names, then by their contents',
  },
  csv: sameAs('csv'),
  tsv: sameAs('tsv'),
  json: sameAs('json'),
  msgpack: sameAs('msgpack'),
  apache: sameAs('apache'),
  syslog: sameAs('syslog'),
  'time-key': {
    kind: 'text',
    short: 't',
    placeholder: 'COLUMN',
    help: 'the column that holds the time (time)',
  },
  'time-column': { kind: 'text', placeholder: 'COLUMN', hidden: true, help: 'same as --time-key' },
  'time-format': {
    kind: 'text',
    short: 'T',
    placeholder: 'FORMAT',
    help: "how the time is written, as in strftime(3): '%d/%b/%Y:%H:%M:%S %z', '%s', '%Q' for milliseconds",
  },
  'time-zone': {
    kind: 'text',
    placeholder: 'ZONE',
    help: 'of times without a zone: Europe/Berlin, +09:00 (UTC)',
  },
  'time-value': {
    kind: 'text',
    placeholder: 'TIME',
    help: 'one time for all rows: unix seconds, a date, or now',
  },
  columns: { kind: 'text', placeholder: 'NAME,NAME', help: 'the names of the columns' },
  'column-header': {
    kind: 'switch',
    short: 'H',
    help: 'the first line names the columns; with --columns it is passed over',
  },
  'column-types': {
    kind: 'text',
    placeholder: 'TYPES',
    help: `in order (long,string,…) or by name (id:long,price:double): ${COLUMN_TYPES.join(', ')}`,
  },
  'all-string': { kind: 'switch', short: 'S', help: 'take every field as text' },
  'empty-as-null-if-numeric': {
    kind: 'switch',
    help: 'an empty field of a numeric column is null, not a fault',
  },
  'null-string': {
    kind: 'list',
    placeholder: 'TEXT',
    help: 'a text that means null where it stands without quotes (\\N); may be repeated',
  },
  delimiter: {
    kind: 'text',
    short: 'd',
    placeholder: 'TEXT',
    help: "what separates fields (csv: ',', tsv: '\\t')",
  },
  quote: {
    kind: 'text',
    placeholder: 'CHARACTER',
    help: "what fields are quoted with (csv: '\"', tsv: nothing; '' for nothing)",
  },
  encoding: {
    kind: 'text',
    placeholder: 'NAME',
    help: 'of the text: utf-8, shift_jis, euc-jp, windows-1252, utf-16le … (utf-8)',
  },
} as const satisfies Options

export type ReadingOptions = Given<readonly [], typeof READING_OPTIONS>['options']

/**
 * How a file is to be read. @returns undefined where neither an option nor the name says what it is
 * @throws usage (2) for options that contradict each other or are of the wrong form
 */
export function readingOf(options: ReadingOptions, path: string, nowSeconds: number): Reading | undefined {
  const format = formatGiven(options) ?? formatOfName(path)
  return format === undefined ? undefined : readingIn(format, options, nowSeconds)
}

/** @throws usage (2) */
export function readingIn(format: Format, options: ReadingOptions, nowSeconds: number): Reading {
  const isDelimited = format === 'csv' || format === 'tsv'
  const isLog = format === 'apache' || format === 'syslog'
  const columns = options.columns?.split(',').map((name) => name.trim())
  if (columns?.includes('')) throw usageError('--columns has an empty name in it')
  if (columns !== undefined && isLog)
    throw usageError(`the columns of ${format} are fixed; --columns is for csv, tsv, json and msgpack`)
  const timeKey = options['time-key'] ?? options['time-column'] ?? 'time'
  if (isLog && timeKey !== 'time')
    throw usageError(`the time of ${format} is the column 'time'; --time-key is for other formats`)
  const reading: Reading = {
    format,
    encoding: encodingOf(options.encoding),
    columns,
    // Without names from outside the first line of a table has them.
    hasHeader: options['column-header'] || (isDelimited && columns === undefined),
    types: typesOf(options['column-types'], format),
    allString: options['all-string'],
    emptyAsNullIfNumeric: options['empty-as-null-if-numeric'],
    nullTexts: options['null-string'].length > 0 ? options['null-string'] : ['\\N'],
    delimiter: delimiterOf(options.delimiter ?? (format === 'tsv' ? '\t' : ',')),
    quote: options.quote ?? (format === 'tsv' ? '' : '"'),
    timeKey,
    timeFormat: options['time-format'],
    timeZone: options['time-zone'] ?? 'UTC',
    timeValue: undefined,
  }
  if (reading.quote.length > 1 || reading.quote.charCodeAt(0) > 126)
    throw usageError('--quote takes one ASCII character, or nothing')
  if (reading.quote !== '' && reading.delimiter.startsWith(reading.quote))
    throw usageError('--quote and --delimiter are the same')
  return { ...reading, ...timeOf(options, reading, nowSeconds) }
}

function formatGiven(options: ReadingOptions): Format | undefined {
  const given = new Set(FORMATS.filter((format) => options[format] || options.format === format))
  if (given.size > 1) throw usageError(`a file has one format, not several: ${[...given].join(', ')}`)
  return [...given][0]
}

function timeOf(options: ReadingOptions, reading: Reading, nowSeconds: number): Pick<Reading, 'timeValue'> {
  const zone = timeZone(reading.timeZone)
  if (zone === undefined)
    throw usageError(
      `there is no time zone '${reading.timeZone}'`,
      'Names are such as Europe/Berlin, UTC or +09:00.',
    )
  if (reading.timeFormat !== undefined) {
    const reader = timesInFormat(reading.timeFormat, zone, nowSeconds)
    if (typeof reader !== 'function')
      throw usageError(
        `'${reader.unknown}' means nothing in --time-format`,
        'It is written as in strftime(3): %Y-%m-%d %H:%M:%S %z.',
      )
  }
  const text = options['time-value']
  if (text === undefined) return { timeValue: undefined }
  if (options['time-key'] !== undefined || options['time-column'] !== undefined)
    throw usageError(
      '--time-key takes the time from a column, --time-value sets one for all rows: only one of them can be meant',
    )
  if (text === 'now') return { timeValue: 'now' }
  const seconds = usualTimes(zone, nowSeconds)(text)
  if (seconds === undefined)
    throw usageError(
      `--time-value '${text}' is no time`,
      'Unix seconds, a date such as 2024-05-01T09:30:00Z, or now.',
    )
  return { timeValue: seconds }
}

function typesOf(text: string | undefined, format: Format): Reading['types'] {
  if (text === undefined) return []
  if (format === 'msgpack')
    throw usageError(
      'MessagePack has types of its own, and is passed on as it is; --column-types is for other formats',
    )
  return text.split(',').map((part) => {
    const [type, ...name] = part.split(':').reverse() as [string, ...string[]]
    const plain = type.trim()
    if (!(COLUMN_TYPES as readonly string[]).includes(plain))
      throw usageError(
        `--column-types: there is no type '${plain}'${suggestion(plain, COLUMN_TYPES)}`,
        `There are ${COLUMN_TYPES.join(', ')}.`,
      )
    if (name.length === 0 && format !== 'csv' && format !== 'tsv')
      throw usageError(`--column-types: in ${format} columns have no order; name them: id:long,price:double`)
    return {
      name: name.length === 0 ? undefined : name.reverse().join(':').trim(),
      type: plain as ColumnType,
    }
  })
}

function delimiterOf(text: string): string {
  const delimiter = text.replaceAll('\\t', '\t').replaceAll('\\\\', '\\')
  if (delimiter === '' || /[\r\n]/.test(delimiter))
    throw usageError('--delimiter takes one or more characters, and no line end')
  return delimiter
}

function encodingOf(label: string | undefined): string {
  const name = encodingName(label ?? 'utf-8')
  if (name === undefined)
    throw usageError(
      `there is no encoding '${label}'`,
      'Names are such as utf-8, shift_jis, euc-jp, windows-1252, utf-16le.',
    )
  return name
}
