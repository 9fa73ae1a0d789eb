import { CATALOG, compileErrors, type ListLookup, requireTable, tableColumns } from './analyze/index.ts'
import type { CompiledQuery, StatementRequest } from './compile.ts'
import { constantQuery } from './constant-query.ts'
import { QueryError } from './errors.ts'
import type { LikePattern, Statement } from './parse/ast.ts'
import { typeText } from './presto-type.ts'
import { lookUpName } from './table-names.ts'

type Show = Extract<Statement, { kind: `show-${string}` }>
const VARCHAR = { kind: 'varchar' } as const

/** SHOW and DESCRIBE, answered from the catalog at once. */
export async function showStatement(
  statement: Show | Exclude<Statement, Show>,
  request: StatementRequest,
): Promise<CompiledQuery> {
  switch (statement.kind) {
    case 'show-catalogs':
      return names('Catalog', [CATALOG], statement.like)
    case 'show-schemas':
      return names('Schema', listed(await request.lookup.listDatabases(), statement), statement.like)
    case 'show-tables': {
      const schema = statement.schema?.parts.at(-1)?.text.toLowerCase() ?? request.defaultDatabase
      const found = await request.lookup.listTables(schema)
      if (found.kind === 'absent') {
        throw new QueryError('SCHEMA_NOT_FOUND', `Schema '${schema}' does not exist`, statement.at)
      }
      return names('Table', listed(found, statement), statement.like)
    }
    case 'show-columns':
      return showColumns(statement, request)
    default:
      throw new QueryError('NOT_SUPPORTED', 'This statement is not supported', statement.at)
  }
}

function listed(found: ListLookup, { at }: Statement): string[] {
  if (found.kind === 'unknown') throw compileErrors.catalog_unknown(found.reason)
  if (found.kind === 'absent') throw new QueryError('SCHEMA_NOT_FOUND', 'Schema does not exist', at)
  return [...found.names].sort()
}

function names(title: string, values: string[], like: LikePattern | undefined): CompiledQuery {
  const rows = values.filter((value) => matches(value, like)).map((value) => [value])
  return constantQuery([{ name: title, type: VARCHAR }], rows)
}

async function showColumns(
  statement: Extract<Show, { kind: 'show-columns' }>,
  request: StatementRequest,
): Promise<CompiledQuery> {
  const tables = await lookUpName(statement.table, request)
  const { found } = requireTable(tables, statement.table, request.defaultDatabase)
  const rows = tableColumns(found)
    .filter(({ name }) => matches(name, statement.like))
    .map(({ name, type }) => [name, typeText(type), '', ''])
  const titles = ['Column', 'Type', 'Extra', 'Comment']
  return constantQuery(
    titles.map((name) => ({ name, type: VARCHAR })),
    rows,
  )
}

/** SQL's LIKE on one name. */
function matches(value: string, like: LikePattern | undefined): boolean {
  if (like === undefined) return true
  let expression = ''
  for (let i = 0; i < like.pattern.length; i += 1) {
    const character = like.pattern[i]!
    if (character === like.escape) expression += RegExp.escape(like.pattern[++i] ?? '')
    else
      expression +=
        character === '%' ? '[\\s\\S]*' : character === '_' ? '[\\s\\S]' : RegExp.escape(character)
  }
  return new RegExp(`^${expression}$`).test(value)
}
