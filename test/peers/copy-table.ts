import type { Trino } from './trino.ts'

/** Rows of a table of ours, as a statement answered them. */
export type CopiedTable = { name: string; columns: { name: string; type: string }[]; rows: unknown[][] }

const ROWS_EACH = 500

/** Makes the table in Trino with the same column types and rows. */
export async function copyTable(trino: Trino, { name, columns, rows }: CopiedTable): Promise<void> {
  const names = columns.map(({ name }) => `"${name}"`).join(', ')
  const empty = columns.map(({ name, type }) => `CAST(NULL AS ${type}) AS "${name}"`).join(', ')
  await say(trino, `CREATE TABLE "${name}" AS SELECT ${empty} WHERE false`)
  for (let start = 0; start < rows.length; start += ROWS_EACH) {
    const lines = rows
      .slice(start, start + ROWS_EACH)
      .map((row) => `(${row.map((value, i) => literal(columns[i]!.type, value)).join(', ')})`)
    const casts = columns.map((column) => `CAST("${column.name}" AS ${column.type})`).join(', ')
    await say(trino, `INSERT INTO "${name}" SELECT ${casts} FROM (VALUES ${lines.join(', ')}) t(${names})`)
  }
}

async function say(trino: Trino, sql: string): Promise<void> {
  const answer = await trino.ask(sql)
  if ('error' in answer) throw new Error(`Trino: ${answer.message}\n${sql.slice(0, 300)}`)
}

/** A literal that CAST turns into the value; the cast stands around the column. */
function literal(type: string, value: unknown): string {
  if (value === null) return 'NULL'
  if (Array.isArray(value)) return `ARRAY[${value.map((item) => literal('', item)).join(', ')}]`
  if (typeof value === 'object') {
    const keys = Object.keys(value).map((key) => literal('varchar', key))
    const items = Object.values(value).map((item) => literal('', item))
    return `MAP(ARRAY[${keys.join(', ')}], ARRAY[${items.join(', ')}])`
  }
  if (typeof value === 'boolean') return String(value)
  if (type === 'double' || type === 'real') return `DOUBLE '${value}'`
  if (typeof value === 'number') return String(value)
  if (type.startsWith('decimal')) return `DECIMAL '${value}'`
  if (type === 'date') return `DATE '${value}'`
  if (type.endsWith('int') || type === 'integer') return String(value)
  return `'${String(value).replaceAll("'", "''")}'`
}
