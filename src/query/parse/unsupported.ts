import { type Position, QueryError } from '../errors.ts'

/** `what` ends in the verb: "Materialized views are". */
export function unsupported(what: string, at: Position): never {
  throw new QueryError('NOT_SUPPORTED', `${what} not supported`, at)
}
