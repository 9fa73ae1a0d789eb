import { QUERY_ERRORS, QueryError, type QueryErrorName } from '../errors.ts'
import type { JavaScriptFunction } from './types.ts'

/** `raise()` in SQL is a call of this: the text is `NAME: message`. Pure, so that TRY may stand around it. */
export const errorFunction: JavaScriptFunction = {
  name: 'p_error',
  parameters: ['VARCHAR'],
  returns: 'VARCHAR',
  pure: true,
  run(text) {
    throw new Error(String(text))
  },
}

/** The text by which a QueryError thrown inside a JavaScript function travels through the engine. */
export const errorText = (error: QueryError): string => `${error.errorName}: ${error.message}`

/** A fault of the query found at run time, as the engine carries it. */
export const fault = (name: CarriedErrorName, message: string): Error => new Error(`${name}: ${message}`)

export type CarriedErrorName =
  | 'INVALID_FUNCTION_ARGUMENT'
  | 'NUMERIC_VALUE_OUT_OF_RANGE'
  | 'INVALID_CAST_ARGUMENT'
  | 'NOT_SUPPORTED'
  | 'JSON_INPUT_CONVERSION_ERROR'
  | 'JSON_OUTPUT_CONVERSION_ERROR'
  | 'JSON_VALUE_RESULT_ERROR'
  | 'PATH_EVALUATION_ERROR'

/** The QueryError in an engine's message, if one of ours is in it. */
export function queryErrorIn(message: string): QueryError | undefined {
  const found = /\b([A-Z][A-Z_]{4,}): ([\s\S]*)$/.exec(message)
  if (found === null) return undefined
  return isErrorName(found[1]!) ? new QueryError(found[1], found[2]!) : undefined
}

const isErrorName = (name: string): name is QueryErrorName => Object.hasOwn(QUERY_ERRORS, name)

/** Runs at analysis what may also run in the engine: its faults become the query's own errors. */
export function atAnalysis<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof QueryError || !(error instanceof Error)) throw error
    throw queryErrorIn(error.message) ?? error
  }
}
