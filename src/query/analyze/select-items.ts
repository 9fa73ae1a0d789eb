import { QueryError } from '../errors.ts'
import type { Expression, Identifier, Select, SelectItem } from '../parse/ast.ts'
import { type Environment, mismatch } from './analyzer.ts'
import { nameParts } from './columns.ts'
import type { Typed } from './plan.ts'
import { dotted, resolveRelation } from './scope.ts'

/** One column of a select's output. `node` is what was written, undefined for a column that `*` stands for. `name` is undefined for an expression without alias: shown as `_col` and its position. */
export type Item = { name: string | undefined; value: Typed; node: Expression | undefined }

export function selectItems(env: Environment, node: Select): Item[] {
  return node.items.flatMap((item): Item[] => {
    if (item.kind === 'all') return all(env, node, item)
    if (item.kind === 'all-of') return allOf(env, item)
    return [
      {
        name: item.alias?.text ?? ownName(item.value),
        value: env.analyzer.expression(env, item.value),
        node: item.value,
      },
    ]
  })
}

/** A column keeps the name it was written with, a field of a row its own. */
function ownName(node: Expression): string | undefined {
  if (node.kind === 'column') return node.name.text
  return node.kind === 'dereference' ? node.field.text : undefined
}

function all(env: Environment, node: Select, item: SelectItem): Item[] {
  if (node.from.length === 0) {
    throw new QueryError('COLUMN_NOT_FOUND', 'SELECT * not allowed in queries without FROM clause', item.at)
  }
  if (env.scope.fields.length === 0)
    throw new QueryError(
      'COLUMN_NOT_FOUND',
      'SELECT * not allowed from relation that has no columns',
      item.at,
    )
  return env.scope.fields.map(({ name, value }) => ({
    name,
    value: { ...value, at: item.at },
    node: undefined,
  }))
}

/** `t.*` for a relation of that name, else every field of the row that the expression gives. */
function allOf(env: Environment, item: Extract<SelectItem, { kind: 'all-of' }>): Item[] {
  const items = relationItems(env, item.base) ?? rowItems(env, item)
  const { aliases } = item
  if (aliases === undefined) return items
  if (aliases.length !== items.length) {
    throw new QueryError(
      'MISMATCHED_COLUMN_ALIASES',
      `Column alias list has ${aliases.length} entries but relation has ${items.length} columns`,
      aliases[0]!.at,
    )
  }
  return items.map((found, i) => ({ ...found, name: aliases[i]!.text }))
}

function relationItems(env: Environment, base: Expression): Item[] | undefined {
  const path: Identifier[] | undefined = nameParts(base)
  if (path === undefined) return undefined
  return resolveRelation(env.scope, path, base.at)?.map(({ name, value }) => ({
    name,
    value: { ...value, at: base.at },
    node: undefined,
  }))
}

function rowItems(env: Environment, item: Extract<SelectItem, { kind: 'all-of' }>): Item[] {
  const path = nameParts(item.base)
  // A single name is always a relation's.
  const base = path?.length === 1 ? undefined : rowBase(env, item.base)
  if (base !== undefined && base.type.kind !== 'row' && path === undefined) {
    throw mismatch('expected expression of type Row', item.at)
  }
  if (base === undefined || base.type.kind !== 'row') {
    throw new QueryError(
      'TABLE_NOT_FOUND',
      `Unable to resolve reference ${path === undefined ? '' : dotted(path)}`.trim(),
      item.at,
    )
  }
  return base.type.fields.map(({ name, type }, index) => ({
    name,
    value: { kind: 'field', base, index, type, at: item.at },
    node: item.base,
  }))
}

function rowBase(env: Environment, node: Expression): Typed | undefined {
  try {
    return env.analyzer.expression(env, node)
  } catch (error) {
    if (error instanceof QueryError && error.errorName === 'COLUMN_NOT_FOUND') return undefined
    throw error
  }
}
