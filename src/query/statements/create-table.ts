import { analyzeConstant, resolveType } from '../analyze/index.ts'
import type { NewColumn } from '../changes.ts'
import { analyzed, compilePlan } from '../compile-query.ts'
import type { CompiledStatement, StatementRequest } from '../compiled.ts'
import { constantQuery } from '../constant-query.ts'
import { type Position, QueryError } from '../errors.ts'
import { canCoerce } from '../functions/index.ts'
import type { Identifier, Property, StatementOf, TableElement } from '../parse/ast.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { keptType } from '../stored-type.ts'
import { assigned, isKeepable } from './assignment.ts'
import { findTarget, fullName, noSchema, notSupported, type Target } from './targets.ts'

const BIGINT: PrestoType = { kind: 'bigint' }
/** Hints about the layout that other systems take; chunks are laid out by `time` here whatever they say. */
const PROPERTIES = new Set([
  'bucket_count',
  'bucketed_by',
  'bucketed_on',
  'compression_codec',
  'format',
  'max_file_size',
  'max_time_range',
  'partitioned_by',
  'partitioning',
  'sorted_by',
])

export async function createTable(
  statement: StatementOf<'create-table'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const { target } = await freeTarget(statement, 'Table', request)
  checkProperties(statement.properties, statement.at, request)
  const columns: NewColumn[] = []
  for (const element of statement.elements) {
    for (const { at, ...column } of await declared(element, statement.at, request)) {
      if (columns.some(({ name }) => name === column.name)) throw twice(column.name, at)
      columns.push(keptColumn(column, at))
    }
  }
  return {
    kind: 'change',
    change: {
      kind: 'create-table',
      target,
      ifNotExists: statement.ifNotExists,
      ...(statement.comment && { comment: statement.comment }),
      columns,
    },
  }
}

export async function createTableAs(
  statement: StatementOf<'create-table-as'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const { at, ifNotExists, withData } = statement
  const { target, isTaken } = await freeTarget(statement, 'Destination table', request)
  if (isTaken) {
    // As in Presto, the query is not even looked at.
    const source = constantQuery([{ name: 'rows', type: BIGINT }], [])
    return {
      kind: 'change',
      change: { kind: 'create-table-as', target, ifNotExists, withData, columns: [], source },
    }
  }
  checkProperties(statement.properties, at, request)
  const found = await analyzed(statement.query, request)
  const names = columnNames(statement, found.plan.columns)
  const columns = found.plan.columns.map(({ type }, i) => {
    const name = names[i]!
    if (type.kind === 'unknown')
      throw new QueryError('COLUMN_TYPE_UNKNOWN', `Column type is unknown: ${name}`, at)
    return keptColumn({ name, type }, at)
  })
  const kept = columns.map(({ type }) => keptType(type))
  return {
    kind: 'change',
    change: {
      kind: 'create-table-as',
      target,
      ifNotExists,
      ...(statement.comment && { comment: statement.comment }),
      withData,
      columns,
      source: compilePlan(assigned(found, kept, at), request.context),
    },
  }
}

/** A name that is not taken, unless the statement says that it may be. */
async function freeTarget(
  statement: StatementOf<'create-table' | 'create-table-as'>,
  what: string,
  request: StatementRequest,
): Promise<{ target: Target['name']; isTaken: boolean }> {
  const { at, table, ifNotExists, orReplace } = statement
  const target = await findTarget(table, at, 'create table', request)
  if (orReplace) throw notSupported('CREATE OR REPLACE TABLE is not supported: drop the table first', at)
  if (target.kind === 'absent') {
    if (!target.hasDatabase) throw noSchema(target.name.database, at)
    return { target: target.name, isTaken: false }
  }
  if (!ifNotExists || target.kind !== 'table')
    throw new QueryError('TABLE_ALREADY_EXISTS', `${what} '${fullName(target.name)}' already exists`, at)
  return { target: target.name, isTaken: true }
}

type Declared = NewColumn & { at: Position }

async function declared(element: TableElement, at: Position, request: StatementRequest): Promise<Declared[]> {
  if (element.kind === 'column') {
    const name = element.name.text.toLowerCase()
    if (element.notNull)
      throw notSupported(
        `Catalog 'td-presto' does not support non-null column for column name '${name}'`,
        element.at,
      )
    checkProperties(element.properties, element.at, request, 'column')
    const { comment, at } = element
    return [{ name, type: columnType(element, name), at, ...(comment && { comment }) }]
  }
  const like = await findTarget(element.table, at, 'select from table', request)
  if (like.kind === 'table') {
    // `time` is every table's own: it is not named again.
    return like.columns.slice(0, -1).map(({ name, type }) => ({ name, type, at: element.at }))
  }
  if (like.kind === 'absent')
    throw new QueryError('TABLE_NOT_FOUND', `LIKE table '${fullName(like.name)}' does not exist`, at)
  throw notSupported('LIKE is supported of tables only', element.at)
}

function columnType(element: Extract<TableElement, { kind: 'column' }>, name: string): PrestoType {
  const type = resolveNamed(element, name)
  if (type.kind === 'unknown')
    throw new QueryError('COLUMN_TYPE_UNKNOWN', `Unknown type 'unknown' for column '${name}'`, element.at)
  return type
}

function resolveNamed(element: Extract<TableElement, { kind: 'column' }>, name: string): PrestoType {
  try {
    return resolveType(element.type)
  } catch (error) {
    const unknown = error instanceof QueryError && /Unknown type: (.*)$/.exec(error.message)
    if (!unknown) throw error
    throw new QueryError(
      'TYPE_NOT_FOUND',
      `Unknown type '${unknown[1]}' for column '${name}'`,
      element.at,
      error,
    )
  }
}

/** @throws NOT_SUPPORTED for types that tables cannot keep */
export function keptColumn(column: NewColumn, at: Position): NewColumn {
  const { name, type } = column
  if (name === 'time' && !canCoerce(type, BIGINT)) {
    throw new QueryError(
      'TYPE_MISMATCH',
      `Column 'time' must be a bigint of unix seconds, not ${typeText(type)}`,
      at,
    )
  }
  if (isKeepable(type)) return column
  throw notSupported(
    `Column '${name}' is of type ${typeText(type)}, which tables cannot keep: cast it to varchar, as JSON for instance`,
    at,
  )
}

function columnNames(
  { columns, at, query }: StatementOf<'create-table-as'>,
  given: readonly { name: string | undefined }[],
): string[] {
  if (columns !== undefined && columns.length !== given.length) {
    throw new QueryError(
      'MISMATCHED_COLUMN_ALIASES',
      `Column alias list has ${columns.length} entries but relation has ${given.length} columns`,
      query.at,
    )
  }
  const names = new Set<string>()
  for (const [i, column] of given.entries()) {
    const alias: Identifier | undefined = columns?.[i]
    const name = (alias?.text ?? column.name)?.toLowerCase()
    if (name === undefined)
      throw new QueryError('MISSING_COLUMN_NAME', `Column name not specified at position ${i + 1}`, at)
    if (names.has(name)) throw twice(name, alias?.at ?? at)
    names.add(name)
  }
  return [...names]
}

function twice(name: string, at: Position): QueryError {
  return new QueryError('DUPLICATE_COLUMN_NAME', `Column name '${name}' specified more than once`, at)
}

/** Properties are known hints with constant values, or the error that says which is not. */
export function checkProperties(
  properties: readonly Property[],
  at: Position,
  request: StatementRequest,
  of: 'table' | 'column' | 'schema' = 'table',
): void {
  const seen = new Set<string>()
  for (const { name, value } of properties) {
    const text = name.text.toLowerCase()
    if (seen.has(text)) throw new QueryError('DUPLICATE_PROPERTY', `Duplicate property: ${text}`, name.at)
    seen.add(text)
    if (of !== 'table' || !PROPERTIES.has(text)) {
      const error =
        of === 'table'
          ? 'INVALID_TABLE_PROPERTY'
          : of === 'column'
            ? 'INVALID_COLUMN_PROPERTY'
            : 'INVALID_SCHEMA_PROPERTY'
      throw new QueryError(error, `Catalog 'td-presto' ${of} property '${text}' does not exist`, at)
    }
    if (value !== undefined) analyzeConstant(value, 'property', { ...request, tables: new Map() })
  }
}
