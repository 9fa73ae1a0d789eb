import { CATALOG } from '../../src/query/analyze/index.ts'
import { SYSTEM_LIMITS, SYSTEM_TABLES, type SystemTableEntry, typeText } from '../../src/query/index.ts'

/** The reference page of the tables that the system keeps of itself. */
export function systemTablesPage(head: string): string {
  return [
    head,
    '# System tables',
    '',
    'Tables whose rows come from the catalog instead of stored data, in every query job: joins, filters and aggregates work as with any table, and',
    `\`SHOW TABLES FROM system\` and \`DESCRIBE system.jobs\` show them. They stand in the catalog \`${CATALOG}\` in front of tables of the same name that a`,
    'database called `system` or `information_schema` may have.',
    '',
    `Everybody sees what they may query. One statement reads at most ${SYSTEM_LIMITS.rows.toLocaleString('en')} rows (and ${SYSTEM_LIMITS.bytes >> 20} MB) of them; beyond that it fails with`,
    'GENERIC_INSUFFICIENT_RESOURCES. Comparisons of the columns under "narrowed by" with constants keep rows from being read at all: `=` and `IN` with',
    'texts, and for `time` everything that also saves reading chunks (`TD_TIME_RANGE`, `TD_INTERVAL`, comparisons).',
    '',
    'While the main database is away, "from the snapshot" means answered as of the snapshot, whose age is in the log of the job; "waits" means that',
    'the job waits until the main database is back. None is ever empty because it could not be read.',
    '',
    ...SYSTEM_TABLES.flatMap(section),
  ].join('\n')
}

function section({ schema, name, about, narrowedBy, whileAway, columns }: SystemTableEntry): string[] {
  const away = whileAway === 'snapshot' ? 'from the snapshot' : 'waits'
  return [
    `## ${schema}.${name}`,
    '',
    about,
    '',
    `Narrowed by: ${narrowedBy.map((column) => `\`${column}\``).join(', ')}. While the main database is away: ${away}.`,
    '',
    '| column | type | what it is |',
    '|---|---|---|',
    ...columns.map((column) => `| \`${column.name}\` | ${typeText(column.type)} | ${column.about} |`),
    '',
  ]
}
