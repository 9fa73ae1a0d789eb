import { QueryError } from '../errors.ts'
import { typeText } from '../presto-type.ts'
import { aggregate, aggregateSql, type Call, type FunctionDefinition } from './define.ts'
import { pureFunction } from './javascript-helpers.ts'
import type { JavaScriptFunction } from './types.ts'
import { xxhash64 } from './xxhash64.ts'

/** The sum, as 64 bits, of the hashes of all values; NULL has one of its own. */
function checksum(call: Call): string {
  const [x] = call.args
  const hash = hashedForChecksum(call)
  const value = `CASE WHEN ${x} IS NULL THEN ${CHECKSUM_OF_NULL} ELSE ${hash} END`
  return `p_checksum(${aggregateSql(call, 'sum', [`CAST(${value} AS HUGEINT)`])})`
}
const CHECKSUM_OF_NULL = '-7046029288634856825'

function hashedForChecksum(call: Call): string {
  const [x] = call.args
  const [type] = call.types
  switch (type!.kind) {
    case 'unknown':
      return '0'
    case 'varchar':
      return `p_checksum_bytes(encode(${x}))`
    case 'varbinary':
      return `p_checksum_bytes(${x})`
    case 'double':
      return `p_checksum_double(${x})`
    case 'real':
      return `p_checksum_real(${x})`
    case 'boolean':
    case 'tinyint':
    case 'smallint':
    case 'integer':
    case 'bigint':
      return `p_checksum_bigint(CAST(${x} AS BIGINT))`
    case 'date':
      return `p_checksum_bigint(datediff('day', DATE '1970-01-01', ${x}))`
    case 'timestamp':
      return `p_checksum_bigint(epoch_us(${x}))`
    case 'decimal':
      if (type!.kind === 'decimal' && type!.precision <= 18)
        return `p_checksum_bigint(CAST(replace(CAST(${x} AS VARCHAR), '.', '') AS BIGINT))`
  }
  throw new QueryError('NOT_SUPPORTED', `checksum is not supported for ${typeText(type!)}`)
}

export const definitions: FunctionDefinition[] = aggregate('checksum(ANY) -> varbinary', checksum)

const eight = new DataView(new ArrayBuffer(8))
const hashOfEight = (): bigint => BigInt.asIntN(64, xxhash64(new Uint8Array(eight.buffer)) * CHECKSUM_PRIME)
const CHECKSUM_PRIME = 0x9e3779b185ebca87n

function hashOfLong(value: bigint): bigint {
  eight.setBigInt64(0, value, true)
  return hashOfEight()
}

function hashOfDouble(value: number): bigint {
  eight.setFloat64(0, value, true)
  return hashOfEight()
}

function hashOfReal(value: number): bigint {
  eight.setFloat32(0, value, true)
  return hashOfLong(BigInt(eight.getInt32(0, true)))
}

function checksumBytes(sum: bigint): { bytes: Uint8Array } {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt.asIntN(64, sum))
  return { bytes }
}

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_checksum_bytes(BLOB) -> BIGINT', ({ bytes }: { bytes: Uint8Array }) =>
    BigInt.asIntN(64, xxhash64(bytes) * CHECKSUM_PRIME),
  ),
  pureFunction('p_checksum_bigint(BIGINT) -> BIGINT', hashOfLong),
  pureFunction('p_checksum_double(DOUBLE) -> BIGINT', hashOfDouble),
  pureFunction('p_checksum_real(FLOAT) -> BIGINT', hashOfReal),
  pureFunction('p_checksum(HUGEINT) -> BLOB', checksumBytes),
]
