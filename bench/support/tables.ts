import type { SchemaLookup } from '../../src/query/index.ts'
import { type BenchmarkTable, keptAs } from '../../test/sql/benchmark-tables.ts'

/** The catalog of a benchmark: its tables in the database `db`, numbered from 1 in their order. */
export function lookupOf(tables: BenchmarkTable[]): SchemaLookup {
  const known = new Map(
    tables.map(({ name, columns }, i) => {
      const declared = Object.entries(columns).map(([column, type]) => ({
        name: column,
        key: column,
        type: keptAs(type).rest,
      }))
      return [name, { id: BigInt(i + 1), columns: declared }]
    }),
  )
  const lookup: SchemaLookup = {
    findTable: (_, table) => {
      const found = known.get(table)
      return found === undefined ? { kind: 'no-table' } : { kind: 'found', table: found }
    },
    listDatabases: () => ({ kind: 'found', names: ['db'] }),
    listTables: () => ({ kind: 'found', names: [...known.keys()] }),
    mayWrite: () => 'no',
    as: () => lookup,
  }
  return lookup
}
