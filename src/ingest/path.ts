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
  if (!path.startsWith('/v3/table/import')) return undefined
  const parts = path.split('/')
  const [, , , verb] = parts
  const withId = verb === 'import_with_id'
  if (!withId && verb !== 'import') return undefined
  if (parts.length !== (withId ? 8 : 7)) return undefined
  if (path.includes('%')) for (const [at, part] of parts.entries()) parts[at] = decoded(part)
  const uniqueId = withId ? parts[6]! : ''
  if (uniqueId.length * 3 > MOST_UNIQUE_ID_BYTES && Buffer.byteLength(uniqueId) > MOST_UNIQUE_ID_BYTES) {
    throw ingestErrors.import_path_invalid(`the unique id has more than ${MOST_UNIQUE_ID_BYTES} bytes`)
  }
  return { database: parts[4]!, table: parts[5]!, uniqueId, format: parts.at(-1)! }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    throw ingestErrors.import_path_invalid(segment, error)
  }
}
