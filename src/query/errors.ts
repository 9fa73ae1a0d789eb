/**
 * Presto's error names and codes. A query's error is part of its answer, not of the HTTP exchange, so it is a class
 * of its own: it carries the position in the user's text and becomes the job's error message.
 */
export const QUERY_ERRORS = {
  GENERIC_USER_ERROR: 0,
  SYNTAX_ERROR: 1,
  ABANDONED_QUERY: 2,
  USER_CANCELED: 3,
  PERMISSION_DENIED: 4,
  NOT_FOUND: 5,
  FUNCTION_NOT_FOUND: 6,
  INVALID_FUNCTION_ARGUMENT: 7,
  DIVISION_BY_ZERO: 8,
  INVALID_CAST_ARGUMENT: 9,
  OPERATOR_NOT_FOUND: 10,
  INVALID_VIEW: 11,
  ALREADY_EXISTS: 12,
  NOT_SUPPORTED: 13,
  INVALID_SESSION_PROPERTY: 14,
  NUMERIC_VALUE_OUT_OF_RANGE: 19,
  SUBQUERY_MULTIPLE_ROWS: 28,
  MISSING_CATALOG_NAME: 43,
  CATALOG_NOT_FOUND: 44,
  SCHEMA_NOT_FOUND: 45,
  TABLE_NOT_FOUND: 46,
  COLUMN_NOT_FOUND: 47,
  ROLE_NOT_FOUND: 48,
  TABLE_ALREADY_EXISTS: 50,
  INVALID_ARGUMENTS: 51,
  DUPLICATE_NAMED_QUERY: 52,
  COLUMN_ALREADY_EXISTS: 53,
  EXPRESSION_NOT_CONSTANT: 54,
  EXPRESSION_NOT_AGGREGATE: 55,
  EXPRESSION_NOT_SCALAR: 56,
  TYPE_MISMATCH: 58,
  INVALID_LITERAL: 59,
  COLUMN_TYPE_UNKNOWN: 60,
  MISMATCHED_COLUMN_ALIASES: 61,
  AMBIGUOUS_NAME: 62,
  INVALID_COLUMN_REFERENCE: 63,
  MISSING_GROUP_BY: 64,
  MISSING_ORDER_BY: 65,
  MISSING_OVER: 66,
  NESTED_AGGREGATION: 67,
  NESTED_WINDOW: 68,
  NESTED_RECURSIVE: 70,
  INVALID_LIMIT_CLAUSE: 71,
  INVALID_ORDER_BY: 72,
  DUPLICATE_COLUMN_NAME: 73,
  INVALID_UNNEST: 74,
  EXPRESSION_NOT_IN_DISTINCT: 76,
  FUNCTION_NOT_WINDOW: 78,
  INVALID_WINDOW_FRAME: 79,
  FUNCTION_NOT_AGGREGATE: 86,
  GENERIC_INTERNAL_ERROR: 65536,
  GENERIC_INSUFFICIENT_RESOURCES: 131072,
  EXCEEDED_TIME_LIMIT: 131075,
  EXCEEDED_CPU_LIMIT: 131077,
  EXCEEDED_LOCAL_MEMORY_LIMIT: 131079,
} as const
export type QueryErrorName = keyof typeof QUERY_ERRORS

/** Position of a token in the user's text: both from 1, column in UTF-16 units as editors count. */
export type Position = { line: number; column: number }

export class QueryError extends Error {
  readonly errorName: QueryErrorName
  readonly position: Position | undefined
  constructor(errorName: QueryErrorName, message: string, position?: Position, cause?: unknown) {
    super(position === undefined ? message : `line ${position.line}:${position.column}: ${message}`, {
      cause,
    })
    this.name = 'QueryError'
    this.errorName = errorName
    this.position = position
  }
  get code(): number {
    return QUERY_ERRORS[this.errorName]
  }
}
