import { castText, isText, raiseSql } from '../functions/index.ts'
import type { CallContext } from '../functions/types.ts'
import { MAX_CHAR_LENGTH, type PrestoType } from '../presto-type.ts'

/** Casts to texts, bytes, UUIDs and addresses. */

const NOT_AS_TEXT = ['varbinary', 'array', 'map', 'row']

/** Text that becomes longer than varchar(n) is cut when it was text before; anything else that does not fit is an error. */
export function toVarchar(
  sql: string,
  from: PrestoType,
  length: number | undefined,
  implicit: boolean,
  context: CallContext,
): string | undefined {
  if (NOT_AS_TEXT.includes(from.kind)) return undefined
  if (length !== undefined && (from.kind === 'uuid' || from.kind === 'ipaddress')) return undefined
  const text = castText(sql, from, context)
  if (length === undefined || implicit) return text
  if (isText(from)) {
    const own = 'length' in from ? from.length : undefined
    return own !== undefined && own <= length ? text : `left(${text}, ${length})`
  }
  return `CASE WHEN length(${text}) > ${length} THEN ${tooLong(text, `varchar(${length})`)} ELSE ${text} END`
}

const tooLong = (text: string, type: string): string =>
  raiseSql('INVALID_CAST_ARGUMENT', `'Value ' || ${text} || ' cannot be represented as ${type}'`, {
    kind: 'varchar',
  })

/**
 * Padded to the length; the longest char there is, which is what a varchar without length is widened to, is held without its
 * trailing blanks instead.
 */
export function toChar(sql: string, from: PrestoType, length: number): string | undefined {
  if (!isText(from)) return undefined
  if (length === MAX_CHAR_LENGTH) return `rtrim(left(${sql}, ${length}), ' ')`
  return `rpad(left(${sql}, ${length}), ${length}, ' ')`
}

export function toBytes(sql: string, from: PrestoType): string | undefined {
  switch (from.kind) {
    case 'varchar':
      return `encode(${sql})`
    case 'uuid':
      return `unhex(replace(CAST(${sql} AS VARCHAR), '-', ''))`
    case 'ipaddress':
      return sql
    default:
      return undefined
  }
}

const UUID = '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'

export function toUuid(sql: string, from: PrestoType): string | undefined {
  const type: PrestoType = { kind: 'uuid' }
  if (from.kind === 'varchar') {
    const error = raiseSql('INVALID_CAST_ARGUMENT', `'Cannot cast value to UUID: ' || ${sql}`, type)
    return `CASE WHEN NOT regexp_full_match(${sql}, '${UUID}') THEN ${error} ELSE CAST(${sql} AS UUID) END`
  }
  if (from.kind !== 'varbinary') return undefined
  return sized(sql, [16], 'Invalid UUID binary length: ', type, `CAST(hex(${sql}) AS UUID)`)
}

export function toAddress(sql: string, from: PrestoType): string | undefined {
  if (from.kind === 'varchar') return `p_read_address(${sql})`
  if (from.kind !== 'varbinary') return undefined
  const mapped = `CASE WHEN octet_length(${sql}) = 4 THEN unhex('00000000000000000000FFFF') || ${sql} ELSE ${sql} END`
  return sized(sql, [4, 16], 'Invalid IP address binary length: ', { kind: 'ipaddress' }, mapped)
}

function sized(sql: string, lengths: number[], message: string, type: PrestoType, value: string): string {
  const error = raiseSql('INVALID_CAST_ARGUMENT', `'${message}' || octet_length(${sql})`, type)
  return `CASE WHEN octet_length(${sql}) NOT IN (${lengths.join(', ')}) THEN ${error} ELSE ${value} END`
}
