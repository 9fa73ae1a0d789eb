import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { exportRequestOf } from './parameters.ts'

/** As `td export:table` sends it (treasure-data/td lib/td/command/table.rb). */
const sent = {
  storage_type: 's3',
  bucket: 'my-bucket',
  access_key_id: 'AKIA',
  secret_access_key: 'secret',
  file_format: 'jsonl.gz',
  file_prefix: 'daily/orders_',
}
const read = (change: Record<string, unknown> = {}) => exportRequestOf({ ...sent, ...change }, 'orders')

describe('a request to export a table', () => {
  test('is kept without its credentials', () => {
    const request = read({ from: '1714521600', to: 1714525200, assume_role: 'arn:x' })
    assert.deepEqual(request, {
      table: 'orders',
      format: 'jsonl.gz',
      bucket: 'my-bucket',
      prefix: 'daily/orders_',
      from: 1714521600,
      to: 1714525200,
    })
    assert.doesNotMatch(JSON.stringify(request), /secret|AKIA/)
  })

  test('takes json.gz and the whole table where nothing is said', () => {
    const request = read({ file_format: '', file_prefix: undefined })
    assert.deepEqual([request.format, request.prefix, request.from, request.to], ['json.gz', '', null, null])
  })

  test('is refused for other stores, unknown formats, encryption and a range that holds nothing', () => {
    assert.throws(() => read({ storage_type: 'gcs' }), {
      code: 'export_only_s3',
      status: 400,
      message: /only s3/,
    })
    assert.throws(() => read({ storage_type: undefined }), { code: 'export_only_s3' })
    assert.throws(() => read({ file_format: 'parquet' }), { code: 'export_format_unknown' })
    assert.throws(() => read({ encryption: 's3' }), { code: 'export_encryption_not_offered' })
    assert.throws(() => read({ from: '2', to: '2' }), { code: 'bad_request' })
  })

  test('cannot name a place outside its bucket', () => {
    for (const bucket of ['', '..', '../x', 'a/b', '.millrace', 'UPPER', 'x'])
      assert.throws(() => read({ bucket }), { code: 'export_place_invalid', status: 422 }, bucket)
    for (const file_prefix of [
      '../x',
      'a/../b',
      './a',
      'a//b',
      '.millrace/x',
      'a/.b',
      'a\nb',
      'ü',
      `${'a/'.repeat(300)}`,
    ])
      assert.throws(() => read({ file_prefix }), { code: 'export_place_invalid' }, file_prefix)
    for (const file_prefix of ['/a/b', 'a/', 'a b', "x!-_.*'()"])
      assert.doesNotThrow(() => read({ file_prefix }))
  })
})
