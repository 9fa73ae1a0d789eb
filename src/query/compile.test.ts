import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../kernel/index.ts'
import type { SchemaLookup } from './analyze/index.ts'
import { caseTables } from './case-tables.ts'
import { type CaseRunner, columnsOf, readCases, startCases } from './cases.ts'
import { bindTables, compileQuery } from './compile.ts'
import { QueryError } from './errors.ts'

const lookup: SchemaLookup = {
  findTable: (database, table) => {
    if (database === 'away') return { kind: 'unknown', reason: 'nobody knows' }
    if (database !== 'db') return { kind: 'no-database' }
    const found = caseTables[table]
    return found === undefined
      ? { kind: 'no-table' }
      : { kind: 'found', table: { id: 1n, columns: columnsOf(found) } }
  },
  listDatabases: () => ({ kind: 'unknown', reason: 'nobody knows' }),
  listTables: () => ({ kind: 'found', names: ['orders'] }),
  mayWrite: () => 'yes',
  as: () => lookup,
}
const context = { zone: 'UTC', scheduledTime: 0n, startedAtMs: 0, user: 'u' }
const compile = (text: string) => compileQuery({ text, defaultDatabase: 'db', lookup, context })

describe('compiling', () => {
  test('answers "unknown" with a retry, never with a missing table', async () => {
    for (const text of ['select 1 from away.t', 'describe away.t', 'show schemas']) {
      await assert.rejects(compile(text), (error) => error instanceof AppError && error.advice === 'retry')
    }
  })

  test('does not mind that nobody knows a table whose name a WITH query takes', async () => {
    const elsewhere = compileQuery({
      text: 'with t as (select 1 x) select x from t',
      defaultDatabase: 'away',
      lookup,
      context,
    })
    assert.equal((await elsewhere).tables.length, 0)
  })

  test('tells the tables read with the union of their times', async () => {
    const { tables } = await compile(
      'select 1 from orders where time < 10; select 1 from db.orders where time between 20 and 29',
    )
    assert.deepEqual(tables, [
      {
        tableId: 1n,
        database: 'db',
        table: 'orders',
        ranges: [
          { from: null, to: 10n },
          { from: 20n, to: 30n },
        ],
      },
    ])
  })

  test('records the settings in comments', async () => {
    const { magicComments } = await compile("-- set session distributed_join = 'true'\n-- other\nselect 1")
    assert.deepEqual(magicComments, [{ name: 'distributed_join', value: 'true', line: 1 }])
  })

  test('lets no name or text of the user into the generated SQL but as a literal', async () => {
    const compiled = await compile(
      `select "order" as "x; drop", 'a''b' from orders "o""p" where customer = 'read_text(1)'`,
    )
    const { sql } = bindTables(compiled, [], (path) => path)
    assert.doesNotMatch(sql.replace(/'(?:[^']|'')*'/g, ''), /drop|o"p|read_text|customer|order/)
  })

  test('reads a table of 10,000 chunks by a list beside the text, which stays as short as for one', async () => {
    const compiled = await compile('select sum(amount) from orders where time < 100')
    const chunks = Array.from({ length: 10_000 }, (_, i) => ({
      id: BigInt(i),
      tableId: 1n,
      timeMin: 0n,
      timeMax: 50n,
      rows: 1,
      bytes: 1,
      path: `/data/objects/chunks/1/2024/01/${i}.parquet`,
      columns: { amount: { key: 'amount', type: 'double', physical: 'DOUBLE', nulls: 0 } },
    }))
    const started = performance.now()
    const { sql, files, lists } = bindTables(compiled, chunks, (path) => path)
    assert.equal(files?.length, 10_000)
    assert.deepEqual(lists, [files])
    assert.equal(sql, bindTables(compiled, chunks.slice(0, 1), (path) => path).sql)
    assert.ok(performance.now() - started < 1000)
  })
})

describe('texts that are too much', () => {
  const refused = async (text: string): Promise<QueryError> => {
    const started = performance.now()
    const error = await compile(text).then(
      () => assert.fail('compiled'),
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof QueryError, String(error))
    assert.ok(performance.now() - started < 10_000, `${performance.now() - started} ms`)
    return error
  }

  test('ten megabytes are refused at once', async () => {
    const error = await refused(`select '${'x'.repeat(10_000_000)}'`)
    assert.equal(error.errorName, 'GENERIC_USER_ERROR')
  })

  for (const [name, open, close] of [
    ['parentheses', '(', ')'],
    ['subqueries', '(select ', ')'],
    ['arrays', 'array[', ']'],
    ['calls', 'abs(', ')'],
    ['negations', '- ', ''],
    ['NOTs', 'not ', ''],
    ['CASEs', 'case when true then ', ' end'],
    ['casts', 'cast(', ' as bigint)'],
    ['additions', '1 + (', ')'],
    ['lambdas', 'x -> ', ''],
  ] as const) {
    test(`${name} nested 30,000 deep are refused, not overflowed`, async () => {
      const error = await refused(`select ${open.repeat(30_000)}1${close.repeat(30_000)}`)
      assert.equal(error.errorName, 'SYNTAX_ERROR')
    })
  }

  test('an unclosed tower of parentheses takes no more than linear time', async () => {
    await refused(`select ${'('.repeat(400_000)}`)
    await refused(`select * from ${'('.repeat(400_000)}select 1`)
  })

  test('long flat statements compile', async () => {
    const many = (count: number, item: string, between: string) =>
      Array.from({ length: count }, () => item).join(between)
    await compile(`select 1 where ${many(20_000, '1 = 2', ' or ')}`)
    await compile(`select 1 in (${many(50_000, '1', ',')})`)
    await compile(`select ${many(20_000, "'a'", ' || ')}`)
    await compile(many(3000, 'select 1', ' union all '))
    await compile(`values ${many(20_000, "(1, 'a')", ',')}`)
    await compile(many(5000, 'select 1', ';'))
  })

  test('an expression that would repeat itself without end stays bounded', async () => {
    const casts = `${'cast(cast('.repeat(60)}1${' as varchar) as bigint)'.repeat(60)}`
    await compile(`select ${casts}`)
    const divisions = `${'1 / ('.repeat(90)}2${')'.repeat(90)}`
    await compile(`select ${divisions}`)
  })
})

describe('any text at all', () => {
  let words: string[] = []
  const statements: string[] = []
  let runner: CaseRunner
  before(async () => {
    runner = await startCases(caseTables)
    for (const file of [
      'parse/syntax',
      'analyze/names',
      'analyze/types',
      'analyze/grouping',
      'generate/operators',
      'generate/relations',
    ]) {
      statements.push(
        ...(await readCases(new URL(`${file}.cases.json`, import.meta.url))).map(({ sql }) => sql),
      )
    }
    words = [...new Set(statements.flatMap((sql) => sql.match(/\w+|'[^']*'|[^\s\w]/g) ?? []))]
  })
  after(() => runner.close())

  const onlyQueryErrors = async (text: string): Promise<void> => {
    const started = performance.now()
    try {
      await compile(text)
    } catch (error) {
      if (error instanceof AppError) return
      assert.ok(error instanceof QueryError, `${String(error)}\n${text}`)
      assert.ok(error.position === undefined || error.position.line >= 1)
    }
    assert.ok(performance.now() - started < 1000)
  }

  test('random characters give an answer or a QueryError', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 80 }), onlyQueryErrors), {
      numRuns: 500,
    })
  })

  test('random words of the language give an answer or a QueryError', async () => {
    const soup = fc
      .array(fc.nat(), { maxLength: 40 })
      .map((numbers) => numbers.map((n) => words[n % words.length]).join(' '))
    await fc.assert(
      fc.asyncProperty(soup, (text) => onlyQueryErrors(`select ${text}`)),
      { numRuns: 1500 },
    )
  })

  test('statements with pieces cut out, doubled or exchanged give an answer or a QueryError', async () => {
    const mutation = fc.record({
      pick: fc.nat(),
      other: fc.nat(),
      from: fc.nat(),
      length: fc.nat({ max: 12 }),
      kind: fc.nat({ max: 2 }),
    })
    await fc.assert(
      fc.asyncProperty(mutation, (m) => onlyQueryErrors(mutate(statements, m))),
      { numRuns: 4000 },
    )
  })

  test('what compiles after such a change is SQL the engine accepts', async () => {
    const mutation = fc.record({
      pick: fc.nat(),
      other: fc.nat(),
      from: fc.nat(),
      length: fc.nat({ max: 4 }),
      kind: fc.nat({ max: 2 }),
    })
    await fc.assert(
      fc.asyncProperty(mutation, async (m) => {
        const sql = mutate(statements, m)
        const answer = await runner.run({ sql })
        if ('error' in answer)
          assert.notEqual(answer.error.name, 'GENERIC_INTERNAL_ERROR', `${sql}\n${answer.error.message}`)
      }),
      { numRuns: 600 },
    )
  })
})

type Mutation = { pick: number; other: number; from: number; length: number; kind: number }

/** Exchanges, removes or doubles a run of words. */
function mutate(statements: string[], { pick, other, from, length, kind }: Mutation): string {
  const split = (sql: string): string[] => sql.match(/\w+|'[^']*'|\s+|[^\s\w]/g) ?? []
  const tokens = split(statements[pick % statements.length]!)
  const donor = split(statements[other % statements.length]!)
  const start = from % (tokens.length + 1)
  const taken = tokens.slice(start, start + length)
  const put = [donor.slice(from % (donor.length + 1)).slice(0, length), [], [...taken, ...taken]][kind]!
  return [...tokens.slice(0, start), ...put, ...tokens.slice(start + length)].join('')
}
