import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { aliasOf, catalogKey, createNamer } from './index.ts'

describe('column names', () => {
  const cases: Record<string, string> = {
    plain_1: 'plain_1',
    _ga: '_ga',
    'Upper-Case': 'upper_case',
    ScCid: 'sccid',
    '0422col': '_422col',
    '9': '_',
    '0-abc': '_abc',
    日: '_',
    '日本語 x': '_x',
    'a.b..c': 'a_b_c',
    a__b: 'a__b',
    '': '_',
    ' ': '_',
    İ: '_',
  }
  for (const [key, name] of Object.entries(cases)) {
    test(`key "${key}" asks for ${name}`, () => assert.equal(aliasOf(key), name))
  }

  test('is cut to 128 bytes before it is numbered', () => {
    const nameOf = createNamer([])
    assert.equal(nameOf('x'.repeat(200)), 'x'.repeat(128))
    assert.equal(nameOf('x'.repeat(201)), `${'x'.repeat(128)}_1`)
  })

  test('a taken name gets _1, _2 … in order of appearance; time and v are taken from the start', () => {
    const nameOf = createNamer(['b', 'a_b_1'])
    assert.deepEqual(['a_b', 'A-b', 'a-b', 'b', 'v', 'time', 'V'].map(nameOf), [
      'a_b',
      'a_b_2',
      'a_b_3',
      'b_1',
      'v_1',
      'time_1',
      'v_2',
    ])
  })

  test('every key gets a name that is valid and nobody else has', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 6 }), { maxLength: 40 }), (keys) => {
        const names = keys.map(createNamer([]))
        assert.equal(new Set(names).size, keys.length)
        for (const name of names) assert.match(name, /^[a-z_][a-z0-9_]*$/)
      }),
    )
  })

  test('a key is kept so that PostgreSQL can store and index it', () => {
    assert.equal(catalogKey('a\0b'), 'a\ufffdb')
    const long = 'é'.repeat(5000)
    assert.ok(Buffer.byteLength(catalogKey(long)) <= 1024)
    assert.notEqual(catalogKey(long), catalogKey(`${long}x`))
    assert.equal(catalogKey('é'.repeat(512)), 'é'.repeat(512))
  })
})
