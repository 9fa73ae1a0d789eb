import fc from 'fast-check'
import type { ColumnValues } from '../../storage/parquet/index.ts'
import type { BatchColumn, FinishedBatch } from './types.ts'

/** A MessagePack value with the format it is to be written in, so that every format is met and not only the shortest. */
export type Wire =
  | { kind: 'nil' }
  | { kind: 'bool'; value: boolean }
  | { kind: 'int'; value: bigint; format: number }
  | { kind: 'float'; value: number; format: 0xca | 0xcb }
  | { kind: 'str' | 'bin'; bytes: Buffer; lengthBytes: 0 | 1 | 2 | 4 }
  | { kind: 'ext'; type: number; data: Buffer; fixed: boolean }
  | { kind: 'array'; items: Wire[]; lengthBytes: 0 | 2 | 4 }
  | { kind: 'map'; entries: [Wire, Wire][]; lengthBytes: 0 | 2 | 4 }

/** Smallest and largest integer of each format; the first two are the one-byte ones. */
const INT_FORMATS: [format: number, min: bigint, max: bigint, bytes: number][] = [
  [0x00, 0n, 127n, 0],
  [0xe0, -32n, -1n, 0],
  [0xcc, 0n, 0xffn, 1],
  [0xcd, 0n, 0xffffn, 2],
  [0xce, 0n, 0xffffffffn, 4],
  [0xcf, 0n, 0xffffffffffffffffn, 8],
  [0xd0, -0x80n, 0x7fn, 1],
  [0xd1, -0x8000n, 0x7fffn, 2],
  [0xd2, -0x80000000n, 0x7fffffffn, 4],
  [0xd3, -(1n << 63n), (1n << 63n) - 1n, 8],
]

function bigEndian(value: bigint, bytes: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeBigUInt64BE(BigInt.asUintN(64, value))
  return out.subarray(8 - bytes)
}

function lengthHeader(
  length: number,
  lengthBytes: number,
  short: number,
  longFormats: Record<number, number>,
): Buffer {
  if (lengthBytes === 0) return Buffer.from([short | length])
  return Buffer.concat([Buffer.from([longFormats[lengthBytes]!]), bigEndian(BigInt(length), lengthBytes)])
}

export function encodeWire(wire: Wire): Buffer {
  switch (wire.kind) {
    case 'nil':
      return Buffer.from([0xc0])
    case 'bool':
      return Buffer.from([wire.value ? 0xc3 : 0xc2])
    case 'int': {
      const bytes = INT_FORMATS.find(([format]) => format === wire.format)![3]
      if (bytes === 0) return bigEndian(wire.value, 1)
      return Buffer.concat([Buffer.from([wire.format]), bigEndian(wire.value, bytes)])
    }
    case 'float': {
      const out = Buffer.alloc(wire.format === 0xca ? 5 : 9)
      out[0] = wire.format
      if (wire.format === 0xca) out.writeFloatBE(wire.value, 1)
      else out.writeDoubleBE(wire.value, 1)
      return out
    }
    case 'str':
      return Buffer.concat([
        lengthHeader(wire.bytes.length, wire.lengthBytes, 0xa0, { 1: 0xd9, 2: 0xda, 4: 0xdb }),
        wire.bytes,
      ])
    case 'bin':
      return Buffer.concat([
        lengthHeader(wire.bytes.length, wire.lengthBytes || 1, 0, { 1: 0xc4, 2: 0xc5, 4: 0xc6 }),
        wire.bytes,
      ])
    case 'ext':
      return encodeExtension(wire)
    case 'array':
      return Buffer.concat([
        lengthHeader(wire.items.length, wire.lengthBytes, 0x90, { 2: 0xdc, 4: 0xdd }),
        ...wire.items.map(encodeWire),
      ])
    case 'map':
      return Buffer.concat([
        lengthHeader(wire.entries.length, wire.lengthBytes, 0x80, { 2: 0xde, 4: 0xdf }),
        ...wire.entries.flat().map(encodeWire),
      ])
  }
}

function encodeExtension(wire: Extract<Wire, { kind: 'ext' }>): Buffer {
  const fixedFormat = { 1: 0xd4, 2: 0xd5, 4: 0xd6, 8: 0xd7, 16: 0xd8 }[wire.data.length]
  const type = wire.type & 255
  if (wire.fixed && fixedFormat !== undefined)
    return Buffer.concat([Buffer.from([fixedFormat, type]), wire.data])
  return Buffer.concat([Buffer.from([0xc7, wire.data.length, type]), wire.data])
}

const lengthsFor = (length: number, limits: [0 | 1 | 2 | 4, number][]) =>
  limits.filter(([, most]) => length <= most).map(([bytes]) => bytes)

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ maxLength: 12, unit: 'binary' }),
  fc.constantFrom('', '7', '-0', '007', '1.5', 'true', '"\\\n', 'x'.repeat(40), 'é'.repeat(33)),
)

/** str of valid UTF-8 in every length format that holds it. */
export const strings: fc.Arbitrary<Wire> = text.chain((value) => {
  const bytes = Buffer.from(value)
  const lengths = lengthsFor(bytes.length, [
    [0, 31],
    [1, 255],
    [2, 65535],
    [4, 2 ** 32 - 1],
  ])
  return fc.constantFrom(...lengths).map((lengthBytes): Wire => ({ kind: 'str', bytes, lengthBytes }))
})

const binaries: fc.Arbitrary<Wire> = fc
  .tuple(
    fc.uint8Array({ maxLength: 12 }),
    fc.constantFrom<1 | 2 | 4>(1, 2, 4),
    fc.constantFrom<'str' | 'bin'>('bin', 'str'),
  )
  .map(([bytes, lengthBytes, kind]): Wire => ({ kind, bytes: Buffer.from(bytes), lengthBytes }))

export const integers: fc.Arbitrary<Wire> = fc
  .constantFrom(...INT_FORMATS)
  .chain(([format, min, max]) =>
    fc
      .oneof(fc.constantFrom(min, max), fc.bigInt({ min, max }))
      .map((value): Wire => ({ kind: 'int', value, format })),
  )

const floats: fc.Arbitrary<Wire> = fc.oneof(
  fc.float().map((value): Wire => ({ kind: 'float', value, format: 0xca })),
  fc.double().map((value): Wire => ({ kind: 'float', value, format: 0xcb })),
  fc
    .constantFrom(0, -0, 7, -1.5, 1e300, 5e-324)
    .map((value): Wire => ({ kind: 'float', value, format: 0xcb })),
)

const extensions: fc.Arbitrary<Wire> = fc
  .tuple(
    fc.integer({ min: -128, max: 127 }).filter((type) => type !== -1),
    fc.uint8Array({ maxLength: 17 }),
    fc.boolean(),
  )
  .map(([type, data, fixed]): Wire => ({ kind: 'ext', type, data: Buffer.from(data), fixed }))

const scalars = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Wire>({ kind: 'nil' }) },
  { weight: 1, arbitrary: fc.boolean().map((value): Wire => ({ kind: 'bool', value })) },
  { weight: 4, arbitrary: integers },
  { weight: 3, arbitrary: floats },
  { weight: 4, arbitrary: strings },
  { weight: 1, arbitrary: binaries },
  { weight: 1, arbitrary: extensions },
)

const containerLength = fc.constantFrom<0 | 2 | 4>(0, 2, 4)

export const values: fc.Arbitrary<Wire> = fc.letrec<{ value: Wire }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars,
    fc
      .tuple(fc.array(tie('value'), { maxLength: 4 }), containerLength)
      .map(([items, lengthBytes]): Wire => ({ kind: 'array', items, lengthBytes })),
    fc
      .tuple(fc.array(fc.tuple(strings, tie('value')), { maxLength: 3 }), containerLength)
      .map(([entries, lengthBytes]): Wire => ({ kind: 'map', entries, lengthBytes })),
  ),
})).value

/** Records over a handful of keys, so that columns meet several kinds of values. */
export const records: fc.Arbitrary<[string, Wire][]> = fc.array(
  fc.tuple(
    fc.constantFrom('a', 'bb', 'ccc', 'Längere', 'key with more than thirty-one bytes in it', '9'),
    values,
  ),
  { maxLength: 7 },
)

export function encodeRecord(entries: readonly [string, Wire][]): Buffer {
  const keyed = entries.map(([key, value]): [Wire, Wire] => {
    const bytes = Buffer.from(key)
    return [{ kind: 'str', bytes, lengthBytes: bytes.length < 32 ? 0 : 1 }, value]
  })
  return encodeWire({ kind: 'map', entries: keyed, lengthBytes: 0 })
}

/**
 * How long to search: MILLRACE_FUZZ_RUNS=1000000 for longer than a normal test run can, MILLRACE_FUZZ_SEED to repeat a run.
 */
export function fuzzParameters(usualRuns: number): { numRuns: number; seed?: number } {
  const { MILLRACE_FUZZ_RUNS: runs, MILLRACE_FUZZ_SEED: seed } = process.env
  return { numRuns: Number(runs ?? usualRuns), ...(seed === undefined ? {} : { seed: Number(seed) }) }
}

export type Cell = bigint | number | string | boolean | null

/** The cells of a column row by row, nulls included. */
export function cellsOf(column: BatchColumn, rows: number): Cell[] {
  const cells = new Array<Cell>(rows).fill(null)
  for (let i = 0; i < column.data.count; i++) cells[column.data.rows[i]!] = valueAt(column.data.values, i)
  return cells
}

export function valueAt(values: ColumnValues, i: number): Cell {
  if (values.physical === 'BOOLEAN') return values.flags[i] === 1
  const { words } = values
  const view = new DataView(words.buffer, words.byteOffset + 8 * i, 8)
  if (values.physical === 'INT64') return view.getBigInt64(0, true)
  if (values.physical !== 'BYTE_ARRAY') return view.getFloat64(0, true)
  const part = values.parts.findLast(({ from }) => from <= i)!
  return Buffer.from(part.bytes.subarray(words[2 * i]!, words[2 * i]! + words[2 * i + 1]!)).toString()
}

/** Column name → cells, without `time`. */
export function cellsByName(batch: FinishedBatch): Record<string, Cell[]> {
  return Object.fromEntries(
    batch.columns
      .filter(({ name }) => name !== 'time')
      .map((column) => [column.name, cellsOf(column, batch.rows)]),
  )
}
