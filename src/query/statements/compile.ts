import type { Change } from '../changes.ts'
import type { CompiledStatement, StatementRequest } from '../compiled.ts'
import { QueryError } from '../errors.ts'
import type { Statement, StatementOf } from '../parse/ast.ts'
import { showStatement } from '../show.ts'
import { alterTable } from './alter-table.ts'
import { createTable, createTableAs } from './create-table.ts'
import { deleteRows, truncate } from './delete.ts'
import { describeInput, describeOutput } from './describe.ts'
import { explain } from './explain.ts'
import { insert } from './insert.ts'
import { executed, isPreparable, preparedName, preparedStatement } from './prepared.ts'
import { createSchema, dropSchema } from './schemas.ts'
import { sessionStatement } from './session.ts'
import { createView, dropView, renameView } from './views.ts'

type Compile = (statement: Statement, request: StatementRequest) => Promise<CompiledStatement>

/** Compiles a statement that is no plain query; `compile` is what compiles any, for those that stand around another one. */
export async function compileOther(
  statement: Exclude<Statement, StatementOf<'query'>>,
  request: StatementRequest,
  compile: Compile,
): Promise<CompiledStatement> {
  switch (statement.kind) {
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
    case 'comment':
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
      return compileExecuted(statement, request, compile)
    case 'describe-input':
      return describeInput(preparedStatement(statement.name, request), request)
    case 'describe-output':
      return describeOutput(preparedStatement(statement.name, request), request, compile)
    case 'explain':
      return explain(statement, await compile(statement.statement, request), request)
    case 'explain-analyze':
      return explainAnalyze(statement, request, compile)
    default:
      return showStatement(statement, request)
  }
}

async function compileExecuted(
  statement: StatementOf<'execute' | 'execute-immediate'>,
  request: StatementRequest,
  compile: Compile,
): Promise<CompiledStatement> {
  const inner = executed(statement, request)
  if (!isPreparable(inner)) throw notPreparable(inner)
  return compile(inner, request)
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
  compile: Compile,
): Promise<CompiledStatement> {
  const compiled = await compile(statement, request)
  if (compiled.kind === 'query') return { kind: 'explain-analyze', verbose, statement: compiled }
  if (compiled.kind === 'change' && writesRows(compiled.change)) return { ...compiled, analyze: { verbose } }
  throw new QueryError('NOT_SUPPORTED', `EXPLAIN ANALYZE doesn't support this statement`, at)
}
