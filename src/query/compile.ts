export { bindTables } from './bind.ts'

import type { Change } from './changes.ts'
import { analyzed, compilePlan } from './compile-query.ts'
import {
  type Compiled,
  type CompiledStatement,
  type CompileRequest,
  type StatementRequest,
  tablesOf,
} from './compiled.ts'
import { QueryError } from './errors.ts'
import type { Statement, StatementOf } from './parse/ast.ts'
import { parseScript } from './parse/index.ts'
import { parametersIn } from './parse/parameters.ts'
import { afterEffect, type Session, startSession } from './session.ts'
import { showStatement } from './show.ts'
import { alterTable } from './statements/alter-table.ts'
import { createTable, createTableAs } from './statements/create-table.ts'
import { deleteRows, truncate } from './statements/delete.ts'
import { describeInput, describeOutput } from './statements/describe.ts'
import { explain } from './statements/explain.ts'
import { insert } from './statements/insert.ts'
import {
  executed,
  isPreparable,
  preparedName,
  preparedStatement,
  requireCount,
} from './statements/prepared.ts'
import { createSchema, dropSchema } from './statements/schemas.ts'
import { sessionStatement } from './statements/session.ts'
import { createView, dropView, renameView } from './statements/views.ts'

export * from './compiled.ts'

/**
 * Compiles a text of Presto SQL whose statements change nothing that the others read. Throws QueryError, with its place in the
 * text, for every fault of the text, and the AppError `catalog_unknown` (retry) when the lookup could not tell. Cost is
 * linear in the text; it touches no table.
 */
export async function compileQuery(request: CompileRequest): Promise<Compiled> {
  const script = parseScript(request.text)
  const statements: CompiledStatement[] = []
  const { lookup, measure } = request
  let session = startSession(request)
  for (const statement of script.statements) {
    const compiled = await compileStatement(statement, { ...session, lookup, ...(measure && { measure }) })
    statements.push(compiled)
    session = sessionAfter(session, compiled)
  }
  return { statements, tables: tablesOf(statements), magicComments: script.magicComments }
}

/** The session for the next statement of the script. */
export function sessionAfter(session: Session, compiled: CompiledStatement): Session {
  return compiled.kind === 'session' ? afterEffect(session, compiled.effect) : session
}

/**
 * Compiles one statement of a script. Whoever runs the script compiles each one when those before it have run: its lookup shows
 * what they created, dropped and inserted.
 */
export async function compileStatement(
  statement: Statement,
  request: StatementRequest,
): Promise<CompiledStatement> {
  if (statement.kind !== 'prepare' && statement.kind !== 'execute' && statement.kind !== 'execute-immediate')
    requireCount(statement, parametersIn(statement).length, 0)
  switch (statement.kind) {
    case 'query':
      return compilePlan(await analyzed(statement.query, request), request.context)
    case 'insert':
      return insert(statement, request)
    case 'delete':
      return deleteRows(statement, request)
    case 'truncate':
      return truncate(statement, request)
    case 'create-table':
      return createTable(statement, request)
    case 'create-table-as':
      return createTableAs(statement, request)
    case 'drop-table':
    case 'rename-table':
    case 'add-column':
    case 'drop-column':
    case 'rename-column':
      return alterTable(statement, request)
    case 'create-view':
      return createView(statement, request)
    case 'drop-view':
      return dropView(statement, request)
    case 'rename-view':
      return renameView(statement, request)
    case 'create-schema':
      return createSchema(statement, request)
    case 'drop-schema':
      return dropSchema(statement, request)
    case 'use':
    case 'set-session':
    case 'reset-session':
    case 'set-time-zone':
    case 'set-path':
    case 'set-role':
    case 'transaction':
      return sessionStatement(statement, request)
    case 'prepare':
    case 'deallocate':
      return prepareOrDeallocate(statement, request)
    case 'execute':
    case 'execute-immediate':
      return compileExecuted(statement, request)
    case 'describe-input':
      return describeInput(preparedStatement(statement.name, request), request)
    case 'describe-output':
      return describeOutput(preparedStatement(statement.name, request), request, compileStatement)
    case 'explain':
      return explain(statement, await compileStatement(statement.statement, request), request)
    case 'explain-analyze':
      return explainAnalyze(statement, request)
    default:
      return showStatement(statement, request)
  }
}

async function compileExecuted(
  statement: StatementOf<'execute' | 'execute-immediate'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const inner = executed(statement, request)
  if (!isPreparable(inner)) throw notPreparable(inner)
  return compileStatement(inner, request)
}

function prepareOrDeallocate(
  statement: StatementOf<'prepare' | 'deallocate'>,
  request: StatementRequest,
): CompiledStatement {
  const name = preparedName(statement.name)
  if (statement.kind === 'deallocate') {
    preparedStatement(statement.name, request)
    return { kind: 'session', effect: { kind: 'deallocate', name } }
  }
  if (!isPreparable(statement.statement)) throw notPreparable(statement.statement)
  return { kind: 'session', effect: { kind: 'prepare', name, text: statement.text } }
}

function notPreparable({ kind, at }: Statement): QueryError {
  return new QueryError('NOT_SUPPORTED', `Invalid statement type for prepared statement: ${kind}`, at)
}

const writesRows = ({ kind }: Change) => kind === 'insert' || kind === 'delete' || kind === 'create-table-as'

async function explainAnalyze(
  { statement, verbose, at }: StatementOf<'explain-analyze'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const compiled = await compileStatement(statement, request)
  if (compiled.kind === 'query') return { kind: 'explain-analyze', verbose, statement: compiled }
  if (compiled.kind === 'change' && writesRows(compiled.change)) return { ...compiled, analyze: { verbose } }
  throw new QueryError('NOT_SUPPORTED', `EXPLAIN ANALYZE doesn't support this statement`, at)
}
