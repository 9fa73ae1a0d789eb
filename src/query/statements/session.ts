import { analyzeConstant, CATALOG } from '../analyze/index.ts'
import type { CompiledStatement, StatementRequest } from '../compiled.ts'
import { type Position, QueryError } from '../errors.ts'
import { findZone } from '../functions/index.ts'
import type { Expression, StatementOf } from '../parse/ast.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import type { SessionEffect } from '../session.ts'
import {
  faultOfValue,
  SESSION_PROPERTIES,
  type SessionProperty,
  typeOfProperty,
} from '../session-properties.ts'
import { schemaExists, schemaName } from './schemas.ts'
import { noSchema } from './targets.ts'

type SessionStatement = StatementOf<
  'use' | 'set-session' | 'reset-session' | 'set-time-zone' | 'set-path' | 'set-role' | 'transaction'
>

/** Statements that change the session of those after them, and nothing that is stored. */
export async function sessionStatement(
  statement: SessionStatement,
  request: StatementRequest,
): Promise<CompiledStatement> {
  return { kind: 'session', effect: await effectOf(statement, request) }
}

async function effectOf(statement: SessionStatement, request: StatementRequest): Promise<SessionEffect> {
  switch (statement.kind) {
    case 'use':
      return use(statement, request)
    case 'set-session':
      return setProperty(statement, request)
    case 'reset-session':
      return { kind: 'reset-property', name: knownProperty(statement).name }
    case 'set-time-zone':
      return { kind: 'time-zone', zone: zoneOf(statement.zone, request) }
    case 'set-path':
      return { kind: 'noted', what: `path ${statement.path}` }
    case 'set-role':
      return { kind: 'noted', what: `role ${statement.role}` }
    case 'transaction':
      // A script is a transaction anyway: what it changes is stored together, or not at all.
      if (statement.step !== 'rollback') return { kind: 'noted', what: `${statement.step} of a transaction` }
      throw new QueryError(
        'NOT_SUPPORTED',
        'ROLLBACK is not supported: what a job changes is stored together when it ends',
        statement.at,
      )
  }
}

async function use(
  { catalog, schema, at }: StatementOf<'use'>,
  request: StatementRequest,
): Promise<SessionEffect> {
  const parts = catalog === undefined ? [schema] : [catalog, schema]
  const database = schemaName({ parts, at }, at)
  if (!(await schemaExists(database, request))) throw noSchema(database, at)
  return { kind: 'use', database }
}

function setProperty(
  { name, value: node, at }: StatementOf<'set-session'>,
  request: StatementRequest,
): SessionEffect {
  const property = knownProperty({ name, at })
  const value = analyzeConstant(node, 'SET SESSION', { ...request, tables: new Map() })
  if (value.kind !== 'constant')
    throw new QueryError('NOT_SUPPORTED', 'The value of a session property must be a literal', node.at)
  const type = typeOfProperty(property)
  const shown = value.type.kind === 'varchar' ? `'${value.value}'` : String(value.value)
  const refuse = (why: string) =>
    new QueryError(
      'INVALID_SESSION_PROPERTY',
      `Unable to set session property '${property.name}' to '${shown}': ${why}`,
      at,
    )
  if (value.value === null) throw refuse('Session property value must not be null')
  if (!ACCEPTED[type].includes(value.type.kind))
    throw refuse(`Cannot cast type ${typeText(value.type)} to ${type}`)
  const text = String(value.value)
  const fault = faultOfValue(property, text)
  if (fault !== undefined) throw new QueryError('INVALID_SESSION_PROPERTY', fault, at)
  return { kind: 'set-property', name: property.name, value: zoneName(property, text) }
}

const zoneName = ({ kind }: SessionProperty, text: string) =>
  kind === 'zone' ? (findZone(text)?.name ?? text) : text

/** Types whose values become that type by themselves. */
const ACCEPTED: Record<ReturnType<typeof typeOfProperty>, readonly PrestoType['kind'][]> = {
  boolean: ['boolean'],
  integer: ['tinyint', 'smallint', 'integer'],
  bigint: ['tinyint', 'smallint', 'integer', 'bigint'],
  double: ['tinyint', 'smallint', 'integer', 'bigint', 'decimal', 'real', 'double'],
  varchar: ['varchar', 'char'],
}

function knownProperty({
  name,
  at,
}: Pick<StatementOf<'set-session' | 'reset-session'>, 'name' | 'at'>): SessionProperty {
  const parts = name.parts.map(({ text }) => text.toLowerCase())
  const whole = parts.join('.')
  if (parts.length > 2)
    throw new QueryError('INVALID_SESSION_PROPERTY', `Invalid session property '${whole}'`, at)
  if (parts.length === 2 && parts[0] !== CATALOG && parts[0] !== 'system')
    throw new QueryError('CATALOG_NOT_FOUND', `Catalog '${parts[0]}' does not exist`, at)
  const property = SESSION_PROPERTIES.get(whole)
  if (property !== undefined) return property
  throw new QueryError('INVALID_SESSION_PROPERTY', `Session property '${whole}' does not exist`, at)
}

function zoneOf(node: Expression | undefined, request: StatementRequest): string {
  if (node === undefined) return 'UTC'
  const value = analyzeConstant(node, 'SET TIME ZONE', { ...request, tables: new Map() })
  const { type } = value
  if (value.kind !== 'constant' || value.value === null)
    throw new QueryError('NOT_SUPPORTED', 'SET TIME ZONE is supported with a literal', node.at)
  if (type.kind === 'varchar') return namedZone(String(value.value), node.at)
  if (type.kind === 'interval day to second') return offsetZone(BigInt(value.value), node.at)
  throw new QueryError(
    'TYPE_MISMATCH',
    'Expected expression of varchar or interval day-time type, but got another',
    node.at,
  )
}

function namedZone(text: string, at: Position): string {
  const zone = findZone(text)
  if (zone !== undefined) return zone.name
  throw new QueryError('INVALID_LITERAL', `Time zone not supported: ${text}`, at)
}

const MOST_MINUTES = 14 * 60

function offsetZone(milliseconds: bigint, at: Position): string {
  const minutes = Number(milliseconds / 60_000n)
  if (milliseconds % 60_000n !== 0n)
    throw new QueryError('INVALID_LITERAL', 'Invalid time zone offset interval: it is not whole minutes', at)
  if (Math.abs(minutes) > MOST_MINUTES)
    throw new QueryError('INVALID_LITERAL', `Invalid offset minutes ${minutes}`, at)
  const size = Math.abs(minutes)
  const text = `${minutes < 0 ? '-' : '+'}${String(Math.floor(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`
  return namedZone(text, at)
}
