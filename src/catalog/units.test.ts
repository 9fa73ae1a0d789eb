import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { randomIds, sha256Hex } from '../kernel/index.ts'
import { nameColumns } from './column-names.ts'
import { mintKey, readKey } from './keys.ts'
import { requireName, sqlNameOf } from './names.ts'
import { hashPassword, passwordMatches } from './passwords.ts'
import { containsTransaction } from './pg-snapshot.ts'
import { withoutPassword } from './result-routes.ts'
import { isType, schemaOf } from './schema.ts'
import { openSecretBox } from './secret-box.ts'

describe('a key', () => {
  test('is minted in the one shape all clients send with TD1', () => {
    const { text, sha256, prefix } = mintKey(7n, randomIds)
    assert.match(text, /^7\/[0-9a-f]{40}$/)
    assert.equal(sha256, sha256Hex(text.slice(2)))
    assert.equal(prefix, text.slice(0, 10))
  })

  test('is read with and without TD1 and account, in any case', () => {
    const secret = '0123456789abcdef0123456789abcdef01234567'
    const sha256 = sha256Hex(secret)
    assert.deepEqual(readKey(`TD1 1/${secret}`), { accountId: 1n, sha256 })
    assert.deepEqual(readKey(`td1 ${secret.toUpperCase()}`), { accountId: undefined, sha256 })
    assert.deepEqual(readKey(secret), { accountId: undefined, sha256 })
    assert.deepEqual(readKey('TD1 other'), { accountId: undefined, sha256: sha256Hex('other') })
    for (const nothing of [undefined, '', '  ', 'TD1', 'TD1 ']) assert.equal(readKey(nothing), undefined)
  })
})

describe('a password', () => {
  test('matches itself only, however often it is hashed, and its hash tells the cost', async () => {
    const [one, two] = [await hashPassword('pâsswörd'), await hashPassword('pâsswörd')]
    assert.notEqual(one, two)
    assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    assert.equal(await passwordMatches('pâsswörd', one), true)
    assert.equal(await passwordMatches('passwörd', one), false)
    assert.equal(await passwordMatches('', null), false)
    assert.equal(await passwordMatches('x', 'not a hash'), false)
  })
})

describe('names', () => {
  test('of databases and tables are refused, never rewritten', () => {
    for (const name of ['abc', '0_9', 'x'.repeat(255)]) assert.equal(requireName('table', name), name)
    for (const name of ['ab', 'x'.repeat(256), 'Abc', 'a b', 'a-b', 'abc\n', '']) {
      assert.throws(() => requireName('table', name), { code: 'name_invalid', status: 400 })
    }
  })

  test('of columns are squashed as embulk-output-td does, and stay unique', () => {
    const taken = new Set<string>()
    const name = (key: string) => {
      const given = sqlNameOf(key, (text) => taken.has(text))
      taken.add(given)
      return given
    }
    assert.deepEqual(
      ['amount', 'Upper-Case', '0422col', '日', 'ScCid', 'sccid', 'SCCID', 'v', 'time', 'a..b', '9 x'].map(
        name,
      ),
      ['amount', 'upper_case', '_422col', '_', 'sccid', 'sccid_1', 'sccid_2', 'v_1', 'time_1', 'a_b', '_x'],
    )
    assert.equal(sqlNameOf('k'.repeat(500), () => false).length, 128)
  })
})

describe('the names of columns', () => {
  const known = [
    { key: 'K1', name: 'k1', removed: false },
    { key: 'K2', name: 'k2', removed: false },
    { key: 'gone', name: 'gone', removed: true },
  ]
  const named = (declared: [key: string, name?: string][], replace: boolean) =>
    Object.fromEntries(
      nameColumns(
        known,
        declared.map(([key, name]) => ({ key, type: 'string', name })),
        { replace },
      ),
    )

  test('stay without an alias, and new keys get a free one', () => {
    const expected = { K1: 'k1', K2: 'k2', gone: 'gone', k1: 'k1_1' }
    assert.deepEqual(named([['K1'], ['K2'], ['k1']], true), expected)
    assert.deepEqual(named([['k1']], false), expected)
  })

  test('follow an alias, also when two columns exchange theirs', () => {
    assert.deepEqual(
      named(
        [
          ['K1', 'k2'],
          ['K2', 'k1'],
        ],
        false,
      ),
      { K1: 'k2', K2: 'k1', gone: 'gone' },
    )
  })

  test('are given up by columns that are removed', () => {
    assert.deepEqual(named([['new', 'gone']], false), { K1: 'k1', K2: 'k2', new: 'gone', gone: 'gone_1' })
    assert.deepEqual(named([['K1', 'k2']], true), { K1: 'k2', K2: 'k2_1', gone: 'gone' })
  })

  test('are not taken from columns that stay', () => {
    assert.throws(() => named([['K1', 'k2']], false), { code: 'schema_invalid', status: 422 })
    assert.throws(() => named([['K1', 'k2'], ['K2']], true), { code: 'schema_invalid', status: 422 })
  })
})

describe('a schema', () => {
  test('is undefined when it was not given, and empty when it is', () => {
    for (const schema of [undefined, null, '']) assert.equal(schemaOf({ schema }), undefined)
    assert.deepEqual(schemaOf({ schema: '[]' }), [])
  })

  test('keeps aliases and descriptions, and the first of two when told to ignore duplicates', () => {
    const schema = [
      ['K', 'string', 'k1', 'said'],
      ['K', 'long'],
      ['time', 'long'],
    ]
    const expected = [{ key: 'K', type: 'string', name: 'k1', description: 'said' }]
    assert.deepEqual(schemaOf({ schema, ignore_duplicate_schema: true }), expected)
    assert.throws(() => schemaOf({ schema }), { code: 'schema_invalid', status: 422 })
  })

  test('knows the types of the protocol', () => {
    const good = [
      'int',
      'long',
      'float',
      'double',
      'string',
      'array<string>',
      'array<array<int>>',
      'map<string,array<long>>',
    ]
    const bad = ['bigint', 'varchar', 'array<>', 'array<x>', 'map<string>', 'map<array<int>,int>', '', 'INT']
    assert.deepEqual(
      good.filter((type) => !isType(type)),
      [],
    )
    assert.deepEqual(
      bad.filter((type) => isType(type)),
      [],
    )
  })
})

describe("PostgreSQL's snapshot text", () => {
  test('contains what had ended when it was taken', () => {
    const contained = (xid: number) => containsTransaction('10:15:11,13', String(xid))
    assert.deepEqual([9, 10, 11, 12, 13, 14, 15, 16].filter(contained), [9, 10, 12, 14])
    assert.equal(containsTransaction('10:10:', '9'), true)
    assert.equal(containsTransaction('10:10:', '10'), false)
  })
})

describe('a secret', () => {
  test('opens with the same key file and context only', async (t) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-secrets-'))
    t.after(() => rm(dataDir, { recursive: true }))
    const sealed = (await openSecretBox({ dataDir })).seal('pa:ss', 'connection 1/r1')
    const box = await openSecretBox({ dataDir })
    assert.equal(box.open(sealed, 'connection 1/r1'), 'pa:ss')
    assert.throws(() => box.open(sealed, 'connection 1/r2'))
    sealed[sealed.length - 1]! ^= 1
    assert.throws(() => box.open(sealed, 'connection 1/r1'))
  })

  test('leaves the URL of a result target', () => {
    assert.deepEqual(withoutPassword('mysql://u:p%40@h/db/t?x=1'), {
      url: 'mysql://u@h/db/t?x=1',
      password: 'p@',
    })
    assert.deepEqual(withoutPassword('td://@/db/t'), { url: 'td://@/db/t' })
    assert.deepEqual(withoutPassword('td://1/0ab@/db/t'), { url: 'td://@/db/t', password: '1/0ab' })
    assert.deepEqual(withoutPassword('td://0ab@/db/t'), { url: 'td://@/db/t', password: '0ab' })
    assert.deepEqual(withoutPassword('mysql://u:p%@h/db'), { url: 'mysql://u@h/db', password: 'p%' })
    const plain = 'mysql://h:3306/db/t?mail=a@b'
    assert.deepEqual(withoutPassword(plain), { url: plain })
    for (const bad of [undefined, 'no url', '/db/t'])
      assert.throws(() => withoutPassword(bad), { status: 422 })
  })
})
