import { CATALOG, type KnownTable, requireTable, tableColumns, tablePath } from '../analyze/index.ts'
import type { CompiledQuery, StatementRequest } from '../compiled.ts'
import { constantQuery } from '../constant-query.ts'
import { QueryError } from '../errors.ts'
import type { QualifiedName, StatementOf } from '../parse/ast.ts'
import { isReserved } from '../parse/index.ts'
import { typeText } from '../presto-type.ts'
import { lookUpName } from '../table-names.ts'
import { schemaExists, schemaName } from './schemas.ts'
import { noSchema, notSupported } from './targets.ts'

/** The statement that would make the thing again. */
export async function showCreate(
  { what, name: given, at }: StatementOf<'show-create'>,
  request: StatementRequest,
): Promise<CompiledQuery> {
  const name: QualifiedName = { ...given, at }
  if (what === 'schema') {
    const database = schemaName(name, at)
    if (!(await schemaExists(database, request))) throw noSchema(database, at)
    return answer('Schema', `CREATE SCHEMA ${quoted(CATALOG)}.${quoted(database)}`)
  }
  const tables = await lookUpName(name, request)
  const { database, table } = tablePath(name, request.defaultDatabase)
  const full = `${CATALOG}.${database}.${table}`
  if (what === 'view' && tables.get(`${database}.${table}`)?.kind === 'no-table')
    throw new QueryError('TABLE_NOT_FOUND', `View '${full}' does not exist`, at)
  const { found } = requireTable(tables, name, request.defaultDatabase)
  const path = [CATALOG, database, table].map(quoted).join('.')
  if (what === 'table') {
    if (found.kind === 'view') throw notSupported(`Relation '${full}' is a view, not a table`, at)
    return answer('Table', createTable(path, found))
  }
  if (found.kind !== 'view') throw notSupported(`Relation '${full}' is a table, not a view`, at)
  const { security, comment, text } = found.view
  const lines = [
    `CREATE VIEW ${path}`,
    ...(comment === null ? [] : [commentText(comment)]),
    `SECURITY ${security.toUpperCase()} AS`,
    text,
  ]
  return answer('View', lines.join('\n'))
}

function answer(what: string, text: string): CompiledQuery {
  return constantQuery([{ name: `Create ${what}`, type: { kind: 'varchar' } }], [[text]])
}

function createTable(path: string, found: Extract<KnownTable, { kind: 'found' | 'system' }>): string {
  const columns = tableColumns(found).map(({ name, type, comment }) =>
    [`   ${quoted(name)} ${typeText(type)}`, ...(comment === undefined ? [] : [commentText(comment)])].join(
      ' ',
    ),
  )
  const description = found.kind === 'found' ? found.table.description : undefined
  const lines = [
    `CREATE TABLE ${path} (`,
    columns.join(',\n'),
    ')',
    ...(description ? [commentText(description)] : []),
  ]
  return lines.join('\n')
}

const commentText = (comment: string): string => `COMMENT '${comment.replaceAll("'", "''")}'`

/** A name as a statement has to write it. */
function quoted(name: string): string {
  const plain = /^[a-z_][a-z0-9_]*$/.test(name) && !isReserved(name)
  return plain ? name : `"${name.replaceAll('"', '""')}"`
}
