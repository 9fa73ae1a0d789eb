import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { PrestoType } from '../presto-type.ts'
import { canCoerce, commonType } from './coercion.ts'
import { functionList } from './function-list.ts'
import { isAggregate, isWindow, javascriptFunctions, resolveFunction } from './index.ts'
import { applyLambda } from './lambda-sql.ts'
import { notOffered } from './not-offered.ts'
import { definitionsOf } from './registry.ts'
import { splitLambda } from './resolve.ts'
import { parseSignature } from './signature.ts'
import { partitionKeys } from './td-misc.ts'
import type { Argument, CallContext } from './types.ts'

const context: CallContext = { zone: 'UTC', scheduledTime: 1_542_956_154n, startedAtMs: 0, user: 'u' }
const BIGINT: PrestoType = { kind: 'bigint' }
const TEXT: PrestoType = { kind: 'varchar' }
const column = (type: PrestoType): Argument => ({ type })
const text = (value: string): Argument => ({
  type: { kind: 'varchar', length: value.length },
  constant: { value },
})
const resolve = (name: string, ...args: Argument[]) => resolveFunction(name, args, context)

describe('resolving a call', () => {
  test('never passes on a name that is not registered', () => {
    for (const name of ['read_text', 'getenv', 'duckdb_settings', 'p_error', 'constructor', '__proto__']) {
      assert.throws(() => resolve(name), {
        errorName: 'FUNCTION_NOT_FOUND',
        message: `Function '${name}' not registered`,
      })
    }
  })

  test('tells which parameters were expected', () => {
    assert.throws(() => resolve('LENGTH', column(BIGINT)), {
      errorName: 'FUNCTION_NOT_FOUND',
      message:
        'Unexpected parameters (bigint) for function length. Expected: length(char(x)), length(varbinary), length(varchar(x))',
    })
  })

  test('takes the signature that needs the least coercion', () => {
    assert.deepEqual(resolve('abs', column({ kind: 'smallint' })).result, { kind: 'smallint' })
    assert.deepEqual(resolve('sqrt', column({ kind: 'decimal', precision: 4, scale: 2 })).argumentTypes, [
      { kind: 'double' },
    ])
    assert.deepEqual(resolve('sum', column({ kind: 'integer' })).argumentTypes, [BIGINT])
    assert.deepEqual(resolve('year', column({ kind: 'date' })).argumentTypes, [{ kind: 'date' }])
  })

  test('widens a variable over all its arguments', () => {
    const resolved = resolve(
      'contains',
      column({ kind: 'array', element: { kind: 'integer' } }),
      column(BIGINT),
    )
    assert.deepEqual(resolved.argumentTypes, [{ kind: 'array', element: BIGINT }, BIGINT])
  })

  test('asks a lambda again until the state no longer widens', () => {
    const asked: string[] = []
    const step: Argument = {
      lambda: {
        arity: 2,
        resultType: ([state, element]) => {
          asked.push(state!.kind)
          return commonType(state!, element!)!
        },
      },
    }
    const finish: Argument = { lambda: { arity: 1, resultType: ([state]) => state! } }
    const resolved = resolve(
      'reduce',
      column({ kind: 'array', element: BIGINT }),
      column({ kind: 'integer' }),
      step,
      finish,
    )
    assert.deepEqual(asked.slice(0, 2), ['integer', 'bigint'])
    assert.deepEqual(resolved.lambdaParameters?.[2], [BIGINT, BIGINT])
    assert.deepEqual(resolved.result, BIGINT)
  })

  test('refuses a lambda of the wrong number of parameters', () => {
    const lambda: Argument = { lambda: { arity: 3, resultType: () => BIGINT } }
    assert.throws(() => resolve('transform', column({ kind: 'array', element: BIGINT }), lambda), {
      errorName: 'INVALID_PARAMETER_USAGE',
      message: /takes 1 argument\(s\) but got 3$/,
    })
  })

  test('knows aggregates and window functions by name, in any letter case', () => {
    assert.ok(isAggregate('COUNT') && isAggregate('map_agg') && !isAggregate('abs'))
    assert.ok(isWindow('Row_Number') && isWindow('td_sessionize_window') && !isWindow('sum'))
  })
})

describe('a predicate over the time column', () => {
  const time = column(BIGINT)

  test('carries its range when its bounds are constant, and is plain comparisons', () => {
    const resolved = resolve('td_time_range', time, text('2013-01-01'), text('2013-01-02'), text('JST'))
    assert.deepEqual(resolved.timeRange, { argument: 0, from: 1_356_966_000n, to: 1_357_052_400n })
    assert.equal(
      resolved.emit(['r1.c1', "'2013-01-01'", "'2013-01-02'", "'JST'"]),
      '(r1.c1 >= 1356966000 AND r1.c1 < 1357052400)',
    )
  })

  test('is open where a bound is NULL or absent', () => {
    const open: Argument = { type: { kind: 'unknown' }, constant: { value: null } }
    assert.deepEqual(resolve('td_time_range', time, open, text('2013-01-01')).timeRange, {
      argument: 0,
      from: null,
      to: 1_356_998_400n,
    })
    assert.deepEqual(resolve('td_time_range', time, text('2013-01-01')).timeRange, {
      argument: 0,
      from: 1_356_998_400n,
      to: null,
    })
  })

  test('has no range when a bound is a column', () => {
    assert.equal(resolve('td_time_range', time, column(TEXT), text('2013-01-01')).timeRange, undefined)
  })

  test('of TD_INTERVAL counts from the scheduled time', () => {
    assert.deepEqual(resolve('td_interval', time, text('-1d'), text('JST')).timeRange, {
      argument: 0,
      from: 1_542_812_400n,
      to: 1_542_898_800n,
    })
  })

  test('is a constant over constants', () => {
    const resolved = resolve('td_time_range', { type: BIGINT, constant: { value: 0n } }, text('1970-01-01'))
    assert.deepEqual([resolved.constant, resolved.timeRange], [{ value: true }, undefined])
    assert.deepEqual(resolve('td_scheduled_time').constant, { value: 1_542_956_154n })
    assert.deepEqual(resolve('td_time_add', { type: BIGINT, constant: { value: 0n } }, text('1d')).constant, {
      value: 86_400n,
    })
  })

  test('with a faulty bound is refused before the query runs', () => {
    assert.throws(() => resolve('td_time_range', time, text('soon')), {
      errorName: 'INVALID_FUNCTION_ARGUMENT',
      message: 'Invalid date time string: soon',
    })
  })
})

describe('implicit coercion', () => {
  const decimal = (precision: number, scale: number): PrestoType => ({ kind: 'decimal', precision, scale })

  test('only widens', () => {
    assert.ok(canCoerce({ kind: 'integer' }, { kind: 'double' }))
    assert.ok(!canCoerce({ kind: 'double' }, { kind: 'integer' }))
    assert.ok(
      canCoerce({ kind: 'varchar', length: 3 }, TEXT) && !canCoerce(TEXT, { kind: 'varchar', length: 3 }),
    )
    assert.ok(canCoerce({ kind: 'date' }, { kind: 'timestamp', precision: 3 }))
    assert.ok(canCoerce({ kind: 'unknown' }, { kind: 'map', key: TEXT, value: BIGINT }))
    assert.ok(!canCoerce(TEXT, BIGINT) && !canCoerce({ kind: 'boolean' }, BIGINT))
  })

  test('of decimals keeps whole digits and scale', () => {
    assert.deepEqual(commonType(decimal(5, 2), decimal(4, 3)), decimal(6, 3))
    assert.deepEqual(commonType(decimal(5, 2), { kind: 'integer' }), decimal(12, 2))
    assert.deepEqual(commonType(decimal(5, 2), { kind: 'real' }), { kind: 'real' })
  })

  test('of rows and maps goes member by member and drops names that differ', () => {
    const row = (name: string, type: PrestoType): PrestoType => ({ kind: 'row', fields: [{ name, type }] })
    assert.deepEqual(commonType(row('a', BIGINT), row('b', { kind: 'double' })), {
      kind: 'row',
      fields: [{ type: { kind: 'double' } }],
    })
    assert.equal(commonType({ kind: 'array', element: BIGINT }, { kind: 'array', element: TEXT }), undefined)
  })
})

describe('the registry', () => {
  const cases = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.cases.json'))
    .flatMap(
      (name) => JSON.parse(readFileSync(`${import.meta.dirname}/${name}`, 'utf8')) as { sql: string }[],
    )

  test('has a case for every function it offers', () => {
    const tried = new Set(cases.flatMap(({ sql }) => sql.toLowerCase().match(/[a-z_0-9]+(?=\s*\()/g) ?? []))
    // EXTRACT and the operators reach these by other spellings.
    assert.deepEqual(
      functionList()
        .map(({ name }) => name)
        .filter((name) => !tried.has(name)),
      [],
    )
  })

  test('does not offer what it lists as not offered', () => {
    const offered = new Set(functionList().map(({ name }) => name))
    assert.deepEqual(
      notOffered.map(({ name }) => name).filter((name) => offered.has(name)),
      [],
    )
  })

  test('gives each JavaScript function one name of its own', () => {
    const names = javascriptFunctions.map(({ name }) => name)
    assert.equal(new Set(names).size, names.length)
    assert.deepEqual(
      names.filter((name) => !name.startsWith('p_')),
      [],
    )
  })
})

describe('signatures and lambdas as text', () => {
  test('a faulty signature is found when it is read', () => {
    assert.throws(() => parseSignature('f(array(T) -> T').result, SyntaxError)
    assert.equal(parseSignature('f(T, varchar...) -> array(T)').text, 'f(T, varchar...)')
  })

  test('none of the registry is faulty', () => {
    const names = new Set(functionList().map(({ name }) => name))
    for (const name of names)
      for (const { signature } of definitionsOf(name)) assert.ok(signature.result && signature.parameters)
  })

  test('a lambda is taken apart even when its names hold colons', () => {
    assert.deepEqual(splitLambda('lambda "a:b", c: "a:b" + c'), {
      parameters: ['"a:b"', 'c'],
      body: '"a:b" + c',
    })
  })

  test('applying a lambda replaces names, not texts, fields or longer names', () => {
    const result = { kind: 'bigint' } as const
    const apply = (body: string, value: string) => applyLambda({ parameters: ['p1'], body, result }, [value])
    assert.equal(apply("p1 + length('p1') + p10 + x.p1", 'y'), "y + length('p1') + p10 + x.p1")
  })

  test('applying a lambda leaves one of the same name within it alone', () => {
    const applied = applyLambda({ parameters: ['x'], body: 'f(x, lambda x: x + 1)', result: BIGINT }, ['y'])
    assert.equal(
      applied,
      'list_transform([y], lambda "$0": list_transform(["$0"], lambda x: f(x, lambda x: x + 1))[1])[1]',
    )
  })

  test('the keys of a window are cut at outer commas only', () => {
    assert.deepEqual(partitionKeys('OVER (PARTITION BY f(a, \',\'), "b,c" ORDER BY t ASC NULLS LAST)'), [
      "f(a, ',')",
      '"b,c"',
    ])
    assert.deepEqual(partitionKeys('OVER (ORDER BY t)'), [])
  })
})
