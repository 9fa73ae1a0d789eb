import type { SchemaLookup } from './analyze/index.ts'
import { type KnownTable, type StoredView, type TableLookup, tablePath } from './analyze/index.ts'
import { QueryError } from './errors.ts'
import type { QualifiedName, Query } from './parse/ast.ts'
import { parseStatement } from './parse/index.ts'

/** Where names are looked up: in whose eyes, and in which database those without one are. */
type Place = { lookup: SchemaLookup; defaultDatabase: string }

/**
 * Asks the lookup for every table name in a query, once each, and for those in the views among them. Names of WITH queries are asked for
 * too: whether such a name is a table is the analyzer's to decide, and it uses only the answers it needs.
 */
export async function lookUpTables(query: Query, place: Place): Promise<ReadonlyMap<string, KnownTable>> {
  return lookUp(namesIn(query), place, [])
}

export function lookUpName(name: QualifiedName, place: Place): Promise<ReadonlyMap<string, KnownTable>> {
  return lookUp([name], place, [])
}

/** `inside`: the views whose queries these names stand in. */
async function lookUp(
  names: QualifiedName[],
  place: Place,
  inside: readonly string[],
): Promise<ReadonlyMap<string, KnownTable>> {
  const answers = new Map<string, KnownTable>()
  for (const name of names) {
    const { database, table } = tablePath(name, place.defaultDatabase)
    const key = `${database}.${table}`
    if (answers.has(key)) continue
    answers.set(key, await expanded(await place.lookup.findTable(database, table), key, place, inside))
  }
  return answers
}

async function expanded(
  found: TableLookup,
  key: string,
  { lookup }: Place,
  inside: readonly string[],
): Promise<KnownTable> {
  if (found.kind !== 'view') return found
  const { view } = found
  if (inside.includes(key)) return { kind: 'view', view, expansion: { kind: 'recursive' } }
  const query = parsed(view)
  if (query instanceof QueryError) return { kind: 'view', view, expansion: { kind: 'invalid', error: query } }
  const place: Place = {
    lookup: view.security === 'definer' ? lookup.as(view.owner) : lookup,
    defaultDatabase: view.defaultDatabase,
  }
  const tables = await lookUp(namesIn(query), place, [...inside, key])
  return { kind: 'view', view, expansion: { kind: 'query', query, tables } }
}

function parsed({ text }: StoredView): Query | QueryError {
  try {
    const statement = parseStatement(text)
    return statement.kind === 'query' ? statement.query : new QueryError('INVALID_VIEW', 'it is no query')
  } catch (error) {
    if (error instanceof QueryError) return error
    throw error
  }
}

function namesIn(query: Query): QualifiedName[] {
  const names: QualifiedName[] = []
  collect(query, names)
  return names
}

function collect(node: unknown, names: QualifiedName[]): void {
  if (node === null || typeof node !== 'object') return
  if (Array.isArray(node)) {
    for (const item of node) collect(item, names)
    return
  }
  const { kind, name } = node as { kind?: string; name?: QualifiedName }
  if (kind === 'table' && name !== undefined) names.push(name)
  for (const key in node) if (key !== 'at') collect((node as Record<string, unknown>)[key], names)
}
