import { createSink, drain, makeRoom, writeMapHeader, writeText } from './msgpack.ts'
import { readJson } from './read.ts'
import { readArrayHeader } from './tokens.ts'

const STYLE = { nullifySpecial: true }

/**
 * Rows (concatenated MessagePack arrays) as records: MessagePack maps one after another, as table/tail answers
 * (treasure-data/td-client-ruby lib/td/client/api/table.rb `tail`). A column that is NULL is left out, as it was when it was sent.
 */
export function rowsToMaps(rows: Buffer, columns: readonly string[]): Buffer {
  const sink = createSink()
  const parts: Buffer[] = []
  eachRow(rows, (fields) => {
    const present = fields.flatMap((field, i) => (field.length === 1 && field[0] === NIL ? [] : [i]))
    writeMapHeader(sink, present.length)
    for (const i of present) {
      writeText(sink, columns[i])
      const field = fields[i]
      makeRoom(sink, field.length)
      sink.at += field.copy(sink.bytes, sink.at)
    }
    if (sink.at > 1024 * 1024) parts.push(drain(sink))
  })
  return Buffer.concat([...parts, drain(sink)])
}

/** The same as one JSON array of objects. */
export function rowsToJson(rows: Buffer, columns: readonly string[]): Buffer {
  const records: string[] = []
  eachRow(rows, (fields) => {
    const members = fields.flatMap((field, i) => {
      const text = readJson({ bytes: field, at: 0 }, STYLE)
      return text === 'null' ? [] : [`${JSON.stringify(columns[i])}:${text}`]
    })
    records.push(`{${members.join(',')}}`)
  })
  return Buffer.from(`[${records.join(',')}]`)
}

const NIL = 0xc0

/** Gives the bytes of each field of each row. */
function eachRow(bytes: Buffer, take: (fields: Buffer[]) => void): void {
  const cursor = { bytes, at: 0 }
  while (cursor.at < bytes.length) {
    const fields = Array.from({ length: readArrayHeader(cursor) }, () => {
      const start = cursor.at
      readJson(cursor, STYLE)
      return bytes.subarray(start, cursor.at)
    })
    take(fields)
  }
}
