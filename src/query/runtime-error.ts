import { QUERY_ERRORS, QueryError, type QueryErrorName } from './errors.ts'

/**
 * How an error that a row raises travels through the engine: generated SQL calls `presto_error(text)`, a JavaScript
 * function that throws, and the engine's error message then contains the marked text. One place writes it, one reads it.
 */
export function runtimeErrorText(name: QueryErrorName, message: string): string {
  return `presto:${name}: ${message}`
}

/** SQL (VARCHAR) that fails the query when evaluated; lazy inside CASE, NULL under TRY. `message` is an SQL expression when given so. */
export function raiseSql(name: QueryErrorName, message: string | { sql: string }): string {
  if (typeof message === 'string')
    return `presto_error('${runtimeErrorText(name, message).replaceAll("'", "''")}')`
  return `presto_error('${runtimeErrorText(name, '')}' || ${message.sql})`
}

/** The Presto error inside an engine's message, or undefined when there is none. */
export function parseRuntimeError(engineMessage: string, cause?: unknown): QueryError | undefined {
  const found = /presto:([A-Z_]+): ([\s\S]*)$/.exec(engineMessage)
  if (found === null || !Object.hasOwn(QUERY_ERRORS, found[1]!)) return undefined
  return new QueryError(found[1] as QueryErrorName, found[2]!.trimEnd(), undefined, cause)
}
