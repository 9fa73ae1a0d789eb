import type { Position } from '../errors.ts'
import type { Expression, Identifier, QualifiedName, Query, TypeName } from './ast.ts'

export type Statement = { at: Position } & (
  | { kind: 'query'; query: Query }
  | ExplainStatement
  | ShowStatement
  | TableStatement
  | ViewStatement
  | SchemaStatement
  | SessionStatement
  | PreparedStatement
)
export type StatementOf<K extends Statement['kind']> = Extract<Statement, { kind: K }>

export type ExplainType = 'logical' | 'distributed' | 'io' | 'validate'
export type ExplainFormat = 'text' | 'json' | 'graphviz'
type ExplainStatement =
  | { kind: 'explain'; type: ExplainType; format: ExplainFormat; statement: Statement }
  | { kind: 'explain-analyze'; verbose: boolean; statement: Statement }

export type LikePattern = { pattern: string; escape?: string }

type ShowStatement =
  | { kind: 'show-catalogs'; like?: LikePattern }
  | { kind: 'show-schemas'; catalog?: Identifier; like?: LikePattern }
  | { kind: 'show-tables'; schema?: QualifiedName; like?: LikePattern }
  | { kind: 'show-columns'; table: QualifiedName; like?: LikePattern }
  | { kind: 'show-functions'; schema?: QualifiedName; like?: LikePattern }
  | { kind: 'show-session'; like?: LikePattern }
  | { kind: 'show-create'; what: 'table' | 'view' | 'schema'; name: QualifiedName }
  | { kind: 'show-stats'; of: { table: QualifiedName } | { query: Query } }
  | { kind: 'show-grants'; table?: QualifiedName }
  | { kind: 'show-roles'; current: boolean; grants: boolean; catalog?: Identifier }

/** `name = value`; DEFAULT has no value. */
export type Property = { name: Identifier; value?: Expression }

export type ColumnDefinition = {
  name: Identifier
  type: TypeName
  notNull: boolean
  comment?: string
  properties: Property[]
  at: Position
}
export type TableElement =
  | ({ kind: 'column' } & ColumnDefinition)
  | { kind: 'like'; table: QualifiedName; including: boolean; at: Position }

type TableStatement =
  | { kind: 'insert'; table: QualifiedName; columns?: Identifier[]; query: Query }
  | { kind: 'delete'; table: QualifiedName; where?: Expression }
  | { kind: 'truncate'; table: QualifiedName }
  | {
      kind: 'create-table'
      table: QualifiedName
      orReplace: boolean
      ifNotExists: boolean
      comment?: string
      elements: TableElement[]
      properties: Property[]
    }
  | {
      kind: 'create-table-as'
      table: QualifiedName
      orReplace: boolean
      ifNotExists: boolean
      comment?: string
      columns?: Identifier[]
      properties: Property[]
      query: Query
      withData: boolean
    }
  | { kind: 'drop-table'; table: QualifiedName; ifExists: boolean }
  /** `text` null takes the comment away. */
  | { kind: 'comment'; table: QualifiedName; column?: Identifier; text: string | null }
  | { kind: 'rename-table'; table: QualifiedName; ifExists: boolean; to: QualifiedName }
  | {
      kind: 'add-column'
      table: QualifiedName
      ifExists: boolean
      ifNotExists: boolean
      column: ColumnDefinition
    }
  | {
      kind: 'drop-column'
      table: QualifiedName
      ifExists: boolean
      ifColumnExists: boolean
      column: Identifier
    }
  | {
      kind: 'rename-column'
      table: QualifiedName
      ifExists: boolean
      ifColumnExists: boolean
      from: Identifier
      to: Identifier
    }

type ViewStatement =
  | {
      kind: 'create-view'
      view: QualifiedName
      orReplace: boolean
      comment?: string
      security: 'definer' | 'invoker'
      query: Query
      /** The query as it was written. */
      text: string
    }
  | { kind: 'drop-view'; view: QualifiedName; ifExists: boolean }
  | { kind: 'rename-view'; view: QualifiedName; to: QualifiedName }

type SchemaStatement =
  | { kind: 'create-schema'; schema: QualifiedName; ifNotExists: boolean; properties: Property[] }
  | { kind: 'drop-schema'; schema: QualifiedName; ifExists: boolean; cascade: boolean }

type SessionStatement =
  | { kind: 'use'; catalog?: Identifier; schema: Identifier }
  | { kind: 'set-session'; name: QualifiedName; value: Expression }
  | { kind: 'reset-session'; name: QualifiedName }
  /** No zone: LOCAL. */
  | { kind: 'set-time-zone'; zone?: Expression }
  | { kind: 'set-path'; path: string }
  | { kind: 'set-role'; role: string }
  | { kind: 'transaction'; step: 'start' | 'commit' | 'rollback' }

type PreparedStatement =
  /** `text` is the statement as it was written. */
  | { kind: 'prepare'; name: Identifier; statement: Statement; text: string }
  | { kind: 'deallocate'; name: Identifier }
  | { kind: 'execute'; name: Identifier; values: Expression[] }
  | { kind: 'execute-immediate'; text: string; textAt: Position; values: Expression[] }
  | { kind: 'describe-input'; name: Identifier }
  | { kind: 'describe-output'; name: Identifier }
