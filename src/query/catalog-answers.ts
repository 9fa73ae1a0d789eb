import type { SnapshotChunk } from '../snapshot/index.ts'
import type { QueryPlan, RelationPlan, SelectPlan, Typed } from './analyze/plan.ts'
import { exactTimesOf, lieWithin, type TimeRange } from './prune/index.ts'

/** What the catalog knows of the rows of a chunk without opening it. */
export type CatalogAnswer = 'rows' | 'first' | 'last'

/**
 * What each column of the result is, when the catalog can tell: `SELECT count(*), min(time), max(time) FROM t`, all of it or with
 * conditions on `time` alone. Undefined for every other query.
 */
export function catalogAnswers(plan: QueryPlan): CatalogAnswer[] | undefined {
  const select = plainSelect(plan)
  const [table, ...others] = select?.from ?? []
  if (select === undefined || table?.kind !== 'table' || others.length > 0) return undefined
  if (table.reference.tableId === null) return undefined
  const isTime = timeColumnOf(table)
  if (select.where !== undefined && exactTimesOf(select.where, isTime) === undefined) return undefined
  const answers = select.items.map((item) => answerOf(item, isTime))
  return answers.every((answer) => answer !== undefined) ? answers : undefined
}

/** Chunks whose every row counts, and those that have to be looked into. */
export function splitChunks(
  chunks: readonly SnapshotChunk[],
  ranges: readonly TimeRange[],
): { whole: SnapshotChunk[]; partial: SnapshotChunk[] } {
  const isWhole = ({ timeMin, timeMax }: SnapshotChunk) => lieWithin(ranges, timeMin, timeMax)
  return { whole: chunks.filter(isWhole), partial: chunks.filter((chunk) => !isWhole(chunk)) }
}

/**
 * The result's one row: of the chunks in `whole` from the catalog, together with what `partialSql` answers of the others; undefined
 * where there are none.
 */
export function answersSql(
  answers: readonly CatalogAnswer[],
  whole: readonly SnapshotChunk[],
  partialSql?: string,
): string {
  const columns = answers.map((answer, i) => {
    const known = knownSql(answer, whole)
    if (partialSql === undefined) return `${known} AS c${i + 1}`
    const read = `partial.c${i + 1}`
    if (answer === 'rows') return `${known} + ${read} AS c${i + 1}`
    // These pass over NULL, which stands for "no rows" on either side.
    return `${answer === 'first' ? 'least' : 'greatest'}(${known}, ${read}) AS c${i + 1}`
  })
  return `SELECT ${columns.join(', ')}${partialSql === undefined ? '' : ` FROM (${partialSql}) AS partial`}`
}

function knownSql(answer: CatalogAnswer, chunks: readonly SnapshotChunk[]): string {
  if (answer === 'rows') return bigint(chunks.reduce((sum, { rows }) => sum + rows, 0))
  const times = chunks.filter(({ rows }) => rows > 0).map(answer === 'first' ? firstOf : lastOf)
  if (times.length === 0) return 'CAST(NULL AS BIGINT)'
  return bigint(times.reduce((one, other) => ((answer === 'first') === one < other ? one : other)))
}

const firstOf = ({ timeMin }: SnapshotChunk) => timeMin
const lastOf = ({ timeMax }: SnapshotChunk) => timeMax
const bigint = (value: bigint | number) => `CAST(${value} AS BIGINT)`

function plainSelect({ body, ctes, orderBy, limit, offset }: QueryPlan): SelectPlan | undefined {
  if (body.kind !== 'select' || ctes.length > 0 || orderBy.length > 0) return undefined
  if (limit !== undefined || offset !== undefined) return undefined
  const { groupBy, having } = body.select
  return groupBy === undefined && having === undefined ? body.select : undefined
}

function timeColumnOf({ id, reference }: Extract<RelationPlan, { kind: 'table' }>) {
  const time = reference.columns.findIndex(({ name }) => name === 'time') + 1
  return (typed: Typed) => typed.kind === 'column' && typed.relation === id && typed.column === time
}

function answerOf(item: Typed, isTime: (typed: Typed) => boolean): CatalogAnswer | undefined {
  if (item.kind !== 'call' || item.call.kind !== 'aggregate') return undefined
  const { over, filter, orderBy, distinct } = item.clauses
  if (over !== undefined || filter !== undefined || orderBy.length > 0 || distinct) return undefined
  const [argument, ...others] = item.args
  if (item.name === 'count' && argument === undefined) return 'rows'
  if (argument === undefined || others.length > 0 || !isTime(argument)) return undefined
  // No row is without its time.
  const answers: Record<string, CatalogAnswer> = { count: 'rows', min: 'first', max: 'last' }
  return Object.hasOwn(answers, item.name) ? answers[item.name] : undefined
}
