import type { CaseTable } from './cases.ts'

/** Tables that cases may name. Times are days of 2024-01 at midnight UTC: 2024-01-01 is 1704067200. */
function day(n: number): number {
  return 1_704_067_200 + (n - 1) * 86_400
}

export const caseTables: Record<string, CaseTable> = {
  orders: {
    columns: [
      { name: 'id', type: 'long' },
      { name: 'customer', type: 'string' },
      { name: 'amount', type: 'double' },
      { name: 'tags', type: 'array<string>' },
      { name: 'order', type: 'string' },
    ],
    chunks: [1, 2, 3].map((n) => ({
      sql: `SELECT * FROM (VALUES (${n * 10 + 1}::BIGINT, 'ann', ${n}.5::DOUBLE, '["x","y"]', 'first', ${day(n)}::BIGINT), (${n * 10 + 2}::BIGINT, 'bob', ${n * 2}::DOUBLE, NULL, NULL, ${day(n) + 3600}::BIGINT)) v(id, customer, amount, tags, "order", time)`,
      physical: {
        id: 'INT64',
        customer: 'BYTE_ARRAY',
        amount: 'DOUBLE',
        tags: 'BYTE_ARRAY',
        order: 'BYTE_ARRAY',
      },
    })),
  },
  customers: {
    columns: [
      { name: 'customer', type: 'string' },
      { name: 'city', type: 'string' },
    ],
    chunks: [
      {
        sql: `SELECT * FROM (VALUES ('ann', 'Oslo', ${day(1)}::BIGINT), ('cid', 'Rome', ${day(1)}::BIGINT)) v(customer, city, time)`,
        physical: { customer: 'BYTE_ARRAY', city: 'BYTE_ARRAY' },
      },
    ],
  },
  /** Chunks that disagree with the schema and with each other. */
  mixed: {
    columns: [
      { name: 'n', type: 'long' },
      { name: 'x', type: 'double' },
      { name: 's', type: 'string' },
    ],
    chunks: [
      {
        sql: `SELECT 1::BIGINT AS n, 1.5::DOUBLE AS x, 'text' AS s, ${day(1)}::BIGINT AS time`,
        physical: { n: 'INT64', x: 'DOUBLE', s: 'BYTE_ARRAY' },
      },
      {
        sql: `SELECT '12' AS n, 'abc' AS x, 7::BIGINT AS s, ${day(2)}::BIGINT AS time`,
        physical: { n: 'BYTE_ARRAY', x: 'BYTE_ARRAY', s: 'INT64' },
      },
      { sql: `SELECT 'abc' AS n, ${day(3)}::BIGINT AS time`, physical: { n: 'BYTE_ARRAY' } },
      {
        sql: `SELECT 9007199254740993::BIGINT AS n, 2::BIGINT AS x, ${day(4)}::BIGINT AS time`,
        physical: { n: 'INT64', x: 'INT64' },
      },
    ],
  },
  stored: storedTable(),
  empty: {
    columns: [
      { name: 'a', type: 'long' },
      { name: 'm', type: 'map<string,long>' },
    ],
    chunks: [],
  },
  /** What SQL calls a and b was called otherwise in older chunks: first b and old_b, then each by the other's name. */
  renamed: {
    columns: [
      { name: 'a', key: 'k1', type: 'long' },
      { name: 'b', key: 'k2', type: 'string' },
    ],
    chunks: [
      {
        sql: `SELECT 1::BIGINT AS b, 'one' AS old_b, ${day(1)}::BIGINT AS time`,
        physical: { b: 'INT64', old_b: 'BYTE_ARRAY' },
        keys: { b: 'k1', old_b: 'k2' },
      },
      {
        sql: `SELECT 'two' AS a, 2::BIGINT AS b, ${day(2)}::BIGINT AS time`,
        physical: { a: 'BYTE_ARRAY', b: 'INT64' },
        keys: { a: 'k2', b: 'k1' },
      },
      {
        sql: `SELECT 3::BIGINT AS a, 'three' AS b, ${day(3)}::BIGINT AS time`,
        physical: { a: 'INT64', b: 'BYTE_ARRAY' },
        keys: { a: 'k1', b: 'k2' },
      },
      {
        sql: `SELECT 'four' AS a, ${day(4)}::BIGINT AS time`,
        physical: { a: 'BYTE_ARRAY' },
        keys: { a: 'k2' },
      },
      {
        sql: `SELECT 'of a key that is gone' AS a, 5::BIGINT AS c, ${day(5)}::BIGINT AS time`,
        physical: { a: 'BYTE_ARRAY', c: 'INT64' },
        keys: { a: 'k9', c: 'k1' },
      },
    ],
  },
}

/** Each kind that Parquet may hold, under each type that may be declared: columns `int64_long`, `text_double`, … */
function storedTable(): CaseTable {
  const kinds = {
    int64: {
      physical: 'INT64',
      values: ['12', '-9007199254740993', '0', 'NULL', '9223372036854775807'],
      as: 'BIGINT',
    },
    double: { physical: 'DOUBLE', values: ['12', '-2.5', "'NaN'", 'NULL', '1e300'], as: 'DOUBLE' },
    boolean: { physical: 'BOOLEAN', values: ['true', 'false', 'true', 'NULL', 'false'], as: 'BOOLEAN' },
    text: {
      physical: 'BYTE_ARRAY',
      values: ["'12'", "'1.5'", "'abc'", "''", "'99999999999999999999'"],
      as: 'VARCHAR',
    },
    json: {
      physical: 'BYTE_ARRAY',
      values: [`'[1,"2",null]'`, `'["a",1.5]'`, `'{"a":1,"b":"x"}'`, "'[[1],[2]]'", "'[1'"],
      as: 'VARCHAR',
    },
  }
  const types = {
    int: 'int',
    long: 'long',
    float: 'float',
    double: 'double',
    string: 'string',
    longs: 'array<long>',
    strings: 'array<string>',
    map: 'map<string,long>',
  }
  const columns = Object.keys(kinds).flatMap((kind) =>
    Object.entries(types).map(([name, type]) => ({ kind, name: `${kind}_${name}`, type })),
  )
  const rows = [0, 1, 2, 3, 4].map((row) => {
    const values = columns.map(({ kind, name }) => {
      const { values, as } = kinds[kind as keyof typeof kinds]
      return `CAST(${values[row]} AS ${as}) AS ${name}`
    })
    return `SELECT ${values.join(', ')}, ${day(1) + row}::BIGINT AS time`
  })
  const physical = Object.fromEntries(
    columns.map(({ kind, name }) => [name, kinds[kind as keyof typeof kinds].physical]),
  )
  return {
    columns: columns.map(({ name, type }) => ({ name, type })),
    chunks: [{ sql: rows.join(' UNION ALL '), physical }],
  }
}
