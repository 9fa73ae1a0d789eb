import { type Position, QueryError } from '../errors.ts'
import { canCoerce, commonType } from '../functions/coercion.ts'
import type { Expression, ExpressionOf, Identifier } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import { BIGINT, widen } from './coerce.ts'
import { expressionText } from './expression-text.ts'
import { comparedType } from './operators.ts'
import type { Typed } from './plan.ts'
import { dotted, resolveName } from './scope.ts'

export function columnReference(env: Environment, node: ExpressionOf<'column'>): Typed {
  return named(env, [node.name], node.at) ?? unresolved([node.name], node.at)
}

function named(env: Environment, parts: Identifier[], at: Position): Typed | undefined {
  if (parts.length === 1) {
    const parameter = env.parameters.get(parts[0]!.text.toLowerCase())
    if (parameter !== undefined) return { ...parameter, at }
  }
  const field = resolveName(env.scope, parts, at, env.inAggregate)
  return field === undefined ? undefined : { ...field.value, at }
}

function unresolved(parts: Identifier[], at: Position): never {
  throw new QueryError('COLUMN_NOT_FOUND', `Column '${dotted(parts)}' cannot be resolved`, at)
}

/** `a.b.c`: a qualified column when one has that name, else a field of the row that the rest means. */
export function dereference(env: Environment, node: ExpressionOf<'dereference'>): Typed {
  const parts = nameParts(node)
  if (parts === undefined)
    return fieldOf(env.analyzer.expression(env, node.base), node.field, expressionText(node), node.at)
  for (let length = parts.length; length > 0; length -= 1) {
    const base = named(env, parts.slice(0, length), node.at)
    if (base === undefined) continue
    return parts
      .slice(length)
      .reduce(
        (value, field, i) => fieldOf(value, field, dotted(parts.slice(0, length + i + 1)), node.at),
        base,
      )
  }
  return unresolved(parts, node.at)
}

/** The identifiers of a chain that is nothing but names. */
export function nameParts(node: Expression): Identifier[] | undefined {
  if (node.kind === 'column') return [node.name]
  if (node.kind !== 'dereference') return undefined
  const base = nameParts(node.base)
  return base === undefined ? undefined : [...base, node.field]
}

/** `path` is the whole as it was written. */
function fieldOf(base: Typed, field: Identifier, path: string, at: Position): Typed {
  if (base.type.kind !== 'row') {
    throw mismatch(`Expression ${path.slice(0, path.lastIndexOf('.'))} is not of type ROW`, at)
  }
  const name = field.text.toLowerCase()
  const indexes = base.type.fields.flatMap((f, i) => (f.name?.toLowerCase() === name ? [i] : []))
  if (indexes.length === 0)
    throw new QueryError('COLUMN_NOT_FOUND', `Column '${path}' cannot be resolved`, at)
  if (indexes.length > 1) {
    throw new QueryError('AMBIGUOUS_NAME', `Ambiguous row field reference: ${field.text}`, field.at)
  }
  return { kind: 'field', base, index: indexes[0]!, type: base.type.fields[indexes[0]!]!.type, at }
}

export function subscript(base: Typed, index: Typed, at: Position): Typed {
  const { type } = base
  if (type.kind === 'array' && canCoerce(index.type, BIGINT)) {
    return { kind: 'subscript', base, index: widen(index, BIGINT), type: type.element, at }
  }
  const common = type.kind === 'map' ? commonType(type.key, index.type) : undefined
  if (type.kind === 'map' && common !== undefined) {
    const key = comparedType(common)
    const map = widen(base, { ...type, key })
    return { kind: 'subscript', base: map, index: widen(index, key), type: type.value, at }
  }
  if (type.kind === 'row') return rowSubscript(base, type.fields, index, at)
  throw mismatch(`Cannot use ${typeText(index.type)} for subscript of ${typeText(type)}`, index.at)
}

function rowSubscript(base: Typed, fields: { type: Typed['type'] }[], index: Typed, at: Position): Typed {
  if (index.kind !== 'constant' || typeof index.value !== 'bigint') {
    throw new QueryError(
      'EXPRESSION_NOT_CONSTANT',
      'Subscript expression on ROW requires a constant index',
      index.at,
    )
  }
  if (index.value < 1n) {
    throw new QueryError(
      'INVALID_FUNCTION_ARGUMENT',
      `Invalid subscript index: ${index.value}. ROW indices start at 1`,
      index.at,
    )
  }
  if (index.value > fields.length) {
    throw new QueryError(
      'INVALID_FUNCTION_ARGUMENT',
      `Subscript index out of bounds: ${index.value}, max value is ${fields.length}`,
      index.at,
    )
  }
  const position = Number(index.value) - 1
  return { kind: 'field', base, index: position, type: fields[position]!.type, at }
}
