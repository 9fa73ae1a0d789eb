import { analyzeConstant } from '../analyze/index.ts'
import type { CompiledStatement, StatementRequest } from '../compiled.ts'
import { type Position, QueryError } from '../errors.ts'
import { findZone } from '../functions/index.ts'
import type { Expression, StatementOf } from '../parse/ast.ts'
import type { SessionEffect } from '../session.ts'
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
      return {
        kind: 'set-property',
        name: propertyName(statement),
        value: constantText(statement.value, 'SET SESSION', request),
      }
    case 'reset-session':
      return { kind: 'reset-property', name: propertyName(statement) }
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

/** Unknown ones are noted like known ones: jobs written for the hosted service set many that mean nothing here. */
function propertyName({ name, at }: StatementOf<'set-session' | 'reset-session'>): string {
  if (name.parts.length > 2)
    throw new QueryError(
      'INVALID_SESSION_PROPERTY',
      `Invalid session property '${name.parts.map(({ text }) => text).join('.')}'`,
      at,
    )
  return name.parts.map(({ text }) => text).join('.')
}

function constantText(node: Expression, clause: string, request: StatementRequest): string {
  const value = analyzeConstant(node, clause, { ...request, tables: new Map() })
  if (value.kind === 'constant') {
    if (value.value === null)
      throw new QueryError('INVALID_SESSION_PROPERTY', 'Session property value must not be null', node.at)
    return String(value.value)
  }
  throw new QueryError('NOT_SUPPORTED', 'The value of a session property must be a literal', node.at)
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
