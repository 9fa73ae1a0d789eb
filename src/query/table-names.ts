import { type TableLookup, tablePath } from './analyze/index.ts'
import type { StatementRequest } from './compile.ts'
import type { QualifiedName, Statement } from './parse/ast.ts'

/**
 * Asks the lookup for every table name in a statement, once each. Names of WITH queries are asked for too: whether such a name is
 * a table is the analyzer's to decide, and it uses only the answers it needs.
 */
export async function lookUpTables(
  statement: Statement,
  request: StatementRequest,
): Promise<ReadonlyMap<string, TableLookup>> {
  const names: QualifiedName[] = []
  collect(statement, names)
  return lookUp(names, request)
}

export function lookUpName(
  name: QualifiedName,
  request: StatementRequest,
): Promise<ReadonlyMap<string, TableLookup>> {
  return lookUp([name], request)
}

async function lookUp(
  names: QualifiedName[],
  request: StatementRequest,
): Promise<ReadonlyMap<string, TableLookup>> {
  const answers = new Map<string, TableLookup>()
  for (const name of names) {
    const { database, table } = tablePath(name, request.defaultDatabase)
    const key = `${database}.${table}`
    if (!answers.has(key)) answers.set(key, await request.lookup.findTable(database, table))
  }
  return answers
}

function collect(node: unknown, names: QualifiedName[]): void {
  if (Array.isArray(node)) {
    for (const item of node) collect(item, names)
    return
  }
  if (node === null || typeof node !== 'object') return
  const { kind, name } = node as { kind?: string; name?: QualifiedName }
  if (kind === 'table' && name !== undefined) names.push(name)
  for (const value of Object.values(node)) collect(value, names)
}
