import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import type { SchemaLookup } from '../analyze/index.ts'
import { caseTables } from '../case-tables.ts'
import { columnsOf } from '../cases.ts'
import { compileStatement, sessionAfter } from '../compile.ts'
import { QueryError } from '../errors.ts'
import { parseScript } from '../parse/index.ts'
import { startSession } from '../session.ts'

const guide = await readFile(new URL('../../../docs/guides/sql.md', import.meta.url), 'utf8')
const [supported, notSupported] = guide.split('## What is not supported') as [string, string]

const lookup: SchemaLookup = {
  findTable(_, table) {
    const found = caseTables[table]
    if (found !== undefined) return { kind: 'found', table: { id: 1n, columns: columnsOf(found) } }
    if (table !== 'v') return { kind: 'no-table' }
    const columns = [{ name: 'a', type: 'integer' }]
    const view = { text: 'SELECT 1 AS a', defaultDatabase: 'db', columns, owner: '1', comment: null }
    return { kind: 'view', view: { ...view, security: 'definer' } }
  },
  listDatabases: () => ({ kind: 'found', names: ['db'] }),
  listTables: (database) =>
    database === 'archive' ? { kind: 'absent' } : { kind: 'found', names: ['orders'] },
  mayWrite: () => 'yes',
  as: () => lookup,
}

async function compile(text: string): Promise<void> {
  const context = { zone: 'UTC', scheduledTime: 1_706_704_496n, startedAtMs: 0, user: '1' }
  let session = startSession({ defaultDatabase: 'db', context })
  for (const statement of parseScript(text).statements)
    session = sessionAfter(session, await compileStatement(statement, { ...session, lookup }))
}

describe('the guide to SQL', () => {
  const examples = [...supported.matchAll(/```sql\n([\s\S]*?)```/g)].map((found) => found[1]!.trim())
  const refused = [...notSupported.matchAll(/^\| `(.+?)` \|/gm)].map((found) => found[1]!)

  test('has examples, and a list of what is not supported', () => {
    assert.ok(examples.length > 20, String(examples.length))
    assert.ok(refused.length > 30, String(refused.length))
  })

  for (const example of examples) test(`is right that this is a script: ${example}`, () => compile(example))

  for (const statement of refused) {
    test(`is right that this is not supported: ${statement}`, async () => {
      await assert.rejects(
        compile(statement),
        (error) =>
          error instanceof QueryError && error.errorName === 'NOT_SUPPORTED' && error.position !== undefined,
      )
    })
  }
})
