import { isType } from '../catalog/index.ts'
import type { SnapshotStatements } from '../database/index.ts'
import { columnPages, idsOfNoTable, jobsWithoutPartition, silentSpools } from './store.ts'
import type { Look } from './types.ts'

const SILENT_DAYS = 30

/** Columns, and what is left of things that are gone. Names and keys of a table are unique by the schema itself. */
export async function checkTables({ findings }: Look, statements: SnapshotStatements): Promise<void> {
  for await (const page of columnPages(statements))
    for (const { tableName, name, type, twins } of page) {
      const subject = `column ${tableName}.${name}`
      if (!isType(type)) findings.add('column_invalid', subject, `has the type '${type}', which nobody knows`)
      if (twins > 0n) findings.add('column_invalid', subject, 'differs from another one in case only')
      if (name === 'time')
        findings.add('column_invalid', subject, 'has the name of the column every table has')
    }
  for (const { table, ids } of await idsOfNoTable(statements))
    findings.add(
      'ids_of_no_table',
      `table ${table}`,
      `${ids} ids of its imports are kept, it is gone; they end with age`,
    )
  const jobs = await jobsWithoutPartition(statements)
  if (jobs > 0n)
    findings.add(
      'jobs_without_partition',
      'jobs',
      `${jobs} jobs lie beyond the partitions; housekeeping moves them`,
    )
  for (const { spool, position, days } of await silentSpools(statements, SILENT_DAYS))
    findings.add('spool_silent', `spool ${spool}`, `at ${position} for ${days} days: its node may be gone`)
}
