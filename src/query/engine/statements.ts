import {
  type DuckDBConnection,
  type DuckDBPreparedStatement,
  LIST,
  listValue,
  StatementType,
  VARCHAR,
} from '@duckdb/node-api'
import { QueryError } from '../errors.ts'

/**
 * The statement check. Files given to a job can also be written by the engine's own statements, and table functions
 * reach further than tables; so what the generator hands over is looked at once more by DuckDB's own parser.
 */
const TABLE_FUNCTIONS = new Set([
  'unnest',
  'range',
  'generate_series',
  'repeat',
  'repeat_row',
  'read_parquet',
  'parquet_scan',
  'json_each',
  'json_tree',
])
const REFUSED_FUNCTIONS = new Set([
  'getenv',
  'current_setting',
  'write_log',
  'getvariable',
  'nextval',
  'currval',
])
const SETUP = /^\s*CREATE\s+(OR\s+REPLACE\s+)?(TEMP(ORARY)?\s+)?(VIEW|MACRO|TABLE|TYPE)\s/i

const PATHS = LIST(VARCHAR)

/** Throws unless the text is one SELECT that calls only what it may. */
export async function checkSelect(connection: DuckDBConnection, sql: string): Promise<void> {
  const { count } = await connection.extractStatements(sql)
  if (count !== 1) throw refused(`${count} statements instead of one`)
  await checkFunctions(connection, sql)
}

/**
 * Prepares the one SELECT with `lists` as its parameters; throws for anything else, naming what it was. With parameters DuckDB
 * plans it, and opens files, only when it runs.
 */
export async function prepareSelect(
  connection: DuckDBConnection,
  sql: string,
  lists: readonly string[][] = [],
): Promise<DuckDBPreparedStatement> {
  const statements = await connection.extractStatements(sql)
  if (statements.count !== 1) throw refused(`${statements.count} statements instead of one`)
  await checkFunctions(connection, sql)
  const prepared = await statements.prepare(0)
  if (prepared.statementType !== StatementType.SELECT)
    throw refused(`a ${StatementType[prepared.statementType]} statement instead of a SELECT`)
  for (const [i, paths] of lists.entries()) prepared.bindList(i + 1, listValue(paths), PATHS)
  return prepared
}

/** Runs one statement of the setup; it must create a view, macro, type or (in-memory) table. */
export async function runSetup(connection: DuckDBConnection, sql: string): Promise<void> {
  if (!SETUP.test(sql)) throw refused(`setup that creates nothing: ${sql.slice(0, 60)}`)
  const statements = await connection.extractStatements(sql)
  if (statements.count !== 1) throw refused(`${statements.count} statements in one setup step`)
  await connection.run(sql)
}

const serializers = new WeakMap<DuckDBConnection, Promise<DuckDBPreparedStatement>>()

/** What the check itself asks of DuckDB; an engine has it ready before a job comes, since it takes as long as the rest of the check. */
export function prepareCheck(connection: DuckDBConnection): Promise<DuckDBPreparedStatement> {
  const prepared = serializers.get(connection) ?? connection.prepare('SELECT json_serialize_sql($1::VARCHAR)')
  serializers.set(connection, prepared)
  return prepared
}

async function checkFunctions(connection: DuckDBConnection, sql: string): Promise<void> {
  const serialize = await prepareCheck(connection)
  serialize.bindVarchar(1, sql)
  const chunk = await (await serialize.run()).fetchChunk()
  const tree = JSON.parse(String(chunk?.getColumnVector(0).getItem(0))) as {
    error: boolean
    error_message?: string
  }
  if (tree.error) throw refused(tree.error_message ?? 'a statement that is not a SELECT')
  visit(tree)
}

/** Every function call in the tree of a SELECT, FROM clause or expression. */
function visit(node: unknown): void {
  if (Array.isArray(node)) {
    for (const child of node) visit(child)
    return
  }
  if (node === null || typeof node !== 'object') return
  const { type, function: call, function_name: name } = node as Record<string, unknown>
  if (type === 'TABLE_FUNCTION') {
    const called = (call as { function_name?: string } | undefined)?.function_name?.toLowerCase() ?? ''
    if (!TABLE_FUNCTIONS.has(called)) throw refused(`the table function ${called}`)
  }
  if (typeof name === 'string' && REFUSED_FUNCTIONS.has(name.toLowerCase()))
    throw refused(`the function ${name}`)
  for (const child of Object.values(node)) visit(child)
}

function refused(what: string): QueryError {
  return new QueryError('GENERIC_INTERNAL_ERROR', `the statement check refused ${what}`)
}
