import { requireTable } from '../analyze/index.ts'
import { analyzed, compilePlan } from '../compile-query.ts'
import type { CompiledQuery, StatementRequest } from '../compiled.ts'
import type { StatementOf } from '../parse/ast.ts'
import { parseStatement } from '../parse/index.ts'
import { lookUpName } from '../table-names.ts'

const COLUMNS = `grantor AS "Grantor", grantor_type AS "Grantor Type", grantee AS "Grantee", grantee_type AS "Grantee Type",
  table_catalog AS "Catalog", table_schema AS "Schema", table_name AS "Table", privilege_type AS "Privilege",
  is_grantable AS "Grantable", with_hierarchy AS "With Hierarchy"`

/** What the caller may do, table by table: as Presto, a query of information_schema. */
export async function showGrants(
  { table, at }: StatementOf<'show-grants'>,
  request: StatementRequest,
): Promise<CompiledQuery> {
  let condition = ''
  if (table !== undefined) {
    const name = { ...table, at }
    const found = requireTable(await lookUpName(name, request), name, request.defaultDatabase)
    const text = (value: string) => `'${value.replaceAll("'", "''")}'`
    condition = ` WHERE table_schema = ${text(found.database)} AND table_name = ${text(found.table)}`
  }
  const statement = parseStatement(`SELECT ${COLUMNS} FROM information_schema.table_privileges${condition}`)
  if (statement.kind !== 'query') throw new Error('SHOW GRANTS is a query')
  return compilePlan(await analyzed(statement.query, request), request.context)
}
