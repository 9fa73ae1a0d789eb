import { aggregate, aggregateSql, type Call, type FunctionDefinition, scalar } from './define.ts'
import { duckType } from './duck-type.ts'
import { fault } from './errors-in-engine.ts'
import { murmur3 } from './hashes.ts'
import { pureFunction } from './javascript-helpers.ts'
import * as loglogs from './sketches/hyperloglog.ts'
import * as qdigests from './sketches/qdigest.ts'
import * as digests from './sketches/set-digest.ts'
import * as tdigests from './sketches/tdigest.ts'
import { doubleText } from './text.ts'
import type { JavaScriptFunction } from './types.ts'

/**
 * Sketches in the bytes that Presto stores. An aggregate gathers its group's values (those of a set: each once) before it makes one.
 */

const gathered = (call: Call, values: string, distinct = false): string =>
  aggregateSql(
    distinct ? { ...call, clauses: { ...call.clauses, distinct: true, orderBy: '' } } : call,
    'list',
    [values],
    `${call.args[0]} IS NOT NULL`,
  )

/** Hashed as Presto hashes: whole numbers and what is held as one, doubles by their bits, text by its bytes. */
function hashOf(call: Call): string {
  const [x] = call.args
  switch (call.types[0]!.kind) {
    case 'double':
      return `p_murmur_double(${x})`
    case 'varchar':
      return `p_murmur(encode(${x}))`
    case 'varbinary':
      return `p_murmur(${x})`
    case 'date':
      return `p_murmur_bigint(datediff('day', DATE '1970-01-01', ${x}))`
    default:
      return `p_murmur_bigint(CAST(${x} AS BIGINT))`
  }
}

const HASHED = ['bigint', 'double', 'varchar']
const setOf =
  (name: string) =>
  (call: Call): string =>
    `${name}(${gathered(call, hashOf(call), name === 'p_hll')})`
const mergeOf =
  (name: string) =>
  (call: Call): string =>
    `${name}(${gathered(call, call.args[0]!)})`

const VALUES = ['bigint', 'double', 'real'] as const

/** The number by which a q-digest knows a value. */
const sortable = (sql: string, type: string): string =>
  type === 'bigint' ? sql : `p_sortable_${type}(${sql})`
const unsortable = (sql: string, type: string): string =>
  type === 'bigint' ? sql : `p_of_sortable_${type}(${sql})`

const qdigestOf =
  (type: string) =>
  (call: Call): string => {
    const [x, weight = '1', accuracy] = call.args
    const error = accuracy === undefined ? '0.01e0' : aggregateSql(call, 'any_value', [accuracy])
    const entry = `{'x': ${sortable(x!, type)}, 'w': CAST(${weight} AS BIGINT)}`
    return `p_qdigest(${gathered(call, entry)}, ${error})`
  }

const quantileDigests = VALUES.flatMap((type) => [
  ...aggregate(
    [
      `qdigest_agg(${type}) -> qdigest(${type})`,
      `qdigest_agg(${type}, bigint) -> qdigest(${type})`,
      `qdigest_agg(${type}, bigint, double) -> qdigest(${type})`,
    ],
    qdigestOf(type),
  ),
  ...aggregate(`merge(qdigest(${type})) -> qdigest(${type})`, mergeOf('p_qdigest_merge')),
  ...scalar(
    `value_at_quantile(qdigest(${type}), double) -> ${type}`,
    unsortable('p_qdigest_value($1, $2)', type),
  ),
  ...scalar(
    `values_at_quantiles(qdigest(${type}), array(double)) -> array(${type})`,
    `list_transform($2, lambda "$q": ${unsortable('p_qdigest_value($1, "$q")', type)})`,
  ),
  ...scalar(
    `quantile_at_value(qdigest(${type}), ${type}) -> double`,
    `p_qdigest_quantile($1, ${sortable('$2', type)})`,
  ),
])

const tdigestOf = (call: Call): string =>
  `p_tdigest(${gathered(call, `{'x': ${call.args[0]}, 'w': ${call.args[1] ?? '1e0'}}`)})`

export const definitions: FunctionDefinition[] = [
  ...aggregate(
    HASHED.map((type) => `approx_set(${type}) -> hyperloglog`),
    setOf('p_hll'),
  ),
  ...scalar('empty_approx_set() -> hyperloglog', 'p_hll_empty(12)'),
  ...aggregate('merge(hyperloglog) -> hyperloglog', mergeOf('p_hll_merge')),
  ...scalar('cardinality(hyperloglog) -> bigint', 'p_hll_cardinality($1)'),
  ...quantileDigests,
  ...aggregate(['tdigest_agg(double) -> tdigest', 'tdigest_agg(double, double) -> tdigest'], tdigestOf),
  ...aggregate('merge(tdigest) -> tdigest', mergeOf('p_tdigest_merge')),
  ...scalar('value_at_quantile(tdigest, double) -> double', 'p_tdigest_value($1, $2)'),
  ...scalar('values_at_quantiles(tdigest, array(double)) -> array(double)', 'p_tdigest_values($1, $2)'),
  ...aggregate(
    [...HASHED, 'varbinary', 'date'].map((type) => `make_set_digest(${type}) -> setdigest`),
    setOf('p_set_digest'),
  ),
  ...aggregate('merge_set_digest(setdigest) -> setdigest', mergeOf('p_set_digest_merge')),
  ...scalar('cardinality(setdigest) -> bigint', 'p_set_digest_cardinality($1)'),
  ...scalar('jaccard_index(setdigest, setdigest) -> double', 'p_set_digest_jaccard($1, $2)'),
  ...scalar('intersection_cardinality(setdigest, setdigest) -> bigint', 'p_set_digest_common($1, $2)'),
  ...scalar(
    'hash_counts(setdigest) -> map(bigint, smallint)',
    (call) => `CAST(p_set_digest_counts(${call.args[0]}) AS ${duckType(call.result)})`,
  ),
]

type Blob = { bytes: Uint8Array }
type List<T> = { items: readonly T[] }
type Weighted<T> = { entries: { x: T; w: T extends bigint ? bigint : number } }

const view = new DataView(new ArrayBuffer(8))
const eight = new Uint8Array(view.buffer)

/** The first half of MurmurHash3, as Presto's sets use it. */
const hash64 = (bytes: Uint8Array): bigint => new DataView(murmur3(bytes).buffer).getBigInt64(0, true)

function hashOfLong(value: bigint): bigint {
  view.setBigInt64(0, value, true)
  return hash64(eight)
}

function hashOfDouble(value: number): bigint {
  view.setFloat64(0, value, true)
  return hash64(eight)
}

const invalid = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

/** Bytes that a query made a sketch of need not be one. */
function reading<T>(what: string, read: (bytes: Uint8Array) => T): (blob: Blob) => T {
  return ({ bytes }) => {
    try {
      return read(bytes)
    } catch (error) {
      if (error instanceof RangeError) throw invalid(`Cannot deserialize ${what}`)
      throw error
    }
  }
}

const loglogOf = reading('HyperLogLog', loglogs.readHyperLogLog)
const setDigestIn = reading('SetDigest', digests.readSetDigest)
const tdigestIn = reading('TDigest', tdigests.readTDigest)
const qdigestIn = reading('QuantileDigest', qdigests.readQuantileDigest)
const blob = (bytes: Uint8Array): Blob => ({ bytes })

function mergedSets(sketches: readonly Blob[]): Uint8Array {
  const [first, ...rest] = sketches.map(loglogOf)
  try {
    return loglogs.writeHyperLogLog(rest.reduce(loglogs.mergeHyperLogLogs, first!))
  } catch (error) {
    if (error instanceof RangeError) throw invalid(error.message)
    throw error
  }
}

function checkedQuantile(quantile: number): number {
  if (quantile >= 0 && quantile <= 1) return quantile
  throw invalid('quantile must be between [0,1]')
}

function qdigestOfValues(values: readonly Weighted<bigint>[], maxError: number): Uint8Array {
  if (!(maxError > 0 && maxError < 1)) {
    throw invalid(`Percentile accuracy must be exclusively between 0 and 1, was ${doubleText(maxError)}`)
  }
  const digest = qdigests.emptyQuantileDigest(maxError)
  for (const { entries } of values) {
    if (entries.w <= 0n) throw invalid(`Percentile weight must be > 0, was ${entries.w}`)
    qdigests.addValue(digest, entries.x, Number(entries.w))
  }
  return rewritten(qdigests.writeQuantileDigest(digest))
}

/** Presto writes what a part of the rows gave, reads it, and writes the whole: a leaf above level 0 loses a level each time. */
const rewritten = (bytes: Uint8Array): Uint8Array =>
  qdigests.writeQuantileDigest(qdigests.readQuantileDigest(bytes))

function mergedQuantiles(sketches: readonly Blob[]): Uint8Array {
  const [first, ...rest] = sketches.map(qdigestIn)
  for (const other of rest) qdigests.mergeQuantileDigests(first!, other)
  return rewritten(qdigests.writeQuantileDigest(first!))
}

function tdigestOfValues(values: readonly Weighted<number>[]): Uint8Array {
  const entries = values.map(({ entries: { x, w } }) => {
    if (!Number.isFinite(x)) throw invalid(`value must be finite; was ${doubleText(x)}`)
    if (!Number.isFinite(w)) throw invalid(`weight must be finite, was ${doubleText(w)}`)
    if (w < 1) throw invalid(`weight must be >= 1, was ${doubleText(w)}`)
    return { value: x, weight: w }
  })
  return tdigests.writeTDigest(tdigests.tdigestOf(entries))
}

function tdigestValues(sketch: Blob, quantiles: readonly number[]): number[] {
  const digest = tdigestIn(sketch)
  return quantiles.map((quantile, i) => {
    if (i > 0 && quantile < quantiles[i - 1]!) throw invalid('percentiles must be sorted in increasing order')
    return tdigests.valueAtQuantile(digest, checkedQuantile(quantile))
  })
}

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_murmur(BLOB) -> BIGINT', ({ bytes }: Blob) => hash64(bytes)),
  pureFunction('p_murmur_bigint(BIGINT) -> BIGINT', hashOfLong),
  pureFunction('p_murmur_double(DOUBLE) -> BIGINT', hashOfDouble),
  pureFunction('p_hll(BIGINT[]) -> BLOB', ({ items }: List<bigint>) =>
    blob(loglogs.writeHyperLogLog(loglogs.addHashes(loglogs.emptyHyperLogLog(12), items))),
  ),
  pureFunction('p_hll_empty(INTEGER) -> BLOB', (bits: number) =>
    blob(loglogs.writeHyperLogLog(loglogs.emptyHyperLogLog(bits))),
  ),
  pureFunction('p_hll_merge(BLOB[]) -> BLOB', ({ items }: List<Blob>) => blob(mergedSets(items))),
  pureFunction('p_hll_cardinality(BLOB) -> BIGINT', (sketch: Blob) => loglogs.cardinality(loglogOf(sketch))),
  pureFunction('p_set_digest(BIGINT[]) -> BLOB', ({ items }: List<bigint>) =>
    blob(digests.writeSetDigest(digests.setDigestOf(items))),
  ),
  pureFunction('p_set_digest_merge(BLOB[]) -> BLOB', ({ items }: List<Blob>) =>
    blob(digests.writeSetDigest(items.map(setDigestIn).reduce(digests.mergeSetDigests))),
  ),
  pureFunction('p_set_digest_cardinality(BLOB) -> BIGINT', (sketch: Blob) =>
    digests.sizeOf(setDigestIn(sketch)),
  ),
  pureFunction('p_set_digest_jaccard(BLOB, BLOB) -> DOUBLE', (a: Blob, b: Blob) =>
    digests.jaccardIndex(setDigestIn(a), setDigestIn(b)),
  ),
  pureFunction('p_set_digest_common(BLOB, BLOB) -> BIGINT', (a: Blob, b: Blob) =>
    digests.intersectionCardinality(setDigestIn(a), setDigestIn(b)),
  ),
  pureFunction('p_set_digest_counts(BLOB) -> MAP(BIGINT, SMALLINT)', (sketch: Blob) => ({
    entries: [...setDigestIn(sketch).counts].map(([key, value]) => ({ key, value })),
  })),
  pureFunction('p_tdigest(STRUCT(x DOUBLE, w DOUBLE)[]) -> BLOB', ({ items }: List<Weighted<number>>) =>
    blob(tdigestOfValues(items)),
  ),
  pureFunction('p_tdigest_merge(BLOB[]) -> BLOB', ({ items }: List<Blob>) =>
    blob(tdigests.writeTDigest(tdigests.mergeTDigests(items.map(tdigestIn)))),
  ),
  pureFunction('p_tdigest_value(BLOB, DOUBLE) -> DOUBLE', (sketch: Blob, quantile: number) =>
    tdigests.valueAtQuantile(tdigestIn(sketch), checkedQuantile(quantile)),
  ),
  pureFunction('p_tdigest_values(BLOB, DOUBLE[]) -> DOUBLE[]', (sketch: Blob, { items }: List<number>) => ({
    items: tdigestValues(sketch, items),
  })),
  pureFunction('p_sortable_double(DOUBLE) -> BIGINT', qdigests.sortableOfDouble),
  pureFunction('p_sortable_real(FLOAT) -> BIGINT', qdigests.sortableOfReal),
  pureFunction('p_of_sortable_double(BIGINT) -> DOUBLE', qdigests.doubleOfSortable),
  pureFunction('p_of_sortable_real(BIGINT) -> FLOAT', qdigests.realOfSortable),
  pureFunction(
    'p_qdigest(STRUCT(x BIGINT, w BIGINT)[], DOUBLE) -> BLOB',
    ({ items }: List<Weighted<bigint>>, maxError: number) => blob(qdigestOfValues(items, maxError)),
  ),
  pureFunction('p_qdigest_merge(BLOB[]) -> BLOB', ({ items }: List<Blob>) => blob(mergedQuantiles(items))),
  pureFunction('p_qdigest_value(BLOB, DOUBLE) -> BIGINT', (sketch: Blob, quantile: number) =>
    qdigests.valueAtQuantile(qdigestIn(sketch), checkedQuantile(quantile)),
  ),
  pureFunction(
    'p_qdigest_quantile(BLOB, BIGINT) -> DOUBLE',
    (sketch: Blob, value: bigint) => qdigests.quantileAtValue(qdigestIn(sketch), value) ?? null,
  ),
]
