import pg from 'pg'
import { startTestDatabase } from '../../src/database/testing.ts'
import type { CaseRunner } from '../../src/query/cases.ts'

/** What an engine answered, for comparing: rows as the wire has them, or the error's name. */
export type Answer =
  | { columns?: string[]; types: string[]; rows: unknown[][] }
  | { error: string; message: string }

export type Engine = { ask(sql: string): Promise<Answer>; stop(): Promise<void> }

/** Ours, in this process. */
export function ourEngine(runner: CaseRunner): Engine {
  return {
    async ask(sql) {
      const answer = await runner.run({ sql })
      if ('error' in answer) return { error: answer.error.name, message: answer.error.message }
      const cut = answer.columns.map((column) => column.indexOf(' '))
      return {
        columns: answer.columns.map((column, i) => column.slice(0, cut[i])),
        types: answer.columns.map((column, i) => column.slice(cut[i]! + 1)),
        rows: answer.rows,
      }
    },
    stop: () => runner.close(),
  }
}

/** The embedded PostgreSQL, whose texts compare by code point as Presto's do; values come as their text. */
export async function postgresEngine(): Promise<Engine> {
  const server = await startTestDatabase()
  const { host, port, user, password, database } = server.admin
  const client = new pg.Client({ host, port, user, password, database })
  await client.connect()
  await client.query(`SET TimeZone = 'UTC'; SET statement_timeout = '60s'; SET jit = off`)
  const asText = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig
  return {
    async ask(sql) {
      try {
        const result = await client.query({ text: sql, rowMode: 'array', types: asText })
        return { types: (result.fields ?? []).map((field) => String(field.dataTypeID)), rows: result.rows }
      } catch (error) {
        const { code, message } = error as { code?: string; message: string }
        if (code === undefined) throw error
        return { error: code, message }
      }
    },
    async stop() {
      await client.end()
      await server.stop()
    },
  }
}
