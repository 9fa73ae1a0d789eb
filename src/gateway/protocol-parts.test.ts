import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { jobIdOf, queryIdOf } from '../query/index.ts'
import { keyHeaderOf, readClientSession } from './client-session.ts'
import { chosenEncoding, encodeSegment } from './encodings.ts'
import { scriptOf } from './script-text.ts'
import { type AnswerForm, isSegmentMac, readSlug, segmentMac, slugOf } from './slug.ts'
import { describeStatement } from './statements.ts'
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
  const secret = Buffer.alloc(32, 1)
  const form: AnswerForm = {
    family: 'Trino',
    isParametric: true,
    fields: 'structured',
    encoding: undefined,
    linesBefore: 0,
  }
  test('opens nothing without the slug that was made for it', () => {
    const slug = slugOf('q', { accountId: 7n, form }, secret)
    assert.equal(readSlug(slug, 'q', secret)?.accountId, 7n)
    assert.equal(readSlug(slug, 'r', secret), undefined)
    assert.equal(readSlug(slug.replace('y7x', 'y8x'), 'q', secret), undefined)
    assert.equal(readSlug(slug.replace('tesd', 'tesz'), 'q', secret), undefined)
    assert.equal(readSlug('y7x', 'q', secret), undefined)
  })
  test('and its slug tell how its client reads answers', () => {
    const forms: AnswerForm[] = [
      form,
      { family: 'Presto', isParametric: false, fields: 'text', encoding: undefined, linesBefore: 12 },
      { ...form, encoding: 'json' },
      { ...form, encoding: 'json+zstd', linesBefore: 2 },
    ]
    for (const one of forms)
      assert.deepEqual(readSlug(slugOf('q', { accountId: 7n, form: one }, secret), 'q', secret)?.form, one)
  })
  test('does not open a segment of another', () => {
    const mac = segmentMac('q', 3, secret)
    assert.ok(isSegmentMac(mac, 'q', 3, secret))
    assert.ok(!isSegmentMac(mac, 'q', 4, secret) && !isSegmentMac(mac, 'r', 3, secret))
    assert.ok(!isSegmentMac('', 'q', 3, secret))
  })
})

describe('encoded rows', () => {
  test('are in the first form of the client’s list that there is here, or as ever', () => {
    assert.equal(chosenEncoding(['json+lz4', 'json+zstd', 'json']), 'json+zstd')
    assert.equal(chosenEncoding(['JSON']), 'json')
    assert.equal(chosenEncoding(['json+lz4', 'arrow']), undefined)
    assert.equal(chosenEncoding([]), undefined)
  })
  test('say where they begin, how many they are and how large', async () => {
    const data = Buffer.from(JSON.stringify(Array.from({ length: 2000 }, (_, n) => [n, 'text'])))
    const rows = { data, rows: 2000, firstRow: 4000 }
    const { bytes, metadata } = await encodeSegment(rows, 'json+zstd')
    const sizes = { segmentSize: bytes.length, uncompressedSize: data.length }
    assert.deepEqual(metadata, { rowOffset: 4000, rowsCount: 2000, ...sizes })
    assert.deepEqual(zstdDecompressSync(bytes), data)
    const plain = await encodeSegment(rows, 'json')
    assert.equal(plain.bytes, data)
    assert.ok(!('uncompressedSize' in plain.metadata))
    assert.ok(
      !(
        'uncompressedSize' in
        (await encodeSegment({ ...rows, data: Buffer.from('[[1]]') }, 'json+zstd')).metadata
      ),
    )
  })
})

describe('the text of a statement’s job', () => {
  const textOf = (text: string, headers: Record<string, string>) =>
    scriptOf(text, readClientSession({ 'x-trino-user': 'u', ...headers }), describeStatement(text))
  test('is what was sent when nothing of the session matters to it', () => {
    const headers = {
      'x-trino-session': 'join_distribution_type=BROADCAST,query_priority=2',
      'x-trino-time-zone': 'UTC',
    }
    assert.deepEqual(textOf('SELECT 1', headers), { text: 'SELECT 1', linesBefore: 0 })
  })
  test('begins with limits of the session, and with what is wrong in it', () => {
    const headers = { 'x-trino-session': 'query_max_run_time=1h,nope=1,task_concurrency=4' }
    const before = `SET SESSION "query_max_run_time" = '1h'\n;\nSET SESSION "nope" = '1'\n;\n`
    assert.deepEqual(textOf('SELECT 1', headers), { text: `${before}SELECT 1`, linesBefore: 4 })
  })
  test('begins with all properties when it shows them', () => {
    const { text } = textOf('SHOW SESSION', { 'x-trino-session': 'task_concurrency=4' })
    assert.equal(text, 'SET SESSION "task_concurrency" = 4\n;\nSHOW SESSION')
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
