import type { BodyInput, BodyPlan, CtePlan, OrderKey, QueryPlan, SelectPlan, Typed } from '../analyze/plan.ts'
import { duckType, raise } from '../functions/index.ts'
import type { PrestoType } from '../presto-type.ts'
import { castSql } from './casts.ts'
import { directionSql } from './expression.ts'
import type { Generator } from './generator.ts'
import { groupedBy, groupedGenerator, isGroupedOtherwise } from './grouped.ts'
import { relationSql } from './relation.ts'
import { sessionsOf } from './sessions.ts'

/** A query whose output columns are c1, c2, …; usable in parentheses or on its own. */
export function querySql(g: Generator, plan: QueryPlan): string {
  const ctes = plan.ctes.map((cte) => cteSql(g, cte))
  const recursive = plan.ctes.some(({ step }) => step !== undefined)
  const head = ctes.length === 0 ? '' : `WITH ${recursive ? 'RECURSIVE ' : ''}${ctes.join(', ')} `
  return head + orderedSql(g, plan) + limitSql(plan)
}

/** As in the original. */
const MAX_RECURSION_DEPTH = 10

function cteSql(g: Generator, cte: CtePlan): string {
  const columns = cte.columns.map((_, i) => `c${i + 1}`).join(', ')
  const anchor = g.query(g, cte.plan)
  if (cte.step === undefined) return `q${cte.id}(${columns}) AS (${anchor})`
  const step = widenedSql(
    g,
    `(${g.query(g, cte.step.plan)})`,
    cte.step.plan.columns.map(({ type }) => type),
    cte.columns.map(({ type }) => type),
  )
  const name = `q${cte.id}`
  // What only adds what is new ends by itself; a step may mean another query of the same name.
  if (!cte.step.all || !new RegExp(`\\b${name}\\b`).test(step))
    return `${name}(${columns}) AS (SELECT * FROM (${anchor}) AS a UNION ${cte.step.all ? 'ALL ' : ''}${step})`
  const depth = `(SELECT any_value(depth) FROM ${name})`
  const counted = `CASE WHEN ${depth} >= ${g.context.maxRecursionDepth ?? MAX_RECURSION_DEPTH} THEN ${tooDeep(g)} ELSE ${depth} + 1 END`
  return `${name}(${columns}, depth) AS (SELECT a.*, 0 FROM (${anchor}) AS a UNION ALL SELECT s.*, ${counted} FROM (${step}) AS s)`
}

const tooDeep = ({ context }: Generator): string =>
  raise(
    'NOT_SUPPORTED',
    `Recursion depth limit exceeded (${context.maxRecursionDepth ?? MAX_RECURSION_DEPTH}). Use 'max_recursion_depth' session property to modify the limit.`,
    { kind: 'integer' },
  )

function limitSql({ limit, offset }: QueryPlan): string {
  if (limit?.withTies === true) return ''
  const count = limit === undefined ? '' : ` LIMIT ${limit.count}`
  return `${count}${offset === undefined ? '' : ` OFFSET ${offset}`}`
}

function orderedSql(g: Generator, plan: QueryPlan): string {
  if (plan.body.kind === 'select') return selectSql(g, plan.body.select, plan)
  if (plan.wrapper === undefined) return bodySql(g, plan.body)
  const columns = plan.columns.map((_, i) => `r${plan.wrapper}.c${i + 1} AS c${i + 1}`).join(', ')
  const body = `SELECT ${columns} FROM (${bodySql(g, plan.body)}) AS r${plan.wrapper}`
  return `${body}${tiesSql(g, plan, [])}${orderSql(g, plan.orderBy)}`
}

function orderSql(g: Generator, keys: OrderKey[]): string {
  const parts = keys.map(
    (key) => `${'output' in key ? key.output : keySql(g, key.value)}${directionSql(key)}`,
  )
  return parts.length === 0 ? '' : ` ORDER BY ${parts.join(', ')}`
}

function keySql(g: Generator, value: Typed): string {
  const sql = g.expression(g, value)
  // A bare number would be the position of a column; a cast that changes nothing leaves one, too.
  return value.kind === 'constant' || /^\d+$/.test(sql) ? `CAST(${sql} AS ${duckType(value.type)})` : sql
}

/** WITH TIES keeps every row that ranks like the last one; the rows of OFFSET are counted before. */
function qualified({ limit, offset = 0n }: QueryPlan, order: string): string {
  const ranked = ` QUALIFY rank() OVER (${order}) <= ${limit!.count + offset}`
  return offset === 0n ? ranked : `${ranked} AND row_number() OVER (${order}) > ${offset}`
}

function tiesSql(g: Generator, plan: QueryPlan, outputs: Typed[]): string {
  const { limit, orderBy } = plan
  if (limit === undefined || !limit.withTies) return ''
  const keys = orderBy.map(
    (key) => `${keySql(g, 'output' in key ? outputs[key.output - 1]! : key.value)}${directionSql(key)}`,
  )
  return qualified(plan, `ORDER BY ${keys.join(', ')}`)
}

export function bodySql(g: Generator, body: BodyPlan): string {
  switch (body.kind) {
    case 'select':
      return selectSql(g, body.select, undefined)
    case 'values':
      return valuesSql(g, body.rows)
    case 'relation':
      return relationBody(g, body.relation, body.outputs)
    case 'nested':
      return `(${g.query(g, body.plan)})`
    case 'set': {
      const operator = ` ${body.operation.toUpperCase()}${body.all ? ' ALL' : ''} `
      return body.inputs.map((input) => inputSql(g, input)).join(operator)
    }
  }
}

function valuesSql(g: Generator, rows: Typed[][]): string {
  const texts = rows.map((row) => `(${row.map((value) => g.expression(g, value)).join(', ')})`)
  const columns = rows[0]!.map((_, i) => `c${i + 1}`).join(', ')
  return `SELECT * FROM (VALUES ${texts.join(', ')}) AS v(${columns})`
}

function relationBody(g: Generator, relation: SelectPlan['from'][number], outputs: Typed[]): string {
  const from = relationSql(g, relation)
  return `SELECT ${outputs.map((value, i) => `${g.expression(g, value)} AS c${i + 1}`).join(', ')} FROM ${from}`
}

function inputSql(g: Generator, { body, from, types }: BodyInput): string {
  return widenedSql(g, `(${bodySql(g, body)})`, from, types)
}

/** A query in parentheses with its columns widened where their types differ from those wanted. */
function widenedSql(g: Generator, query: string, from: PrestoType[], types: PrestoType[]): string {
  const place = { implicit: true, context: g.context, at: undefined }
  const casts = from.map((type, i) =>
    type.kind === 'unknown'
      ? `CAST(NULL AS ${duckType(types[i]!)})`
      : castSql(`w.c${i + 1}`, type, types[i]!, place),
  )
  if (casts.every((sql, i) => sql === `w.c${i + 1}`)) return query
  return `(SELECT ${casts.map((sql, i) => `${sql} AS c${i + 1}`).join(', ')} FROM ${query} AS w)`
}

/** `query` is the whole query when the select is its body: its order stands in the select's own scope. */
function selectSql(g: Generator, select: SelectPlan, query: QueryPlan | undefined): string {
  // FROM first: the columns' use of tables is noted where the tables are known.
  const relations = select.from.map((relation) => relationSql(g, relation))
  const sessions = sessionsOf(g, select, sortedValues(query), relations)
  const from = sessions === undefined ? relations : [sessions.from]
  const after = sessions === undefined ? (groupedGenerator(g, select) ?? g) : { ...g, bound: sessions.bound }
  const items = select.items.map((item) => after.expression(after, item))
  const parts = [
    `SELECT ${distinctSql(select, items)}${items.map((sql, i) => `${sql} AS c${i + 1}`).join(', ')}`,
  ]
  if (from.length > 0) parts.push(`FROM ${from.join(', ')}`)
  if (select.where !== undefined && sessions === undefined)
    parts.push(`WHERE ${g.expression(g, select.where)}`)
  if (select.groupBy !== undefined) parts.push(`GROUP BY ${groupSql(g, select.groupBy.sets)}`)
  if (select.having !== undefined) parts.push(`HAVING ${after.expression(after, select.having)}`)
  const text = parts.join(' ')
  if (query === undefined) return text
  if (query.limit?.withTies === true && select.distinct) return distinctTies(g, text, select, query)
  return `${text}${tiesSql(after, query, select.items)}${orderSql(after, query.orderBy)}`
}

/** By what makes values equal, where that is not themselves. */
function distinctSql({ distinct, items }: SelectPlan, texts: string[]): string {
  if (!distinct) return ''
  if (!items.some(({ type }) => isGroupedOtherwise(type))) return 'DISTINCT '
  const keys = items.map(({ type }, i) => (isGroupedOtherwise(type) ? groupedBy(texts[i]!, type) : texts[i]!))
  return `DISTINCT ON (${keys.join(', ')}) `
}

const sortedValues = (query: QueryPlan | undefined): Typed[] =>
  (query?.orderBy ?? []).flatMap((key) => ('value' in key ? [key.value] : []))

/** DISTINCT comes before the ranking: its order can only be by outputs. */
function distinctTies(g: Generator, text: string, select: SelectPlan, query: QueryPlan): string {
  const keys = query.orderBy
    .map((key) => `c${'output' in key ? key.output : 1}${directionSql(key)}`)
    .join(', ')
  const columns = select.items.map((_, i) => `d.c${i + 1} AS c${i + 1}`).join(', ')
  return `SELECT ${columns} FROM (${text}) AS d${qualified(query, `ORDER BY ${keys}`)}${orderSql(g, query.orderBy)}`
}

function groupSql(g: Generator, sets: Typed[][]): string {
  const texts = sets.map((set) =>
    set.map((key) => (isGroupedOtherwise(key.type) ? groupedBy(keySql(g, key), key.type) : keySql(g, key))),
  )
  const [only] = texts
  if (texts.length === 1 && only!.length > 0) return only!.join(', ')
  return `GROUPING SETS (${texts.map((set) => `(${set.join(', ')})`).join(', ')})`
}
