import type { Change, CompiledStatement, ScriptRun } from '../query/index.ts'

/** What a statement does, as the job's log names it. */
export function nameOf(statement: CompiledStatement): string {
  switch (statement.kind) {
    case 'query':
      return 'SELECT'
    case 'explain-analyze':
      return 'EXPLAIN ANALYZE'
    case 'session':
      return 'a setting of the session'
    case 'change':
      return nameOfChange(statement.change)
  }
}

function nameOfChange(change: Change): string {
  const at = ({ database, name }: { database: string; name: string }) => `${database}.${name}`
  switch (change.kind) {
    case 'create-table':
      return `CREATE TABLE ${at(change.target)}`
    case 'create-table-as':
      return `CREATE TABLE ${at(change.target)} AS`
    case 'drop-table':
      return `DROP TABLE ${at(change.target)}`
    case 'insert':
      return `INSERT INTO ${at(change.target)}`
    case 'delete':
      return `DELETE FROM ${at(change.target)}`
    case 'rename-table':
      return `ALTER TABLE ${at(change.from)} RENAME TO ${at(change.to)}`
    case 'add-column':
    case 'drop-column':
    case 'rename-column':
      return `ALTER TABLE ${at(change.target)} ${change.kind.split('-')[0]!.toUpperCase()} COLUMN`
    case 'comment':
      return `COMMENT ON ${at(change.target)}`
    case 'create-view':
      return `CREATE VIEW ${at(change.target)}`
    case 'rename-view':
      return `ALTER VIEW ${at(change.from)} RENAME TO ${at(change.to)}`
    case 'drop-view':
      return `DROP VIEW ${at(change.target)}`
    case 'create-schema':
      return `CREATE SCHEMA ${change.database}`
    case 'drop-schema':
      return `DROP SCHEMA ${change.database}`
  }
}

/** Whether rows are read or written for it: the others take no time that is worth a part of the progress. */
function works(statement: CompiledStatement): boolean {
  if (statement.kind !== 'change') return statement.kind !== 'session'
  const { change } = statement
  if (change.kind === 'create-table-as') return change.withData
  return change.kind === 'insert' || change.kind === 'delete'
}

/** Where in the progress of the whole script each statement begins and ends, in percent. */
export function sharesOf(statements: readonly CompiledStatement[]): { from: number; to: number }[] {
  const working = statements.filter(works).length
  let done = 0
  return statements.map((statement) => {
    const from = done
    if (works(statement)) done += 1
    return { from: (100 * from) / working || 0, to: working === 0 ? 100 : (100 * done) / working }
  })
}

/** The same run, whose progress is that part of the whole. */
export function within(run: ScriptRun, { from, to }: { from: number; to: number }): ScriptRun {
  const { report } = run
  return run.reporting({
    log: (line) => report.log(line),
    progress: (percent) => report.progress(from + ((to - from) * Math.min(100, percent)) / 100),
  })
}
