import type { StoredView } from './analyze/index.ts'
import type { CompiledQuery } from './compile.ts'
import type { Position } from './errors.ts'
import type { PrestoType } from './presto-type.ts'

/** A table or view as a statement names it: lower case, database filled in, not yet looked up. */
export type TargetName = { database: string; name: string; at: Position }

/**
 * A column as a statement declares it, or as the source gives it (in the order of its output columns). One of the name `time` is the
 * one that every table has. Tables keep values of `keptType(type)` (stored-type.ts): `source` answers those.
 */
export type NewColumn = { name: string; type: PrestoType; comment?: string }

/**
 * A column of the target as the catalog has it, in the order of the source's output columns; `time` has TIME_KEY. Rows whose time
 * is NULL, and rows of a source that has none, get the time of the job.
 */
export type WrittenColumn = { name: string; key: string; type: PrestoType }

/**
 * What one statement changes. The compiler makes it (names, types, coercions checked; `source` gives rows already coerced to the target's
 * types); carrying it out is the part of the runner, which gathers the changes of a whole script and stores them with the job's end.
 */
export type Change =
  | {
      kind: 'create-table'
      target: TargetName
      ifNotExists: boolean
      comment?: string
      columns: NewColumn[]
    }
  | {
      kind: 'create-table-as'
      target: TargetName
      ifNotExists: boolean
      comment?: string
      /** false: WITH NO DATA. */
      withData: boolean
      columns: NewColumn[]
      source: CompiledQuery
    }
  | { kind: 'drop-table'; target: TargetName; ifExists: boolean }
  | { kind: 'insert'; target: TargetName; tableId: bigint; columns: WrittenColumn[]; source: CompiledQuery }
  | {
      kind: 'delete'
      target: TargetName
      tableId: bigint
      /** null: every row. */
      predicate: CompiledPredicate | null
    }
  | { kind: 'rename-table'; from: TargetName; to: TargetName; ifExists: boolean }
  | { kind: 'add-column'; target: TargetName; ifExists: boolean; ifNotExists: boolean; column: NewColumn }
  | { kind: 'drop-column'; target: TargetName; ifExists: boolean; ifColumnExists: boolean; column: string }
  | {
      kind: 'rename-column'
      target: TargetName
      ifExists: boolean
      ifColumnExists: boolean
      from: string
      to: string
    }
  /** Of a column, or of the table where there is none; null takes it away. */
  | { kind: 'comment'; target: TargetName; column: string | null; text: string | null }
  | { kind: 'create-view'; target: TargetName; orReplace: boolean; view: StoredView }
  | { kind: 'rename-view'; from: TargetName; to: TargetName }
  | { kind: 'drop-view'; target: TargetName; ifExists: boolean }
  | { kind: 'create-schema'; database: string; ifNotExists: boolean; at: Position }
  | { kind: 'drop-schema'; database: string; ifExists: boolean; cascade: boolean; at: Position }

/**
 * The rows of the target that a DELETE takes: `source` answers two columns of them, the hidden FILE_KEY (varchar) and ROW_KEY (bigint)
 * of the target, whose reference it names by its place in `source.references` (a subquery may read the same table once more).
 */
export type CompiledPredicate = { source: CompiledQuery; target: number }
