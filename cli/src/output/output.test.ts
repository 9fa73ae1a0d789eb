import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesText } from './bytes.ts'
import { cutTo, harmless, harmlessLines, widthOf } from './columns.ts'
import { elementsOf, plainText } from './json-row.ts'
import { resultText, type TextFormat } from './result.ts'
import { csvLine, listText, tableText, tsvLine } from './rows.ts'
import { instantOf, localTime } from './times.ts'

describe('a list', () => {
  const columns = [{ name: 'Name' }, { name: 'Count', align: 'right' as const }]
  const rows = [
    ['shop', 3],
    ['東京,"x"', 1200],
  ]

  test('is the frame that td draws', () => {
    assert.equal(
      tableText(columns, rows),
      [
        '+----------+-------+',
        '| Name     | Count |',
        '+----------+-------+',
        '| shop     |     3 |',
        '| 東京,"x" |  1200 |',
        '+----------+-------+',
        '2 rows in set',
        '',
      ].join('\n'),
    )
    assert.equal(tableText(columns, []), '0 rows in set\n')
  })
  test('is csv, tsv and json for programs', () => {
    assert.equal(listText('csv', columns, rows), 'Name,Count\nshop,3\n"東京,""x""",1200\n')
    assert.equal(listText('tsv', columns, rows), 'Name\tCount\nshop\t3\n東京,"x"\t1200\n')
    assert.deepEqual(JSON.parse(listText('json', columns, rows))[0], { Name: 'shop', Count: 3 })
    assert.equal(csvLine(['a\nb', null, '']), '"a\nb",,\n')
    assert.equal(tsvLine(['a\tb\nc\\']), 'a\\tb\\nc\\\\\n')
  })
  test('cannot be torn apart, nor move the cursor, by what is in it', () => {
    assert.equal(harmless('a\nb\u001b[2J\t'), 'a\\nb\\x1b[2J\\t')
    assert.equal(harmlessLines('a\n\u001b]0;x'), 'a\n\\x1b]0;x')
    assert.equal(widthOf('é'), 1)
    assert.equal(cutTo('東京東京', 5), '東京…')
  })
})

describe('a row of a result', () => {
  test('is taken apart without losing a digit or a blank', () => {
    assert.deepEqual(elementsOf('[1, 12345678901234567890.50,"a,\\"]",null,[1,[2]],{"k":"}"},true]'), [
      '1',
      '12345678901234567890.50',
      '"a,\\"]"',
      'null',
      '[1,[2]]',
      '{"k":"}"}',
      'true',
    ])
    assert.deepEqual(elementsOf('[]'), [])
    assert.deepEqual(elementsOf('["\\\\"]'), ['"\\\\"'])
    assert.throws(() => elementsOf('[1,2'), SyntaxError)
    assert.deepEqual(['"a\\n"', 'null', '[1]'].map(plainText), ['a\n', null, '[1]'])
  })
})

describe('a result', () => {
  async function* lines() {
    yield '[9007199254740993,"x,y",null]'
    yield '[2,"z",[1,2]]'
  }
  const columns = [
    { name: 'n', type: 'bigint' },
    { name: 'text', type: 'varchar' },
    { name: 'list', type: 'array(integer)' },
  ]
  const written = async (
    format: TextFormat,
    more: { header?: boolean; limit?: number; nullText?: string } = {},
  ) => {
    let text = ''
    const options = {
      header: false,
      nullText: 'null',
      limit: undefined,
      bold: (text: string) => text,
      ...more,
    }
    for await (const part of resultText(format, columns, lines(), options)) text += part
    return text
  }

  test('is written in every format of td', async () => {
    assert.equal(
      await written('csv', { header: true }),
      'n,text,list\n9007199254740993,"x,y",null\n2,z,"[1,2]"\n',
    )
    assert.equal(await written('tsv', { nullText: '' }), '9007199254740993\tx,y\t\n2\tz\t[1,2]\n')
    assert.equal(await written('json'), '[[9007199254740993,"x,y",null],\n[2,"z",[1,2]]]\n')
    assert.equal(await written('jsonl', { limit: 1 }), '{"n":9007199254740993,"text":"x,y","list":null}\n')
    assert.equal(
      await written('table'),
      [
        '+------------------+------+-------+',
        '| n                | text | list  |',
        '+------------------+------+-------+',
        '| 9007199254740993 | x,y  | null  |',
        '|                2 | z    | [1,2] |',
        '+------------------+------+-------+',
        '2 rows in set',
        '',
      ].join('\n'),
    )
    assert.match(
      await written('vertical'),
      /\* 1\. row \*+\n {3}n: 9007199254740993\ntext: x,y\nlist: null\n/,
    )
  })
  test('without rows is empty in every format', async () => {
    assert.equal(await written('json', { limit: 0 }), '[]\n')
    assert.equal(await written('table', { limit: 0 }), '0 rows in set\n')
    assert.equal(await written('csv', { limit: 0 }), '')
  })
})

describe('times and sizes', () => {
  test('are shown in the zone of this machine', () => {
    const at = instantOf('2024-05-01 09:30:00 UTC')
    assert.equal(at?.toISOString(), '2024-05-01T09:30:00.000Z')
    assert.equal(instantOf('2024-05-01 18:30:00 +0900')?.getTime(), at?.getTime())
    assert.equal(instantOf('2024-05-01T09:30:00Z')?.getTime(), at?.getTime())
    assert.match(localTime('2024-05-01T09:30:00Z'), /^2024-0\d-\d\d \d\d:[03]0:00 [+-]\d{4}$/)
    assert.equal(localTime(null), '')
    assert.deepEqual([0, 999, 1000, 12_345_678].map(bytesText), ['0 B', '999 B', '1.00 kB', '12.3 MB'])
  })
})
