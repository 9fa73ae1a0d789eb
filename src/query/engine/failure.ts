import { QUERY_ERRORS, QueryError, type QueryErrorName } from '../errors.ts'
import type { EngineFailure } from './messages.ts'

/** Our own throwing functions say `NAME: message`. */
const NAMED = /(?:^|[\s:])([A-Z][A-Z_]{4,}): ([\s\S]*)$/

/**
 * DuckDB's messages begin with the kind of the error. First match wins; what matches nothing is an internal error:
 * generated SQL that DuckDB refuses is our fault, not the user's.
 */
const RULES: { when: RegExp; name: QueryErrorName }[] = [
  { when: /max_temp_directory_size|failed to offload/i, name: 'EXCEEDED_SPILL_LIMIT' },
  { when: /^Out of Memory Error|could not allocate|std::bad_alloc/i, name: 'EXCEEDED_LOCAL_MEMORY_LIMIT' },
  {
    when: /Invalid string length|Invalid array length|Array buffer allocation failed/,
    name: 'EXCEEDED_FUNCTION_MEMORY_LIMIT',
  },
  { when: /More than one row returned by a subquery/i, name: 'SUBQUERY_MULTIPLE_ROWS' },
  {
    when: /^Out of Range Error|^Conversion Error: .*out of range|overflow/i,
    name: 'NUMERIC_VALUE_OUT_OF_RANGE',
  },
  { when: /^Conversion Error|^Invalid Input Error: .*(cast|convert|parse)/i, name: 'INVALID_CAST_ARGUMENT' },
  { when: /^Invalid Input Error: .*division by zero/i, name: 'DIVISION_BY_ZERO' },
]

/** A listed file that is not there is looked for as a directory of chunks, which nothing allows. */
const UNREADABLE =
  /^IO Error|^Invalid Input Error: No magic bytes|^TProtocolException|^Permission Error: Cannot access file ".*\/\*\*\/\*\.parquet"/

/** What a failed run means, from the text of any error inside the engine process. */
export function failureOf(error: unknown): EngineFailure {
  if (error instanceof QueryError) return { kind: 'query', name: error.errorName, message: error.message }
  const message = error instanceof Error ? error.message : String(error)
  if (/ENOSPC|EDQUOT|No space left on device/.test(message)) return { kind: 'storage_full', message }
  if (UNREADABLE.test(message)) return { kind: 'chunk_unreadable', message: firstLine(message) }
  const named = NAMED.exec(message)
  if (named && named[1]! in QUERY_ERRORS)
    return { kind: 'query', name: named[1] as QueryErrorName, message: withoutCaller(named[2]!) }
  const name = RULES.find(({ when }) => when.test(message))?.name ?? 'GENERIC_INTERNAL_ERROR'
  if (name === 'SUBQUERY_MULTIPLE_ROWS')
    return { kind: 'query', name, message: 'Scalar sub-query has returned multiple rows' }
  return { kind: 'query', name, message: name === 'GENERIC_INTERNAL_ERROR' ? message : firstLine(message) }
}

/** DuckDB appends the place in the generated SQL, which would mislead: the user wrote another text. */
function withoutCaller(message: string): string {
  return message.split(/\n\s*\nLINE \d+:/)[0]!.trim()
}

function firstLine(message: string): string {
  return withoutCaller(message)
    .split('\n')[0]!
    .replace(/^[A-Z][A-Za-z ]+ Error: /, '')
}
