import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import { compileQuery } from '../compile.ts'
import { failureOf } from '../engine/failure.ts'
import { registerFunctions } from '../engine/functions.ts'
import { QueryError } from '../errors.ts'
import { generatorFunctions } from '../generate/index.ts'
import { typeText } from '../presto-type.ts'
import { caseValue } from './case-values.ts'
import { javascriptFunctions, preludeStatements } from './index.ts'

/** `sql` stands behind SELECT. `error` is the name, or the name and the whole message. */
type Case = {
  sql: string
  type?: string
  value?: unknown
  error?: string
  zone?: string
  scheduledTime?: number
}

const STARTED_AT_MS = Date.UTC(2024, 1, 29, 12, 34, 56, 789)
const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.cases.json'))
const readCases = (file: string): Case[] => JSON.parse(readFileSync(`${import.meta.dirname}/${file}`, 'utf8'))

describe('the functions of the Presto dialect', () => {
  let instance: DuckDBInstance
  let connection: DuckDBConnection

  before(async () => {
    instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    connection = await instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    await registerFunctions(connection, [...javascriptFunctions, ...generatorFunctions])
    for (const statement of preludeStatements()) await connection.run(statement)
  })
  after(() => {
    connection.closeSync()
    instance.closeSync()
  })

  async function answer({
    sql,
    zone = 'UTC',
    scheduledTime = 0,
  }: Case): Promise<{ type: string; value: unknown }> {
    const compiled = await compileQuery({
      text: `SELECT ${sql}`,
      defaultDatabase: 'd',
      lookup: async () => {
        throw new Error('cases read no tables')
      },
      context: { zone, scheduledTime: BigInt(scheduledTime), startedAtMs: STARTED_AT_MS, user: 'tester' },
    } as unknown as Parameters<typeof compileQuery>[0])
    const statement = compiled.statements[0]!
    if (statement.kind !== 'query') throw new Error(`not a query: ${sql}`)
    const { type } = statement.columns[0]!
    const rows = (await connection.runAndReadAll(statement.sql)).getRows()
    const values = rows.map((row) => caseValue(type, row[0] as Exclude<DuckDBValue, undefined>, zone))
    return { type: typeText(type), value: rows.length === 1 ? values[0] : { rows: values } }
  }

  async function outcome(given: Case): Promise<Partial<Case>> {
    try {
      return await answer(given)
    } catch (error) {
      const failure =
        error instanceof QueryError
          ? { kind: 'query', name: error.errorName, message: error.message }
          : failureOf(error)
      const message = failure.message.replace(/^line \d+:\d+: /, '')
      const name = 'name' in failure ? failure.name : failure.kind
      return {
        error:
          given.error?.includes(': ') === true || given.error === undefined ? `${name}: ${message}` : name,
      }
    }
  }

  for (const file of files) {
    test(`of the family ${file.replace('.cases.json', '')} answer as Presto does`, async () => {
      const wrong: string[] = []
      for (const given of readCases(file)) {
        const got = await outcome(given)
        const wanted =
          given.error === undefined
            ? { type: given.type ?? got.type, value: given.value }
            : { error: given.error }
        try {
          assert.deepEqual(got, wanted)
        } catch {
          wrong.push(`${given.sql}\n  wanted ${JSON.stringify(wanted)}\n  got    ${JSON.stringify(got)}`)
        }
      }
      assert.equal(wrong.length, 0, `${wrong.length} cases differ\n${wrong.join('\n')}`)
    })
  }
})
