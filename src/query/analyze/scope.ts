import { type Position, QueryError, type QueryErrorName } from '../errors.ts'
import type { Identifier } from '../parse/ast.ts'
import type { ColumnValue, Typed } from './plan.ts'

/** A column that can be named. `qualifier` is the path before the name, lower case: [alias] or [catalog, database, table]. */
export type Field = {
  name: string | undefined
  qualifier: readonly string[] | undefined
  value: Typed
  /** What using it here fails with. */
  refused?: { error: QueryErrorName; message: string }
}

/** What names mean in one query; `parent` is the query around it, whose columns make this one correlated. */
export type Scope = {
  fields: Field[]
  parent: Scope | undefined
  /** `outputs`: of a select, before its sources, for ORDER BY. `border`: what is looked up through it comes from outside. */
  kind: 'sources' | 'outputs' | 'border'
  /** Of a border: where the subquery stands. */
  at?: Position
  /** Columns of enclosing queries used in here, filled as names are resolved. */
  free: ColumnValue[]
}

export function newScope(fields: Field[], parent: Scope | undefined, kind: Scope['kind'] = 'sources'): Scope {
  return { fields, parent, kind, free: [] }
}

/** The fields of the query itself. */
export function ownFields(scope: Scope): Field[] {
  return scope.kind === 'outputs' && scope.parent !== undefined
    ? [...scope.fields, ...scope.parent.fields]
    : scope.fields
}

/** The field that the dotted name means, looking outwards; undefined when no scope has it. */
export function resolveName(
  scope: Scope,
  parts: Identifier[],
  at: Position,
  inAggregate = false,
): Field | undefined {
  const name = parts.at(-1)!.text.toLowerCase()
  const path = parts.slice(0, -1)
  for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
    const called = byName(level.fields).get(name) ?? []
    const found = path.length === 0 ? called : called.filter(({ qualifier }) => endsWith(qualifier, path))
    if (found.length > 1) throw new QueryError('AMBIGUOUS_NAME', `Column '${dotted(parts)}' is ambiguous`, at)
    if (found.length === 1) {
      refuse(found[0]!, at)
      if (level.kind === 'outputs' && inAggregate) {
        throw new QueryError(
          'COLUMN_NOT_FOUND',
          'Invalid reference to output projection attribute from ORDER BY aggregation',
          at,
        )
      }
      noteUse(scope, level, found, at)
      return found[0]
    }
  }
  return undefined
}

/** All fields of the relation that the path names, looking outwards; undefined when no scope has one. */
export function resolveRelation(scope: Scope, path: Identifier[], at: Position): Field[] | undefined {
  for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
    const found = level.fields.filter((field) => endsWith(field.qualifier, path))
    if (found.length === 0) continue
    for (const field of found) refuse(field, at)
    noteUse(scope, level, found, at)
    return found
  }
  return undefined
}

function refuse({ refused }: Field, at: Position): void {
  if (refused !== undefined) throw new QueryError(refused.error, refused.message, at)
}

/** Columns found further out are free in every scope on the way. */
function noteUse(from: Scope, level: Scope, fields: Field[], at: Position): void {
  for (let inner: Scope = from; inner !== level; inner = inner.parent!)
    inner.free.push(...fields.flatMap(({ value }) => columnsIn(value, at)))
}

const indexes = new WeakMap<readonly Field[], ReadonlyMap<string, Field[]>>()

/** The fields by their names in lower case. Lists of fields are never changed, and asked again for every name. */
function byName(fields: readonly Field[]): ReadonlyMap<string, Field[]> {
  const known = indexes.get(fields)
  if (known !== undefined) return known
  const index = new Map<string, Field[]>()
  for (const field of fields) {
    if (field.name === undefined) continue
    const name = field.name.toLowerCase()
    const same = index.get(name)
    if (same === undefined) index.set(name, [field])
    else same.push(field)
  }
  indexes.set(fields, index)
  return index
}

/** True when the qualifier of a field ends with the given path. */
export function endsWith(qualifier: readonly string[] | undefined, path: Identifier[]): boolean {
  if (qualifier === undefined || path.length > qualifier.length) return false
  const tail = qualifier.slice(qualifier.length - path.length)
  return path.every((part, i) => part.text.toLowerCase() === tail[i])
}

/** Column nodes of a field's value: the column itself, or both sides of a key that USING merged. */
function columnsIn(value: Typed, at: Position): ColumnValue[] {
  if (value.kind === 'column') return [{ ...value, at }]
  if (value.kind === 'coalesce') return value.items.flatMap((item) => columnsIn(item, at))
  return value.kind === 'cast' ? columnsIn(value.value, at) : []
}

export function dotted(parts: Identifier[]): string {
  return parts.map((part) => part.text).join('.')
}
