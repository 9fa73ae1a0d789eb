import type { CaseTable } from './cases.ts'

/** Tables that cases may name. Times are days of 2024-01 at midnight UTC: 2024-01-01 is 1704067200. */
const day = (n: number): number => 1_704_067_200 + (n - 1) * 86_400

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
