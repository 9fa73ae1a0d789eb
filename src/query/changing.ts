import { QueryError } from './errors.ts'
import type { Statement } from './parse/ast.ts'
import { parseScript } from './parse/index.ts'

const CHANGING: ReadonlySet<string> = new Set([
  'insert',
  'delete',
  'truncate',
  'create-table',
  'create-table-as',
  'drop-table',
  'rename-table',
  'add-column',
  'drop-column',
  'rename-column',
  'comment',
  'create-view',
  'drop-view',
  'rename-view',
  'create-schema',
  'drop-schema',
  'rename-schema',
] satisfies Statement['kind'][] | string[])

/**
 * Whether a statement of the text can change tables, also one that it only prepares. A text that is none is taken for reading: it
 * ends as an error wherever it runs.
 */
export function changesSomething(text: string): boolean {
  try {
    return parseScript(text).statements.some(changes)
  } catch (error) {
    if (error instanceof QueryError) return false
    throw error
  }
}

function changes(statement: Statement): boolean {
  switch (statement.kind) {
    case 'prepare':
    // It is carried out as well.
    case 'explain-analyze':
      return changes(statement.statement)
    case 'execute-immediate':
      return changesSomething(statement.text)
    default:
      return CHANGING.has(statement.kind)
  }
}
