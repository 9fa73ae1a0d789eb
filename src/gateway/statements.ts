import { parseScript, QueryError, type Statement } from '../query/index.ts'
import type { Effect } from './effects.ts'

/** What a text is, as far as the gateway has to know. */
export type StatementFacts = {
  /** `INSERT`, `CREATE TABLE` …; undefined for what answers rows. */
  updateType: string | undefined
  /** The answer is one row with the number of rows changed. */
  countsRows: boolean
  /** Names of the client's prepared statements that it speaks of. */
  uses: readonly string[]
  /** It asks for all of the session's properties. */
  showsSession: boolean
  /** What the client has to remember of it once it has succeeded. */
  effect: Effect
}

const NOTHING: StatementFacts = {
  updateType: undefined,
  countsRows: false,
  uses: [],
  showsSession: false,
  effect: { kind: 'none' },
}

/**
 * The facts of the last statement of a text; of the others only the prepared statements they use. A text that does not parse is a
 * query: its error is its job's.
 */
export function describeStatement(text: string): StatementFacts {
  try {
    const all = parseScript(text).statements.map((statement) => factsOf(statement))
    return { ...(all.at(-1) ?? NOTHING), uses: [...new Set(all.flatMap(({ uses }) => uses))] }
  } catch (error) {
    if (error instanceof QueryError) return NOTHING
    throw error
  }
}

/** The words Presto tells a client (trinodb/trino QueryStateMachine `setUpdateType`). */
const UPDATE_TYPES: Partial<Record<Statement['kind'], string>> = {
  'create-table': 'CREATE TABLE',
  'drop-table': 'DROP TABLE',
  truncate: 'TRUNCATE TABLE',
  'rename-table': 'RENAME TABLE',
  'add-column': 'ADD COLUMN',
  'drop-column': 'DROP COLUMN',
  'rename-column': 'RENAME COLUMN',
  comment: 'COMMENT',
  'create-view': 'CREATE VIEW',
  'drop-view': 'DROP VIEW',
  'rename-view': 'RENAME VIEW',
  'create-schema': 'CREATE SCHEMA',
  'drop-schema': 'DROP SCHEMA',
}
const COUNTED: Partial<Record<Statement['kind'], string>> = {
  insert: 'INSERT',
  delete: 'DELETE',
  'create-table-as': 'CREATE TABLE',
}
const TRANSACTIONS = {
  start: ['START TRANSACTION', 'start-transaction'],
  commit: ['COMMIT', 'end-transaction'],
  rollback: ['ROLLBACK', 'end-transaction'],
} as const

function factsOf(statement: Statement): StatementFacts {
  const counted = COUNTED[statement.kind]
  if (counted !== undefined) return { ...NOTHING, updateType: counted, countsRows: true }
  const updateType = UPDATE_TYPES[statement.kind]
  if (updateType !== undefined) return { ...NOTHING, updateType }
  const session = sessionFacts(statement)
  if (session !== undefined)
    return { ...NOTHING, updateType: session[0], effect: session[1], uses: usedBy(statement) }
  if (statement.kind === 'show-session') return { ...NOTHING, showsSession: true }
  if (statement.kind === 'explain' || statement.kind === 'explain-analyze')
    return { ...NOTHING, uses: factsOf(statement.statement).uses }
  return { ...NOTHING, uses: usedBy(statement) }
}

function usedBy(statement: Statement): string[] {
  switch (statement.kind) {
    case 'execute':
    case 'describe-input':
    case 'describe-output':
    case 'deallocate':
      return [statement.name.text]
    default:
      return []
  }
}

function sessionFacts(statement: Statement): [updateType: string, effect: Effect] | undefined {
  switch (statement.kind) {
    case 'set-session':
      return [
        'SET SESSION',
        { kind: 'set-property', name: dotted(statement.name), value: literalOf(statement.value) },
      ]
    case 'reset-session':
      return ['RESET SESSION', { kind: 'reset-property', name: dotted(statement.name) }]
    case 'use':
      return [
        'USE',
        { kind: 'use', catalog: statement.catalog?.text, schema: statement.schema.text.toLowerCase() },
      ]
    case 'set-time-zone':
      return ['SET TIME ZONE', { kind: 'time-zone', zone: zoneOf(statement.zone) }]
    case 'prepare':
      return ['PREPARE', { kind: 'prepare', name: statement.name.text, text: statement.text }]
    case 'deallocate':
      return ['DEALLOCATE', { kind: 'deallocate', name: statement.name.text }]
    case 'set-path':
      return ['SET PATH', { kind: 'set-path', path: statement.path }]
    case 'set-role':
      return ['SET ROLE', { kind: 'set-role', role: statement.role }]
    case 'transaction': {
      const [updateType, kind] = TRANSACTIONS[statement.step]
      return [updateType, { kind }]
    }
    default:
      return undefined
  }
}

type Expression = Extract<Statement, { kind: 'set-session' }>['value']

/** Values of properties are literals; of anything else the job says that it is wrong. */
function literalOf(value: Expression): string {
  switch (value.kind) {
    case 'string':
    case 'boolean':
      return String(value.value)
    case 'number':
      return value.text
    case 'typed-literal':
      return value.value
    case 'sign':
      return (value.negative ? '-' : '') + literalOf(value.value)
    default:
      return ''
  }
}

function zoneOf(zone: Expression | undefined): string {
  if (zone === undefined) return 'UTC'
  if (zone.kind !== 'interval') return literalOf(zone)
  const minutes = Number(zone.value) * (zone.from === 'hour' ? 60 : 1)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${zone.negative ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

const dotted = ({ parts }: { parts: { text: string }[] }): string =>
  parts.map(({ text }) => text.toLowerCase()).join('.')
