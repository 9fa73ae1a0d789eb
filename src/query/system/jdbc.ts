import { CATALOG } from '../analyze/index.ts'
import { isComparable } from '../functions/index.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import type { RelationRow } from './relations.ts'
import type { SystemRow } from './types.ts'

/** Numbers of java.sql.Types and of DatabaseMetaData. */
const SQL_TYPES: Partial<Record<PrestoType['kind'], bigint>> = {
  boolean: 16n,
  bigint: -5n,
  integer: 4n,
  smallint: 5n,
  tinyint: -6n,
  real: 7n,
  double: 8n,
  decimal: 3n,
  varchar: 12n,
  char: 1n,
  varbinary: -3n,
  date: 91n,
  time: 92n,
  timestamp: 93n,
  'timestamp with time zone': 2014n,
  array: 2003n,
}
const JAVA_OBJECT = 2000n
const NULLABLE = 1n
const NULLABLE_UNKNOWN = 2n
const SEARCHABLE = 3n
const NOT_SEARCHABLE = 0n
const UNBOUNDED = 2_147_483_647n
/** Of the longest name of a zone. */
const ZONE_LENGTH = 32n

const typeNumber = ({ kind }: PrestoType): bigint => SQL_TYPES[kind] ?? JAVA_OBJECT

const SIZES: Partial<Record<PrestoType['kind'], bigint>> = {
  bigint: 19n,
  integer: 10n,
  smallint: 5n,
  tinyint: 3n,
  real: 24n,
  double: 53n,
  varbinary: UNBOUNDED,
  date: 14n,
}

/** Digits, characters or bytes that a value can have. */
function sizeOf(type: PrestoType): bigint | null {
  switch (type.kind) {
    case 'decimal':
      return BigInt(type.precision)
    case 'varchar':
    case 'char':
      return type.length === undefined ? UNBOUNDED : BigInt(type.length)
    case 'time':
      return 8n + fraction(type.precision)
    case 'timestamp':
      return 21n + fraction(type.precision)
    case 'timestamp with time zone':
      return 23n + fraction(type.precision) + ZONE_LENGTH
    default:
      return SIZES[type.kind] ?? null
  }
}

/** The point and the digits behind it. */
const fraction = (precision: number): bigint => BigInt(precision + (precision > 0 ? 1 : 0))

function digitsOf(type: PrestoType): bigint | null {
  if (type.kind === 'decimal') return BigInt(type.scale)
  return type.kind === 'time' || type.kind === 'timestamp' || type.kind === 'timestamp with time zone'
    ? BigInt(type.precision)
    : null
}

const DECIMAL_KINDS = new Set<PrestoType['kind']>(['bigint', 'integer', 'smallint', 'tinyint', 'decimal'])

function radixOf({ kind }: PrestoType): bigint | null {
  if (DECIMAL_KINDS.has(kind)) return 10n
  return kind === 'real' || kind === 'double' ? 2n : null
}

const octetsOf = (type: PrestoType): bigint | null =>
  type.kind === 'varchar' || type.kind === 'char' || type.kind === 'varbinary' ? sizeOf(type) : null

export function jdbcTable({ catalog, database, name, kind, comment }: RelationRow): SystemRow {
  return {
    table_cat: catalog,
    table_schem: database,
    table_name: name,
    table_type: kind === 'VIEW' ? 'VIEW' : 'TABLE',
    remarks: comment,
    type_cat: null,
    type_schem: null,
    type_name: null,
    self_referencing_col_name: null,
    ref_generation: null,
  }
}

export function jdbcColumns({ catalog, database, name: table, columns }: RelationRow): SystemRow[] {
  return columns.map(({ name, type, comment }, i) => ({
    table_cat: catalog,
    table_schem: database,
    table_name: table,
    column_name: name,
    data_type: typeNumber(type),
    type_name: typeText(type),
    column_size: sizeOf(type),
    buffer_length: 0n,
    decimal_digits: digitsOf(type),
    num_prec_radix: radixOf(type),
    nullable: NULLABLE_UNKNOWN,
    remarks: comment ?? null,
    column_def: null,
    sql_data_type: null,
    sql_datetime_sub: null,
    char_octet_length: octetsOf(type),
    ordinal_position: BigInt(i + 1),
    is_nullable: '',
    scope_catalog: null,
    scope_schema: null,
    scope_table: null,
    source_data_type: null,
    is_autoincrement: null,
    is_generatedcolumn: null,
  }))
}

const PLAIN_TYPES: readonly PrestoType[] = [
  { kind: 'boolean' },
  { kind: 'tinyint' },
  { kind: 'smallint' },
  { kind: 'integer' },
  { kind: 'bigint' },
  { kind: 'real' },
  { kind: 'double' },
  { kind: 'varchar' },
  { kind: 'varbinary' },
  { kind: 'date' },
  { kind: 'time', precision: 3 },
  { kind: 'timestamp', precision: 3 },
  { kind: 'timestamp with time zone', precision: 3 },
  { kind: 'interval year to month' },
  { kind: 'interval day to second' },
  { kind: 'json' },
  { kind: 'hyperloglog' },
]
/** By their names alone: what they are made of is open. */
const OPEN_TYPES = ['array', 'char', 'decimal', 'map', 'row']

export function jdbcTypes(): SystemRow[] {
  const row = (name: string, data: Pick<SystemRow, string>): SystemRow => ({
    type_name: name,
    data_type: JAVA_OBJECT,
    precision: null,
    literal_prefix: null,
    literal_suffix: null,
    create_params: null,
    nullable: NULLABLE,
    case_sensitive: false,
    searchable: NOT_SEARCHABLE,
    unsigned_attribute: null,
    fixed_prec_scale: false,
    auto_increment: null,
    local_type_name: null,
    minimum_scale: 0n,
    maximum_scale: 0n,
    sql_data_type: null,
    sql_datetime_sub: null,
    num_prec_radix: null,
    ...data,
  })
  return [
    ...PLAIN_TYPES.map((type) =>
      row(typeText(type), {
        data_type: typeNumber(type),
        precision: sizeOf(type),
        searchable: isComparable(type) ? SEARCHABLE : NOT_SEARCHABLE,
        num_prec_radix: radixOf(type),
      }),
    ),
    ...OPEN_TYPES.map((name) => row(name, name === 'array' ? { data_type: 2003n } : {})),
  ]
}

/** Tables that say the same whoever asks. */
export const FIXED_ROWS: Record<string, () => SystemRow[]> = {
  'system.jdbc.catalogs': () => CATALOGS.map((table_cat) => ({ table_cat })),
  'system.jdbc.table_types': () => ['TABLE', 'VIEW'].map((table_type) => ({ table_type })),
  'system.jdbc.types': jdbcTypes,
  'system.metadata.catalogs': () =>
    CATALOGS.map((name) => ({ catalog_name: name, connector_id: name, connector_name: 'millrace' })),
  'system.runtime.nodes': () => [
    { node_id: 'local', http_uri: '', node_version: '', coordinator: true, state: 'active' },
  ],
  ...Object.fromEntries(
    [
      'udts',
      'super_types',
      'super_tables',
      'attributes',
      'procedures',
      'procedure_columns',
      'pseudo_columns',
    ].map((name) => [`system.jdbc.${name}`, () => []]),
  ),
  ...Object.fromEntries(
    [
      'metadata.analyze_properties',
      'metadata.column_properties',
      'metadata.materialized_view_properties',
      'metadata.materialized_views',
      'metadata.schema_properties',
      'metadata.table_properties',
      'runtime.tasks',
      'runtime.transactions',
    ].map((name) => [`system.${name}`, () => []]),
  ),
  ...Object.fromEntries(
    ['roles', 'enabled_roles', 'applicable_roles'].map((name) => [`information_schema.${name}`, () => []]),
  ),
}

const CATALOGS = [CATALOG, 'system']
