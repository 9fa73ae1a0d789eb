import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode, ExtData } from '@msgpack/msgpack'
import fc from 'fast-check'
import { createTableBatch, type Fault } from './index.ts'
import {
  type Cell,
  cellsOf,
  encodeRecord,
  encodeWire,
  fuzzParameters,
  records,
  values,
  type Wire,
} from './testing.ts'

const PARAMETERS = fuzzParameters(150)
const RECEIVED = 1_795_342_228

/** What the reference decoder should make of a value; checks the encoder of this test. */
function asReference(wire: Wire): unknown {
  switch (wire.kind) {
    case 'nil':
      return null
    case 'bool':
    case 'float':
      return wire.value
    case 'int':
      return wire.format === 0xcf || wire.format === 0xd3 ? wire.value : Number(wire.value)
    case 'str':
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(wire.bytes)
    case 'bin':
      return new Uint8Array(wire.bytes)
    case 'ext':
      return new ExtData(wire.type, new Uint8Array(wire.data))
    case 'array':
      return wire.items.map(asReference)
    case 'map':
      return Object.fromEntries(wire.entries.map(([key, value]) => [asReference(key), asReference(value)]))
  }
}

const repaired = (bytes: Buffer): string => bytes.toString('utf8')
const shortest = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

function json(wire: Wire): string {
  switch (wire.kind) {
    case 'nil':
      return 'null'
    case 'bool':
    case 'int':
      return String(wire.value)
    case 'float':
      return Number.isFinite(wire.value) ? shortest(wire.value) : 'null'
    case 'str':
    case 'bin':
      return JSON.stringify(repaired(wire.bytes))
    case 'ext':
      return `{"ext":${wire.type},"data":"${wire.data.toString('base64')}"}`
    case 'array':
      return `[${wire.items.map(json).join(',')}]`
    case 'map':
      return `{${wire.entries.map(([key, value]) => `${json(key)}:${json(value)}`).join(',')}}`
  }
}

function asText(wire: Wire): string {
  return wire.kind === 'str' || wire.kind === 'bin' ? repaired(wire.bytes) : json(wire)
}

const isNull = (wire: Wire): boolean =>
  wire.kind === 'nil' || (wire.kind === 'float' && !Number.isFinite(wire.value))
const isBig = (wire: Wire): boolean => wire.kind === 'int' && wire.value >= 1n << 63n

/** The column rules of a new column, written for objects and without care for speed. */
function expectedColumn(cells: (Wire | null)[]): { type: string; cells: Cell[] } | null {
  const present = cells.filter((cell) => cell !== null)
  if (present.length === 0) return null
  const isNumber = (wire: Wire) => ['bool', 'int', 'float'].includes(wire.kind)
  const losesDigits = (wire: Wire) => wire.kind === 'int' && BigInt(Number(wire.value)) !== wire.value
  const anyFloat = present.some((wire) => wire.kind === 'float')
  if (!present.every(isNumber) || present.some(isBig) || (anyFloat && present.some(losesDigits))) {
    return { type: 'string', cells: cells.map((cell) => (cell === null ? null : asText(cell))) }
  }
  const number = (wire: Wire) => Number((wire as { value: number | bigint | boolean }).value)
  if (anyFloat) return { type: 'double', cells: cells.map((cell) => (cell === null ? null : number(cell))) }
  const long = (wire: Wire) => BigInt((wire as { value: bigint | boolean }).value)
  return { type: 'long', cells: cells.map((cell) => (cell === null ? null : long(cell))) }
}

function lastOfEachKey(record: readonly [string, Wire][]): Map<string, Wire> {
  return new Map(record)
}

function scanAll(payload: Buffer): { rows: number; faults: Fault[] } {
  const batch = createTableBatch({ known: [] })
  const result = batch.addImport(payload, { receivedAtSeconds: RECEIVED })
  batch.finish()
  return result
}

describe('the MessagePack scanner', () => {
  test('the encoder of these tests writes what the reference decoder reads', () => {
    fc.assert(
      fc.property(values, (wire) => {
        fc.pre(!hasRawBytes(wire))
        assert.deepEqual(decode(new Uint8Array(encodeWire(wire)), { useBigInt64: true }), asReference(wire))
      }),
      PARAMETERS,
    )
  })

  test('stores every value of every format as the column rules say', () => {
    fc.assert(
      fc.property(fc.array(records, { maxLength: 12 }), (batchRecords) => {
        const batch = createTableBatch({ known: [] })
        const payload = Buffer.concat(batchRecords.map(encodeRecord))
        assert.deepEqual(batch.addImport(payload, { receivedAtSeconds: RECEIVED }), {
          rows: batchRecords.length,
          faults: [],
        })
        const finished = batch.finish()
        const columns = new Map(finished.columns.map((column) => [column.key, column]))
        const byRow = batchRecords.map(lastOfEachKey)
        for (const key of new Set(batchRecords.flat().map(([name]) => name))) {
          const cells = byRow.map((record) => record.get(key) ?? null)
          const expected = expectedColumn(cells.map((cell) => (cell !== null && isNull(cell) ? null : cell)))
          const column = columns.get(key)
          if (expected === null) {
            assert.equal(column, undefined, `column ${key} of nulls`)
            continue
          }
          assert.equal(column!.type, expected.type)
          assert.deepEqual(cellsOf(column!, finished.rows), expected.cells)
          assert.equal(column!.nulls, expected.cells.filter((cell) => cell === null).length)
        }
      }),
      PARAMETERS,
    )
  })

  test('does not depend on how a stream is cut into payloads, nor on what was rolled back in between', () => {
    fc.assert(
      fc.property(
        fc.array(records, { maxLength: 8 }),
        fc.array(records, { maxLength: 3 }),
        (kept, dropped) => {
          const whole = createTableBatch({ known: [] })
          whole.addImport(Buffer.concat(kept.map(encodeRecord)), { receivedAtSeconds: RECEIVED })
          const pieces = createTableBatch({ known: [] })
          for (const record of kept) {
            const mark = pieces.mark()
            pieces.addImport(Buffer.concat(dropped.map(encodeRecord)), { receivedAtSeconds: RECEIVED })
            pieces.rollbackTo(mark)
            pieces.addImport(encodeRecord(record), { receivedAtSeconds: RECEIVED })
          }
          const [a, b] = [whole.finish(), pieces.finish()]
          // The order may differ where a later repeat of a key has emptied a column.
          const plain = (batch: typeof a) =>
            batch.columns
              .map((column) => ({
                name: column.name,
                type: column.type,
                cells: cellsOf(column, batch.rows),
              }))
              .sort((x, y) => (x.name < y.name ? -1 : 1))
          assert.deepEqual(plain(b), plain(a))
        },
      ),
      PARAMETERS,
    )
  })

  test('a payload cut at any byte keeps the records before the cut and refuses the rest', () => {
    fc.assert(
      fc.property(fc.array(records, { minLength: 1, maxLength: 4 }), (batchRecords) => {
        const encoded = batchRecords.map(encodeRecord)
        const payload = Buffer.concat(encoded)
        const starts = [0]
        for (const record of encoded) starts.push(starts.at(-1)! + record.length)
        for (let cut = 0; cut <= payload.length; cut++) {
          const complete = starts.findLastIndex((start) => start <= cut)
          const { rows, faults } = scanAll(Buffer.from(payload.subarray(0, cut)))
          assert.equal(rows, complete, `rows of ${cut} bytes`)
          const start = starts[complete]!
          const expected = { reason: 'msgpack_truncated', offset: start, length: cut - start }
          const bytes = payload.subarray(start, cut)
          assert.deepEqual(faults, start === cut ? [] : [{ ...expected, bytes }])
        }
      }),
      { ...PARAMETERS, numRuns: Math.ceil(PARAMETERS.numRuns / 10) },
    )
  })

  test('bytes of any kind are either rows or faults, and every fault lies within the payload', () => {
    const damaged = fc
      .tuple(
        fc.array(records, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
      )
      .map(([batchRecords, changes]) => {
        const payload = Buffer.concat(batchRecords.map(encodeRecord))
        for (const [at, byte] of changes) payload[at % payload.length] = byte
        return payload
      })
    const anything = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.oneof(damaged, anything), (payload) => {
        const { rows, faults } = scanAll(Buffer.from(payload))
        let end = 0
        for (const fault of faults) {
          assert.ok(fault.offset >= end && fault.length > 0)
          end = fault.offset + fault.length
          assert.ok(end <= payload.length)
          assert.deepEqual(fault.bytes, payload.subarray(fault.offset, end))
        }
        assert.ok(rows + faults.length <= payload.length)
        if (payload.length > 0) assert.ok(rows + faults.length > 0)
      }),
      { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 5 },
    )
  })
})

/** The reference decoder refuses str that is not UTF-8, and `__proto__` as a key. */
function hasRawBytes(wire: Wire): boolean {
  if (wire.kind === 'str') return !Buffer.from(repaired(wire.bytes)).equals(wire.bytes)
  if (wire.kind === 'array') return wire.items.some(hasRawBytes)
  if (wire.kind !== 'map') return false
  return wire.entries.some(
    ([key, value]) => json(key) === '"__proto__"' || hasRawBytes(key) || hasRawBytes(value),
  )
}
