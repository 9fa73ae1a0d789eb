import { instant, number, type SystemTableEntry, text } from './columns.ts'
import { JDBC_TABLES } from './jdbc-tables.ts'

export type { SystemTableEntry } from './columns.ts'

const LISTED = ['table_schema', 'table_name']

/**
 * Every system table. `information_schema` is that of the SQL standard, with the columns that Trino gives it and clients ask
 * for; `system` is ours.
 */
export const SYSTEM_TABLES: readonly SystemTableEntry[] = [
  {
    schema: 'information_schema',
    name: 'schemata',
    about: 'Databases you may query, `information_schema` and `system`.',
    narrowedBy: ['schema_name'],
    whileAway: 'snapshot',
    columns: [text('catalog_name', 'always `td-presto`'), text('schema_name', 'the database')],
  },
  {
    schema: 'information_schema',
    name: 'tables',
    about: 'Tables and views of these, system tables among them.',
    narrowedBy: LISTED,
    whileAway: 'snapshot',
    columns: [
      text('table_catalog', 'always `td-presto`'),
      text('table_schema', 'the database'),
      text('table_name', 'the table'),
      text('table_type', '`BASE TABLE` or `VIEW`'),
    ],
  },
  {
    schema: 'information_schema',
    name: 'columns',
    about: 'Columns of these, in the order of `SELECT *`.',
    narrowedBy: LISTED,
    whileAway: 'snapshot',
    columns: [
      text('table_catalog', 'always `td-presto`'),
      text('table_schema', 'the database'),
      text('table_name', 'the table'),
      text('column_name', 'the name in SQL'),
      number('ordinal_position', 'from 1'),
      text('column_default', 'always NULL'),
      text('is_nullable', 'always `YES`'),
      text('data_type', 'the type as `DESCRIBE` shows it'),
    ],
  },
  {
    schema: 'information_schema',
    name: 'views',
    about: 'Views with their queries.',
    narrowedBy: LISTED,
    whileAway: 'snapshot',
    columns: [
      text('table_catalog', 'always `td-presto`'),
      text('table_schema', 'the database'),
      text('table_name', 'the view'),
      text('view_definition', 'its query as it was written'),
    ],
  },
  {
    schema: 'information_schema',
    name: 'table_privileges',
    about:
      'What you may do with each table: who may query a database may select from its tables, who may edit it may insert and delete.',
    narrowedBy: LISTED,
    whileAway: 'snapshot',
    columns: [
      text('grantor', 'always NULL'),
      text('grantor_type', 'always NULL'),
      text('grantee', 'your number'),
      text('grantee_type', 'always `USER`'),
      text('table_catalog', 'always `td-presto`'),
      text('table_schema', 'the database'),
      text('table_name', 'the table'),
      text('privilege_type', '`SELECT`, `INSERT` or `DELETE`'),
      text('is_grantable', 'always `NO`'),
      text('with_hierarchy', 'always NULL'),
    ],
  },
  ...['roles', 'enabled_roles'].map(
    (name): SystemTableEntry => ({
      schema: 'information_schema',
      name,
      about: 'Always empty: permissions are granted to users.',
      narrowedBy: [],
      whileAway: 'snapshot',
      columns: [text('role_name', 'the role')],
    }),
  ),
  {
    schema: 'information_schema',
    name: 'applicable_roles',
    about: 'Always empty: permissions are granted to users.',
    narrowedBy: [],
    whileAway: 'snapshot',
    columns: [
      text('grantee', 'who has it'),
      text('grantee_type', 'what that is'),
      text('role_name', 'the role'),
      text('is_grantable', 'whether it may be given on'),
    ],
  },
  {
    schema: 'system',
    name: 'import_errors',
    about:
      'What was accepted and could not be stored, kept for 30 days. Of databases you may query; owners and administrators see all of the account, also what was sent to tables that do not exist. The bytes themselves: `GET /v3/table/error_records/{database}/{table}`.',
    narrowedBy: ['time', 'database_name', 'table_name'],
    whileAway: 'waits',
    columns: [
      number('time', 'when it was refused, in unix seconds'),
      number('id', 'the number that the REST list knows it by'),
      text('database_name', 'where it was sent'),
      text('table_name', 'where it was sent, as the table was called then'),
      text('channel', 'how it came'),
      text('reason', 'why it could not be stored'),
      number('records', 'how many records were not stored'),
      text('unique_id', 'the id that the sender gave the import, if any'),
      text('api_key', 'the beginning of the key it came with, or the SHA-256 of one that nobody knows'),
      number('body_bytes', 'size of what is kept of it; NULL when nothing is'),
      instant('received_at', 'when it was accepted'),
      instant('created_at', 'when it was refused'),
    ],
  },
  {
    schema: 'system',
    name: 'chunks',
    about: 'The Parquet files that the tables you may query are made of at the moment.',
    narrowedBy: ['database_name', 'table_name'],
    whileAway: 'snapshot',
    columns: [
      number('id', 'its number'),
      text('database_name', 'the database'),
      text('table_name', 'the table'),
      number('time_min', 'the earliest `time` in it, in unix seconds'),
      number('time_max', 'the latest `time` in it'),
      number('rows', 'how many rows it holds'),
      number('bytes', 'its size'),
      text('path', 'where it stands below the directory of objects'),
    ],
  },
  {
    schema: 'system',
    name: 'jobs',
    about:
      'Jobs as `job/list` shows them: your own and those of databases you may query, all of the account for owners and administrators. A job that was accepted while the main database was away is here once it has entered that.',
    narrowedBy: ['time', 'database_name', 'status', 'type', 'user_name'],
    whileAway: 'waits',
    columns: [
      number('time', 'when it was issued, in unix seconds'),
      number('id', 'its number'),
      text('type', '`presto`, `trino`, `bulkload` …'),
      text('database_name', 'the database it runs in'),
      text('user_name', 'who issued it'),
      text('status', '`queued`, `booting`, `running`, `success`, `error` or `killed`'),
      number('priority', 'from -2 to 2'),
      text('query', 'what it was asked to do'),
      number('retry_limit', 'how often it may be repeated'),
      number('attempt', 'how often it was begun'),
      instant('created_at', 'when it was issued'),
      instant('start_at', 'when it was first begun'),
      instant('end_at', 'when it ended'),
      number('cpu_ms', 'processor time in milliseconds'),
      number('result_rows', 'rows of its result'),
      number('result_bytes', 'size of its result'),
      text('error_name', 'the name of the error that ended it'),
      text('error_message', 'what the error says'),
    ],
  },
  {
    schema: 'system',
    name: 'audit_log',
    about:
      'Who changed what in the account, and what somebody tried to change and may not. Only for owners and administrators; nobody else sees a row. Kept for `MILLRACE_AUDIT_DAYS`.',
    narrowedBy: ['time', 'action', 'user_email', 'target'],
    whileAway: 'waits',
    columns: [
      number('time', 'when, in unix seconds'),
      number('id', 'the number that `audit/list` knows it by'),
      text('user_email', 'who'),
      text('api_key', 'the beginning of the key; NULL for the console and for what a job did'),
      text('address', 'from where; NULL for what a job did'),
      text('action', '`table.create`, `user.role` …; of a refusal the words of the route'),
      text('target', 'what was changed'),
      text('result', '`done`, or `refused`: it was not allowed'),
      text('details', 'more about it, as JSON'),
      text('before', 'what was changed, as it was before, as JSON'),
      text('after', 'what was changed, as it is since, as JSON'),
      instant('at', 'when'),
    ],
  },
  ...JDBC_TABLES,
]

export const INFORMATION_SCHEMA = 'information_schema'
const ALL_SCHEMAS = [...new Set(SYSTEM_TABLES.map(({ schema }) => schema))]
/** Schemas of the catalog of databases that exist without being one. */
export const SYSTEM_SCHEMAS = ALL_SCHEMAS.filter((schema) => !schema.includes('.'))
/** Schemas of the catalog `system`: they go by both names, so that no database can be meant. */
export const CATALOG_SCHEMAS = ALL_SCHEMAS.filter((schema) => schema.includes('.'))

export function findSystemTable(schema: string, name: string): SystemTableEntry | undefined {
  return SYSTEM_TABLES.find((table) => table.schema === schema && table.name === name)
}

export function systemTablesOf(schema: string): string[] {
  return SYSTEM_TABLES.filter((table) => table.schema === schema).map(({ name }) => name)
}
