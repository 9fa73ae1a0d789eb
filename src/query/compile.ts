export { bindTables } from './bind.ts'

import { analyzed, compilePlan } from './compile-query.ts'
import {
  type Compiled,
  type CompiledStatement,
  type CompileRequest,
  type StatementRequest,
  tablesOf,
} from './compiled.ts'
import type { Statement } from './parse/ast.ts'
import { parseScript } from './parse/index.ts'
import { parametersIn, requireCount } from './parse/parameters.ts'
import { afterEffect, type Session, startSession } from './session.ts'

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
  if (statement.kind === 'query')
    return compilePlan(await analyzed(statement.query, request), request.context)
  // Loaded with the first of them: most processes only ever see queries.
  const { compileOther } = await import('./statements/compile.ts')
  return compileOther(statement, request, compileStatement)
}
