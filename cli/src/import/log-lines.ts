import { isUtf8 } from 'node:buffer'
import { readText } from './fields.ts'
import { keyOf, MOST_RECORD_BYTES, type Reader, type Sink } from './types.ts'

const NEWLINE = 0x0a

/** One line, one record, by a pattern whose groups are the columns. */
export type LineFormat = {
  name: string
  pattern: RegExp
  columns: string[]
  timeFormat: string
  nulls: string[]
}

/** td's own two, with its columns. */
export const LINE_FORMATS: Record<string, LineFormat> = {
  // 127.0.0.1 - - [23/Oct/2011:08:20:01 -0700] "GET / HTTP/1.0" 200 492 "-" "Wget/1.12"; text in quotes may hold \"
  apache: {
    name: 'apache',
    pattern:
      /^(\S+) \S+ (\S+) \[([^\]]*)\] "(\S*)(?: +((?:[^"\\]|\\.)*?)(?: +[^\s"]*)?)?" (\d{3}|-) (\S+)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)".*)?$/,
    columns: ['host', 'user', 'time', 'method', 'path', 'code', 'size', 'referer', 'agent'],
    timeFormat: '%d/%b/%Y:%H:%M:%S %z',
    nulls: ['-', ''],
  },
  // Dec 20 12:41:44 localhost kernel[10000]: e1000e: eth2 NIC Link is Down
  syslog: {
    name: 'syslog',
    pattern:
      /^(?:<\d{1,3}>)?([A-Z][a-z]{2} +\d{1,2} \d{2}:\d{2}:\d{2}) (\S*) ([^\s:[\]]+)(?:\[(\d+)\])?: ?(.*)$/,
    columns: ['time', 'host', 'ident', 'pid', 'message'],
    timeFormat: '%b %d %H:%M:%S',
    nulls: [],
  },
}

/** Lines of a log file; those of another form are rejected, one by one. */
export function createLineReader(
  format: LineFormat,
  { allString }: { allString: boolean },
  sink: Sink,
): Reader {
  let rest: Buffer = Buffer.alloc(0)
  let line = 1
  /** In the middle of a line too long to keep. */
  let isSkipping = false
  const keys = format.columns.map(keyOf)
  const nulls = new Set(format.nulls)

  const take = (source: Buffer) => {
    if (!isUtf8(source))
      return sink.reject({
        line,
        reason: 'bytes that are not valid text in this encoding (--encoding names another)',
        source,
      })
    const text = source.toString('utf8').trimEnd()
    if (text === '') return
    const match = format.pattern.exec(text)
    if (match === null) return sink.reject({ line, reason: `not of the form of ${format.name}`, source })
    const values = format.columns.map((column, i) => {
      const field = match[i + 1]
      if (field === undefined || nulls.has(field)) return null
      // A message is text even where it happens to be a number.
      return allString || column === 'message' || column === 'time' ? field : readText(field)
    })
    sink.row({ line, keys, values, source })
  }

  const scan = (bytes: Buffer): number => {
    for (let at = 0; ; ) {
      const newline = bytes.indexOf(NEWLINE, at)
      if (newline < 0) return at
      if (!isSkipping) take(bytes.subarray(at, newline + 1))
      isSkipping = false
      line++
      at = newline + 1
    }
  }

  return {
    push(piece) {
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
      rest = Buffer.from(bytes.subarray(scan(bytes)))
      if (rest.length <= MOST_RECORD_BYTES) return
      if (!isSkipping)
        sink.reject({
          line,
          reason: 'a line of more than 32 MiB (only its beginning is kept)',
          source: rest.subarray(0, 4096),
        })
      isSkipping = true
      rest = Buffer.alloc(0)
    },
    end() {
      if (rest.length > 0 && !isSkipping) take(rest)
      rest = Buffer.alloc(0)
    },
  }
}
