import type { SystemColumn } from '../analyze/index.ts'
import { boolean, instant, number, type SystemTableEntry, text } from './columns.ts'

/** Columns by `name` or `name:number`, `name:boolean`, `name:instant`, as the metadata queries of the Trino JDBC driver name them. */
function columns(list: string, abouts: Record<string, string> = {}): SystemColumn[] {
  return list
    .trim()
    .split(/\s+/)
    .map((entry) => {
      const [name, kind] = entry.split(':') as [string, string?]
      const about = abouts[name] ?? 'as Trino and JDBC define it'
      return KINDS[kind ?? 'text']!(name, about)
    })
}

const KINDS: Record<string, typeof text> = { text, number, boolean, instant }

const NAMES = {
  table_cat: 'the catalog',
  table_schem: 'the database',
  table_name: 'the table',
  column_name: 'the name in SQL',
  type_name: 'the type in SQL',
  data_type: 'its number in java.sql.Types',
}
const NEVER = 'always empty: there is nothing of the kind'

function table(
  name: string,
  about: string,
  list: string,
  narrowedBy: readonly string[] = [],
): SystemTableEntry {
  return {
    schema: 'system.jdbc',
    name,
    about,
    narrowedBy,
    whileAway: 'snapshot',
    columns: columns(list, NAMES),
  }
}

/** What `DatabaseMetaData` of the Trino JDBC driver reads (trinodb/trino TrinoDatabaseMetaData.java), in the catalog `system`. */
export const JDBC_TABLES: readonly SystemTableEntry[] = [
  table('catalogs', 'For `getCatalogs`.', 'table_cat'),
  table('schemas', 'For `getSchemas`.', 'table_schem table_catalog', ['table_schem']),
  table('table_types', 'For `getTableTypes`: `TABLE` and `VIEW`.', 'table_type'),
  table(
    'tables',
    'For `getTables`: tables, views and system tables you may query.',
    `table_cat table_schem table_name table_type remarks type_cat type_schem type_name self_referencing_col_name
    ref_generation`,
    ['table_schem', 'table_name'],
  ),
  table(
    'columns',
    'For `getColumns`.',
    `table_cat table_schem table_name column_name data_type:number type_name column_size:number buffer_length:number
    decimal_digits:number num_prec_radix:number nullable:number remarks column_def sql_data_type:number sql_datetime_sub:number
    char_octet_length:number ordinal_position:number is_nullable scope_catalog scope_schema scope_table source_data_type:number
    is_autoincrement is_generatedcolumn`,
    ['table_schem', 'table_name'],
  ),
  table(
    'types',
    'For `getTypeInfo`.',
    `type_name data_type:number precision:number literal_prefix literal_suffix create_params nullable:number
    case_sensitive:boolean searchable:number unsigned_attribute:boolean fixed_prec_scale:boolean auto_increment:boolean
    local_type_name minimum_scale:number maximum_scale:number sql_data_type:number sql_datetime_sub:number
    num_prec_radix:number`,
  ),
  table('udts', NEVER, 'type_cat type_schem type_name class_name data_type remarks base_type'),
  table('super_types', NEVER, 'type_cat type_schem type_name supertype_cat supertype_schem supertype_name'),
  table('super_tables', NEVER, 'table_cat table_schem table_name supertable_name'),
  table(
    'attributes',
    NEVER,
    `type_cat type_schem type_name attr_name data_type:number attr_type_name attr_size:number decimal_digits:number
    num_prec_radix:number nullable:number remarks attr_def sql_data_type:number sql_datetime_sub:number
    char_octet_length:number ordinal_position:number is_nullable scope_catalog scope_schema scope_table
    source_data_type:number`,
  ),
  table(
    'procedures',
    NEVER,
    'procedure_cat procedure_schem procedure_name remarks procedure_type:number specific_name',
  ),
  table(
    'procedure_columns',
    NEVER,
    `procedure_cat procedure_schem procedure_name column_name column_type:number data_type:number type_name precision:number
    length:number scale:number radix:number nullable:number remarks column_def sql_data_type:number sql_datetime_sub:number
    char_octet_length:number ordinal_position:number is_nullable specific_name`,
  ),
  table(
    'pseudo_columns',
    NEVER,
    `table_cat table_schem table_name column_name data_type:number column_size:number decimal_digits:number
    num_prec_radix:number column_usage remarks char_octet_length:number is_nullable:number`,
  ),
  {
    schema: 'system.metadata',
    name: 'catalogs',
    about: 'The catalogs there are.',
    narrowedBy: [],
    whileAway: 'snapshot',
    columns: columns('catalog_name connector_id connector_name', { catalog_name: 'the catalog' }),
  },
  {
    schema: 'system.metadata',
    name: 'table_comments',
    about: 'Tables and views with their comments.',
    narrowedBy: ['schema_name', 'table_name'],
    whileAway: 'snapshot',
    columns: columns('catalog_name schema_name table_name comment', {
      catalog_name: 'the catalog',
      schema_name: 'the database',
      table_name: 'the table',
      comment: 'what COMMENT, CREATE TABLE or CREATE VIEW said',
    }),
  },
  ...['analyze', 'column', 'materialized_view', 'schema', 'table'].map(
    (what): SystemTableEntry => ({
      schema: 'system.metadata',
      name: `${what}_properties`,
      about: NEVER,
      narrowedBy: [],
      whileAway: 'snapshot',
      columns: columns('catalog_name property_name default_value type description', {}),
    }),
  ),
  {
    schema: 'system.metadata',
    name: 'materialized_views',
    about: NEVER,
    narrowedBy: [],
    whileAway: 'snapshot',
    columns: columns(
      'catalog_name schema_name name storage_catalog storage_schema storage_table freshness last_fresh_time:instant comment definition',
      {},
    ),
  },
  {
    schema: 'system.runtime',
    name: 'queries',
    about:
      'The newest 10,000 statements among the jobs of `system.jobs`, in the words of Trino. A statement is ended with `DELETE /v1/query/{query_id}` at the gateway, or as a job.',
    narrowedBy: ['state', 'user'],
    whileAway: 'waits',
    columns: columns(
      `query_id state user source query resource_group_id queued_time_ms:number analysis_time_ms:number planning_time_ms:number
      created:instant started:instant last_heartbeat:instant end:instant error_type error_code`,
      {
        query_id: 'the id that the gateway knows it by',
        state: '`QUEUED`, `STARTING`, `RUNNING`, `FINISHED` or `FAILED`',
        user: 'who issued it',
        source: 'always NULL',
        query: 'its text',
        resource_group_id: 'always NULL',
        queued_time_ms: 'how long it waited',
        analysis_time_ms: 'always NULL',
        planning_time_ms: 'always NULL',
        created: 'when it was issued',
        started: 'when it was first begun',
        last_heartbeat: 'always NULL',
        end: 'when it ended',
        error_type: '`USER_ERROR`, `INTERNAL_ERROR`, `INSUFFICIENT_RESOURCES` or `EXTERNAL`',
        error_code: 'the name of the error that ended it',
      },
    ),
  },
  {
    schema: 'system.runtime',
    name: 'tasks',
    about: 'Always empty: a statement is not cut into tasks.',
    narrowedBy: [],
    whileAway: 'snapshot',
    columns: columns(
      `node_id task_id stage_id query_id state splits:number queued_splits:number running_splits:number completed_splits:number
      split_scheduled_time_ms:number split_cpu_time_ms:number split_blocked_time_ms:number raw_input_bytes:number
      raw_input_rows:number processed_input_bytes:number processed_input_rows:number output_bytes:number output_rows:number
      physical_input_bytes:number physical_written_bytes:number created:instant start:instant last_heartbeat:instant end:instant`,
      {},
    ),
  },
  {
    schema: 'system.runtime',
    name: 'transactions',
    about: 'Always empty: each statement is stored when it ends.',
    narrowedBy: [],
    whileAway: 'snapshot',
    columns: columns(
      `transaction_id isolation_level read_only:boolean auto_commit_context:boolean create_time:instant idle_time_secs:number
      written_catalog`,
      {},
    ),
  },
  {
    schema: 'system.runtime',
    name: 'nodes',
    about: 'The node that runs the statement.',
    narrowedBy: [],
    whileAway: 'snapshot',
    columns: columns('node_id http_uri node_version coordinator:boolean state', {
      node_id: 'its name',
      http_uri: 'empty: nodes are not spoken to by it',
      node_version: 'empty',
      coordinator: 'always true',
      state: 'always `active`',
    }),
  },
]
