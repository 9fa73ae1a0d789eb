import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import type { QueryError } from '../errors.ts'
import { parseScript } from './index.ts'

const messageOf = (text: string): string => {
  try {
    parseScript(text)
  } catch (error) {
    return (error as QueryError).message
  }
  return assert.fail('parsed')
}

describe('the facts of parse/messages.cases.json', async () => {
  type Fact = { sql: string; message: string }
  const text = await readFile(new URL('messages.cases.json', import.meta.url), 'utf8')
  for (const { sql, message } of JSON.parse(text) as Fact[])
    test(sql, () => assert.equal(messageOf(sql), message))
})

describe('the parser', () => {
  test('says what stands where something else was due, as Presto does', () => {
    assert.match(
      messageOf('select * frm t'),
      /^line 1:10: mismatched input 'frm'. Expecting: ',', .*, <EOF>$/,
    )
    assert.match(
      messageOf('select a\nfrom'),
      /^line 2:5: mismatched input '<EOF>'. Expecting: .*<identifier>$/,
    )
    assert.match(
      messageOf('select cast(a bigint)'),
      /^line 1:15: mismatched input 'bigint'. Expecting: .*'AS'/,
    )
  })

  test('counts columns in UTF-16 units and lines by newlines of either kind', () => {
    assert.match(messageOf("select '😀' +"), /^line 1:14: /)
    assert.match(messageOf('select\r\n1 +\r\n,'), /^line 3:1: /)
  })

  test('keeps a chain of UNION ALL flat, and what came in parentheses apart', () => {
    const [statement] = parseScript(
      'select 1 union all select 2 union all (select 3 union all select 4)',
    ).statements
    assert.equal(statement?.kind, 'query')
    const { body } = statement.query
    assert.ok(body.kind === 'set')
    assert.deepEqual(
      body.inputs.map(({ kind }) => kind),
      ['select', 'select', 'nested'],
    )
  })

  test('splits a script at semicolons outside strings, names and comments', () => {
    const { statements } = parseScript(`select ';'; select ";" from t -- ;\n; /* ; */ select 1;`)
    assert.equal(statements.length, 3)
  })
})
