import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { Context } from '../context.ts'
import { usageError } from '../errors.ts'

/** The SQL of a command: its word, a file, or `-` for what comes through the pipe. @throws usage (2) */
export async function readSql(
  { terminal }: Context,
  word: string | undefined,
  file: string | undefined,
): Promise<string | undefined> {
  if (word !== undefined && file !== undefined) throw usageError('give the SQL or --query FILE, not both')
  const sql =
    word === '-' || file === '-' ? await text(terminal.stdin) : file === undefined ? word : fileText(file)
  if (sql !== undefined && sql.trim() === '') throw usageError('the SQL is empty')
  return sql
}

function fileText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`${file} cannot be read: ${(error as Error).message}`)
  }
}
