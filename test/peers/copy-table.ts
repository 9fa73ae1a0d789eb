import type { Trino } from './trino.ts'

/** Rows of a table of ours, as a statement answered them. */
export type CopiedTable = {
  schema: string
  name: string
  columns: { name: string; type: string }[]
  rows: unknown[][]
}

const ROWS_EACH = 1000

/** Makes the table in Trino with the same column types and rows. */
export async function copyTable(trino: Trino, { schema, name, columns, rows }: CopiedTable): Promise<void> {
  const empty = columns.map(({ name, type }) => `CAST(NULL AS ${type}) AS "${name}"`).join(', ')
  await say(trino, `CREATE TABLE ${schema}."${name}" AS SELECT ${empty} WHERE false`)
  const read = columns.map(({ type }, i) => `c${i} ${jsonType(type)}`).join(', ')
  const casts = columns.map(({ type }, i) => `CAST(c${i} AS ${type})`).join(', ')
  for (let start = 0; start < rows.length; start += ROWS_EACH) {
    const json = JSON.stringify(rows.slice(start, start + ROWS_EACH)).replaceAll("'", "''")
    // One literal, because Trino takes long over thousands of expressions.
    await say(
      trino,
      `INSERT INTO ${schema}."${name}" SELECT ${casts} FROM UNNEST(CAST(json_parse('${json}') AS array(row(${read}))))`,
    )
  }
}

/** As what a value is read from JSON before it is cast: texts stand for what JSON has not. */
const jsonType = (type: string): string =>
  /^(decimal|date|time|char|varbinary|json|interval)/.test(type) ? 'varchar' : type

async function say(trino: Trino, sql: string): Promise<void> {
  const answer = await trino.ask(sql)
  if ('error' in answer) throw new Error(`Trino: ${answer.message}\n${sql.slice(0, 300)}`)
}
