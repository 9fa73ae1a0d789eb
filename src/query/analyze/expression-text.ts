import type {
  Expression,
  FrameBound,
  FunctionCall,
  SortItem,
  TypeName,
  WindowSpecification,
} from '../parse/ast.ts'
import { dotted } from './scope.ts'

/** An expression as Presto's messages show it: operators in parentheses, keywords in its own letter case. */
export function expressionText(node: Expression): string {
  const of = expressionText
  switch (node.kind) {
    case 'null':
      return 'null'
    case 'boolean':
      return String(node.value)
    case 'string':
      return quoted(node.value)
    case 'binary-string':
      return `X'${node.hex.toUpperCase()}'`
    case 'number':
      return numberText(node.form, node.text)
    case 'typed-literal':
      return `${typeNameText(node.type)} ${quoted(node.value)}`
    case 'interval':
      return `INTERVAL ${node.negative ? '- ' : ''}${quoted(node.value)} ${node.from.toUpperCase()}${node.to === node.from ? '' : ` TO ${node.to.toUpperCase()}`}`
    case 'column':
      return node.name.quoted ? `"${node.name.text.replaceAll('"', '""')}"` : node.name.text
    case 'dereference':
      return `${of(node.base)}.${node.field.text}`
    case 'subscript':
      return `${of(node.base)}[${of(node.index)}]`
    case 'row':
      return `ROW (${listText(node.items)})`
    case 'array':
      return `ARRAY[${node.items.map(of).join(',')}]`
    case 'call':
      return callText(node.call)
    case 'lambda':
      return `(${node.parameters.map(({ text }) => text).join(', ')}) -> ${of(node.body)}`
    case 'cast':
      return `${node.safe ? 'TRY_CAST' : 'CAST'}(${of(node.value)} AS ${typeNameText(node.type)})`
    case 'case':
      return caseText(node)
    case 'extract':
      return `EXTRACT(${node.field.toUpperCase()} FROM ${of(node.value)})`
    case 'at-time-zone':
      return `${of(node.value)} AT TIME ZONE ${of(node.zone)}`
    case 'current':
      return node.name
    case 'grouping':
      return `GROUPING (${node.columns.map(({ parts }) => dotted(parts)).join(', ')})`
    case 'sign':
      return node.negative ? `-(${of(node.value)})` : `+${of(node.value)}`
    case 'concat':
      return node.parts.slice(1).reduce((left, part) => `concat(${left}, ${of(part)})`, of(node.parts[0]!))
    case 'subquery':
      return '(query)'
    default:
      return predicateText(node)
  }
}

type Rest = Exclude<
  Expression,
  {
    kind:
      | 'null'
      | 'boolean'
      | 'string'
      | 'binary-string'
      | 'number'
      | 'typed-literal'
      | 'interval'
      | 'column'
      | 'dereference'
      | 'subscript'
      | 'row'
      | 'array'
      | 'call'
      | 'lambda'
      | 'cast'
      | 'case'
      | 'extract'
      | 'at-time-zone'
      | 'current'
      | 'grouping'
      | 'sign'
      | 'concat'
      | 'subquery'
  }
>

function predicateText(node: Rest): string {
  const of = expressionText
  switch (node.kind) {
    case 'arithmetic':
    case 'comparison':
      return `(${of(node.left)} ${node.operator} ${of(node.right)})`
    case 'distinct-from':
      return `(${of(node.left)} IS DISTINCT FROM ${of(node.right)})`
    case 'and':
    case 'or':
      return `(${node.terms.map(of).join(` ${node.kind.toUpperCase()} `)})`
    case 'not':
      return node.value.kind === 'is-null'
        ? `(${of(node.value.value)} IS NOT NULL)`
        : `(NOT ${of(node.value)})`
    case 'is-null':
      return `(${of(node.value)} IS NULL)`
    case 'between':
      return `(${of(node.value)} BETWEEN ${of(node.low)} AND ${of(node.high)})`
    case 'in-list':
      return `(${of(node.value)} IN (${listText(node.items)}))`
    case 'in-query':
      return `(${of(node.value)} IN (query))`
    case 'quantified':
      return `(${of(node.value)} ${node.operator} ${node.quantifier.toUpperCase()} (query))`
    case 'exists':
      return '(EXISTS (query))'
    case 'like':
      return `(${of(node.value)} LIKE ${of(node.pattern)}${node.escape === undefined ? '' : ` ESCAPE ${of(node.escape)}`})`
    default:
      return '?'
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
const listText = (items: Expression[]): string => items.map(expressionText).join(', ')

function numberText(form: 'integer' | 'decimal' | 'double', text: string): string {
  if (form === 'decimal') return `DECIMAL '${text}'`
  if (form === 'integer') return text
  const [digits = '', exponent = '0'] = Number(text).toExponential().split('e')
  return `${digits}E${Number(exponent)}`
}

function caseText(node: Extract<Expression, { kind: 'case' }>): string {
  const operand = node.operand === undefined ? '' : ` ${expressionText(node.operand)}`
  const whens = node.whens.map(
    ({ when, result }) => ` WHEN ${expressionText(when)} THEN ${expressionText(result)}`,
  )
  const otherwise = node.otherwise === undefined ? '' : ` ELSE ${expressionText(node.otherwise)}`
  return `(CASE${operand}${whens.join('')}${otherwise} END)`
}

const UPPER_CASE = ['if', 'coalesce', 'nullif', 'try']

/** A call with its clauses, as it was written. */
export function callText(call: FunctionCall): string {
  const name = dotted(call.name.parts)
  const args = call.star ? '*' : listText(call.args)
  const parts = [
    `${call.distinct ? 'DISTINCT ' : ''}${args}`,
    ...(call.orderBy.length === 0 ? [] : [orderText(call.orderBy)]),
  ]
  const shown = UPPER_CASE.includes(name.toLowerCase()) ? name.toUpperCase() : name
  return [
    `${shown}(${parts.filter(Boolean).join(' ')})`,
    call.filter === undefined ? '' : `FILTER (WHERE ${expressionText(call.filter)})`,
    call.nullTreatment === undefined ? '' : `${call.nullTreatment.toUpperCase()} NULLS`,
    call.over === undefined
      ? ''
      : 'text' in call.over
        ? `OVER ${call.over.text}`
        : `OVER (${windowText(call.over)})`,
  ]
    .filter(Boolean)
    .join(' ')
}

function orderText(items: SortItem[]): string {
  const keys = items.map(
    ({ value, descending, nulls }) =>
      `${expressionText(value)} ${descending ? 'DESC' : 'ASC'}${nulls === undefined ? '' : ` NULLS ${nulls.toUpperCase()}`}`,
  )
  return `ORDER BY ${keys.join(', ')}`
}

function windowText({ existing, partitionBy, orderBy, frame }: WindowSpecification): string {
  const bounds =
    frame?.end === undefined
      ? frame && boundText(frame.start)
      : `BETWEEN ${boundText(frame.start)} AND ${boundText(frame.end)}`
  return [
    existing?.text ?? '',
    partitionBy.length === 0 ? '' : `PARTITION BY ${listText(partitionBy)}`,
    orderBy.length === 0 ? '' : orderText(orderBy),
    frame === undefined ? '' : `${frame.unit.toUpperCase()} ${bounds}`,
  ]
    .filter(Boolean)
    .join(' ')
}

function boundText(bound: FrameBound): string {
  const kind = bound.kind.toUpperCase()
  return 'value' in bound ? `${expressionText(bound.value)} ${kind}` : kind
}

function typeNameText(type: TypeName): string {
  switch (type.kind) {
    case 'generic':
      return type.parameters.length === 0
        ? type.name
        : `${type.name}(${type.parameters.map((part) => (typeof part === 'number' ? part : typeNameText(part))).join(', ')})`
    case 'row':
      return `ROW(${type.fields.map(({ name, type: of }) => `${name === undefined ? '' : `${name} `}${typeNameText(of)}`).join(', ')})`
    case 'date-time':
      return `${type.base}${type.precision === undefined ? '' : `(${type.precision})`}${type.zoned ? ' with time zone' : ''}`
    case 'interval':
      return `interval ${type.from} to ${type.to}`
  }
}
