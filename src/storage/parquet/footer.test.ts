import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { type ParquetColumn, type ParquetFooter, readParquetFooter, writeParquet } from './index.ts'

function numbers(name: string, values: bigint[], rows: number[] = []): ParquetColumn {
  const words = new Int32Array(BigInt64Array.from(values).buffer)
  const required = rows.length === 0
  const values_ = { physical: 'INT64', words } as const
  return { name, required, count: values.length, rows: Uint32Array.from(rows), values: values_ }
}

const footerOf = (file: Buffer): Promise<ParquetFooter> =>
  readParquetFooter(file.length, async (start, end) => file.subarray(start, end))

const THREE = [numbers('time', [30n, -5n, 12n]), numbers('n', [7n], [1])]
const aFile = (metadata: Record<string, string> = {}, rowGroupRows = 2) =>
  writeParquet(THREE, 3, { metadata, rowGroupRows })

describe('a Parquet footer', () => {
  test('of our own writer tells rows, columns, nulls, bounds and metadata, over all row groups', async () => {
    const { rows, columns, metadata } = await footerOf(aFile({ 'millrace.owner': 'spool:ingest-0:1:2' }))
    assert.equal(rows, 3)
    assert.deepEqual(columns, [
      { name: 'time', physical: 'INT64', nulls: 0, min: -5n, max: 30n },
      // A row group without values has no bounds.
      { name: 'n', physical: 'INT64', nulls: 2, min: undefined, max: undefined },
    ])
    assert.equal(metadata.get('millrace.owner'), 'spool:ingest-0:1:2')
  })

  test('of DuckDB likewise, also one longer than the first look', async () => {
    const room = mkdtempSync(join(tmpdir(), 'millrace-footer-'))
    const duck = await (await DuckDBInstance.create(':memory:')).connect()
    try {
      const file = join(room, 'a.parquet')
      await duck.run(
        `COPY (SELECT 100 + range AS time, 'x' AS "näme", [range] AS list FROM range(5))
           TO '${file}' (FORMAT parquet, KV_METADATA {'millrace.replaces': '${'p'.repeat(100_000)}'})`,
      )
      const { rows, columns, metadata } = await footerOf(readFileSync(file))
      assert.equal(rows, 5)
      assert.deepEqual(
        columns.map(({ name, physical }) => [name, physical]),
        [
          ['time', 'INT64'],
          ['näme', 'BYTE_ARRAY'],
          ['list', 'group'],
        ],
      )
      assert.deepEqual([columns[0]!.min, columns[0]!.max], [100n, 104n])
      assert.equal(metadata.get('millrace.replaces')!.length, 100_000)
    } finally {
      duck.closeSync()
      rmSync(room, { recursive: true })
    }
  })

  test('of a file cut anywhere, or with any byte of the footer changed, is refused or read, and never breaks the reader', async () => {
    const file = aFile({ 'millrace.table': '{"id":"1"}' })
    for (let length = 0; length < file.length; length++)
      await assert.rejects(footerOf(file.subarray(0, length)), { code: 'parquet_unreadable' })
    const footerStart = file.length - 8 - file.readUInt32LE(file.length - 8)
    for (let at = footerStart; at < file.length; at++)
      for (const flip of [0x01, 0x10, 0x80, 0xff]) {
        const damaged = Buffer.from(file)
        damaged[at]! ^= flip
        await footerOf(damaged).catch((error: { code?: string }) =>
          assert.equal(error.code, 'parquet_unreadable', String(error)),
        )
      }
  })
})
