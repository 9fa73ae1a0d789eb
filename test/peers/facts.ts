import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'

/** What a case file says a statement answers. */
export type Fact = {
  file: string
  sql: string
  zone: string | undefined
  types: string[] | undefined
  rows: unknown[][] | undefined
  error: string | undefined
}

type Recorded = {
  sql: string
  zone?: string
  type?: string
  value?: unknown
  columns?: string[]
  rows?: unknown[][]
  error?: string | { name: string }
}

/** Every case of every file of `src/query`. Those of the functions' families are expressions, the others statements. */
export function recordedFacts(): Fact[] {
  return globSync('src/query/**/*.cases.json')
    .sort()
    .flatMap((file) =>
      (JSON.parse(readFileSync(file, 'utf8')) as Recorded[]).map((recorded) => ({
        file,
        zone: recorded.zone,
        error: typeof recorded.error === 'string' ? recorded.error.replace(/:.*/s, '') : recorded.error?.name,
        ...(file.includes('/functions/') ? ofExpression(recorded) : ofStatement(recorded)),
      })),
    )
}

function ofExpression({ sql, type, value, error }: Recorded): Pick<Fact, 'sql' | 'types' | 'rows'> {
  const many = value as { rows?: unknown[] } | null | undefined
  const rows = Array.isArray(many?.rows) ? many.rows.map((one) => [one]) : [[value]]
  return {
    sql: `SELECT ${sql}`,
    types: type === undefined ? undefined : [type],
    rows: error === undefined ? rows : undefined,
  }
}

function ofStatement({ sql, columns, rows }: Recorded): Pick<Fact, 'sql' | 'types' | 'rows'> {
  const typed = columns?.every((column) => column.includes(' '))
  return { sql, types: typed ? columns!.map((column) => column.replace(/^\S+ /, '')) : undefined, rows }
}

export const shortName = (file: string): string => basename(file).replace('.cases.json', '')
