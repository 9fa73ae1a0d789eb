import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { caseTables } from './case-tables.ts'
import { type Case, type CaseAnswer, type CaseRunner, readCases, startCases } from './cases.ts'

const FILES = [
  'parse/syntax.cases.json',
  'statements/statements.cases.json',
  'analyze/names.cases.json',
  'analyze/types.cases.json',
  'analyze/grouping.cases.json',
  'analyze/select.cases.json',
  'generate/operators.cases.json',
  'generate/casts.cases.json',
  'generate/relations.cases.json',
  'generate/queries.cases.json',
  'generate/aggregates.cases.json',
  'generate/windows.cases.json',
  'generate/renamed.cases.json',
  'generate/stored.cases.json',
  'analyze/moments.cases.json',
  'analyze/numbers.cases.json',
  'analyze/coercions.cases.json',
  'generate/try.cases.json',
  'generate/text-casts.cases.json',
  'generate/number-casts.cases.json',
  'generate/moments.cases.json',
  'generate/nested.cases.json',
  'generate/groups.cases.json',
  'prune/prune.cases.json',
]

let runner: CaseRunner
before(async () => {
  runner = await startCases(caseTables)
})
after(() => runner.close())

for (const file of FILES) {
  const cases = await readCases(new URL(file, import.meta.url))
  describe(`the facts of ${file}`, () => {
    for (const fact of cases) test(fact.sql, async () => check(fact, await runner.run(fact)))
  })
}

function check(fact: Case, answer: CaseAnswer): void {
  if (fact.error !== undefined) {
    assert.ok('error' in answer, `an error was due, not ${JSON.stringify(answer)}`)
    const { name, line, column, message } = answer.error
    const { message: wanted, ...place } = fact.error
    assert.deepEqual(pick({ name, line, column }, place), place, message)
    if (wanted !== undefined) assert.ok(message.includes(wanted), message)
    return
  }
  assert.ok(!('error' in answer), JSON.stringify(answer))
  if (fact.columns !== undefined) {
    assert.deepEqual(
      answer.columns.map((column, i) => (fact.columns![i]?.includes(' ') ? column : column.split(' ')[0])),
      fact.columns,
    )
  }
  if (fact.rows !== undefined) assert.deepEqual(ordered(answer.rows, fact), ordered(fact.rows, fact))
  if (fact.opened !== undefined) assert.equal(answer.opened, fact.opened)
}

function pick(from: Record<string, unknown>, like: object): Record<string, unknown> {
  return Object.fromEntries(Object.keys(like).map((key) => [key, from[key]]))
}

function ordered(rows: unknown[][], { unordered }: Case): unknown[] {
  if (unordered !== true) return rows
  return rows.map((row) => JSON.stringify(row)).sort()
}
