import type { IncomingMessage } from 'node:http'
import { ingestErrors } from './errors.ts'

export type ImportPath = {
  database: string
  table: string
  /** Empty: the sender gave none. */
  uniqueId: string
  format: string
}

const MOST_UNIQUE_ID_BYTES = 512
const IMPORT = '/v3/table/import/'
const IMPORT_WITH_ID = '/v3/table/import_with_id/'

/** Path without query and without the doubled slashes some clients begin with (td-client-python: `GET //v3/…`). */
export function pathOf(url: string): string {
  const query = url.indexOf('?')
  const path = query === -1 ? url : url.slice(0, query)
  let slashes = 0
  while (path.charCodeAt(slashes) === 47 && path.charCodeAt(slashes + 1) === 47) slashes++
  return slashes === 0 ? path : path.slice(slashes)
}

/** A request in the log: without its query, where browsers put keys. */
export function lineOf({ method, url }: IncomingMessage): { method: string | undefined; path: string } {
  return { method, path: pathOf(url ?? '/') }
}

/**
 * `/v3/table/import/:db/:table/:format` or `/v3/table/import_with_id/:db/:table/:id/:format`; undefined when it is another
 * path. Segments are percent-decoded and may hold `%2F`; `+` is itself. @throws import_path_invalid (400)
 */
export function importPathOf(path: string): ImportPath | undefined {
  const withId = path.startsWith(IMPORT_WITH_ID)
  if (!withId && !path.startsWith(IMPORT)) return undefined
  // Cut by hand: this runs for every event, and a `split` makes twice as many texts as are needed.
  const database = withId ? IMPORT_WITH_ID.length : IMPORT.length
  const table = path.indexOf('/', database) + 1
  if (table === 0) return undefined
  const afterTable = path.indexOf('/', table) + 1
  if (afterTable === 0) return undefined
  const format = withId ? path.indexOf('/', afterTable) + 1 : afterTable
  if (format === 0 || path.includes('/', format)) return undefined
  const parts = {
    database: path.slice(database, table - 1),
    table: path.slice(table, afterTable - 1),
    uniqueId: withId ? path.slice(afterTable, format - 1) : '',
    format: path.slice(format),
  }
  return path.includes('%') ? decodedPath(parts) : withinLimits(parts)
}

function decodedPath({ database, table, uniqueId, format }: ImportPath): ImportPath {
  return withinLimits({
    database: decoded(database),
    table: decoded(table),
    uniqueId: decoded(uniqueId),
    format: decoded(format),
  })
}

function withinLimits(path: ImportPath): ImportPath {
  const { uniqueId } = path
  if (uniqueId.length * 3 > MOST_UNIQUE_ID_BYTES && Buffer.byteLength(uniqueId) > MOST_UNIQUE_ID_BYTES) {
    throw ingestErrors.import_path_invalid(`the unique id has more than ${MOST_UNIQUE_ID_BYTES} bytes`)
  }
  return path
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    throw ingestErrors.import_path_invalid(segment, error)
  }
}
