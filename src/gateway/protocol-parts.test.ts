import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keyHeaderOf, readClientSession } from './client-session.ts'
import { accountOfSlug, jobIdOf, queryIdOf, slugOf } from './query-id.ts'
import { typeSignature } from './type-signature.ts'

describe('the id of a query', () => {
  test('tells its job', () => {
    for (const id of [1n, 99_999n, 100_000n, 12_345_678_901n, 10n ** 15n]) {
      const queryId = queryIdOf(id, new Date('2024-05-06T07:08:09Z'))
      assert.match(queryId, /^20240506_070809_\d{5}_[a-z0-9]{5,}$/)
      assert.equal(jobIdOf(queryId), id)
    }
    for (const text of ['', '20240506_070809_00001', '20240506_070809_00001_aa1aa', 'x'])
      assert.equal(jobIdOf(text), undefined)
  })
  test('opens nothing without the slug that was made for it', () => {
    const secret = Buffer.alloc(32, 1)
    const slug = slugOf({ queryId: 'q', accountId: 7n }, secret)
    assert.equal(accountOfSlug(slug, 'q', secret), 7n)
    assert.equal(accountOfSlug(slug, 'r', secret), undefined)
    assert.equal(accountOfSlug(slug.replace('y7x', 'y8x'), 'q', secret), undefined)
    assert.equal(accountOfSlug('y7x', 'q', secret), undefined)
  })
})

describe('the headers of a statement', () => {
  test('may be of either family, not of both', () => {
    assert.equal(readClientSession({ 'x-presto-user': 'a' }).family, 'Presto')
    assert.equal(readClientSession({ 'x-trino-user': 'a' }).family, 'Trino')
    assert.equal(readClientSession({ authorization: 'Basic eA==' }).family, 'Trino')
    assert.throws(() => readClientSession({ 'x-presto-user': 'a', 'x-trino-user': 'a' }), { status: 400 })
  })
  test('carry the session', () => {
    const session = readClientSession({
      'x-trino-user': 'u',
      'x-trino-schema': 'Shop',
      'x-trino-time-zone': 'Asia/Tokyo',
      'x-trino-session': 'a=1,b=x%3Dy%2Cz',
      'x-trino-prepared-statement': 's1=SELECT+%3F,s2=SELECT%202',
      'x-trino-client-capabilities': 'PATH,PARAMETRIC_DATETIME',
    })
    assert.equal(session.schema, 'shop')
    assert.equal(session.timeZone, 'Asia/Tokyo')
    assert.deepEqual(
      [...session.properties],
      [
        ['a', '1'],
        ['b', 'x=y,z'],
      ],
    )
    assert.deepEqual(
      [...session.prepared],
      [
        ['s1', 'SELECT ?'],
        ['s2', 'SELECT 2'],
      ],
    )
    assert.ok(session.capabilities.has('PARAMETRIC_DATETIME'))
  })
  test('of a list that cannot be read are refused', () => {
    for (const value of ['a', '=1', 'a=%E0%A4%A'])
      assert.throws(() => readClientSession({ 'x-trino-user': 'u', 'x-trino-session': value }), {
        status: 400,
      })
  })
})

describe('the API key', () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const cases: [authorization: string | undefined, user: string | undefined, expected: string | undefined][] =
    [
      [undefined, '1/abc', 'TD1 1/abc'],
      [undefined, '1%2Fabc', 'TD1 1/abc'],
      [basic('1/abc:x'), undefined, 'TD1 1/abc'],
      [basic('1/abc:'), 'somebody', 'TD1 1/abc'],
      ['Bearer 1/abc', 'somebody', 'TD1 1/abc'],
      ['TD1 1/abc', undefined, 'TD1 1/abc'],
      [basic(':x'), undefined, undefined],
      [undefined, undefined, undefined],
    ]
  for (const [authorization, user, expected] of cases)
    test(`${authorization ?? 'no authorization'}, user ${user ?? 'absent'}`, () =>
      assert.equal(keyHeaderOf({ authorization }, user), expected))
})

describe('type signatures', () => {
  test('of rows for drivers of prestodb/presto name the types of fields by their text', () => {
    const others = { 'x-presto-user': 'u' }
    assert.equal(readClientSession({ ...others, 'user-agent': 'StatementClientV1/0.289-x' }).fields, 'text')
    assert.equal(readClientSession({ ...others, 'user-agent': 'StatementClientV1/350' }).fields, 'structured')
    assert.deepEqual(typeSignature('array(row(x varchar(3)))', 'text').arguments[0], {
      kind: 'TYPE',
      value: {
        rawType: 'row',
        arguments: [{ kind: 'NAMED_TYPE', value: { fieldName: { name: 'x' }, typeSignature: 'varchar(3)' } }],
      },
    })
  })
  const long = (value: number) => ({ kind: 'LONG', value })
  const bare = (rawType: string) => ({ rawType, arguments: [] })
  const cases: [string, unknown][] = [
    ['bigint', bare('bigint')],
    ['varchar', { rawType: 'varchar', arguments: [long(2_147_483_647)] }],
    ['varchar(3)', { rawType: 'varchar', arguments: [long(3)] }],
    ['decimal(10,2)', { rawType: 'decimal', arguments: [long(10), long(2)] }],
    ['timestamp(3) with time zone', { rawType: 'timestamp with time zone', arguments: [long(3)] }],
    ['array(bigint)', { rawType: 'array', arguments: [{ kind: 'TYPE', value: bare('bigint') }] }],
    [
      'map(date, array(decimal(3,1)))',
      {
        rawType: 'map',
        arguments: [
          { kind: 'TYPE', value: bare('date') },
          {
            kind: 'TYPE',
            value: {
              rawType: 'array',
              arguments: [{ kind: 'TYPE', value: { rawType: 'decimal', arguments: [long(3), long(1)] } }],
            },
          },
        ],
      },
    ],
    [
      'row(x bigint, "a, ""b" varchar(1), interval day to second)',
      {
        rawType: 'row',
        arguments: [
          { kind: 'NAMED_TYPE', value: { fieldName: { name: 'x' }, typeSignature: bare('bigint') } },
          {
            kind: 'NAMED_TYPE',
            value: {
              fieldName: { name: 'a, "b' },
              typeSignature: { rawType: 'varchar', arguments: [long(1)] },
            },
          },
          { kind: 'NAMED_TYPE', value: { typeSignature: bare('interval day to second') } },
        ],
      },
    ],
    [
      'row(timestamp(3) with time zone, t timestamp(3))',
      {
        rawType: 'row',
        arguments: [
          {
            kind: 'NAMED_TYPE',
            value: { typeSignature: { rawType: 'timestamp with time zone', arguments: [long(3)] } },
          },
          {
            kind: 'NAMED_TYPE',
            value: {
              fieldName: { name: 't' },
              typeSignature: { rawType: 'timestamp', arguments: [long(3)] },
            },
          },
        ],
      },
    ],
  ]
  for (const [text, expected] of cases) test(text, () => assert.deepEqual(typeSignature(text), expected))
})
