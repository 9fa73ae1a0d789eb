import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { claimFormat } from './data-format.ts'

describe('the format of a data directory', () => {
  let dataDir: string
  const path = () => join(dataDir, 'format.json')
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'millrace-format-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))

  test('is noted at the first start and kept', () => {
    claimFormat(dataDir)
    const first = readFileSync(path(), 'utf8')
    claimFormat(dataDir)
    assert.equal(readFileSync(path(), 'utf8'), first)
    assert.deepEqual(readdirSync(dataDir), ['format.json'])
  })

  test('of an older release is taken over and noted anew', () => {
    claimFormat(dataDir, { spool: 1 })
    claimFormat(dataDir, { spool: 2, events: 1 })
    assert.deepEqual(JSON.parse(readFileSync(path(), 'utf8')), { formats: { spool: 2, events: 1 } })
  })

  test('of a newer release is refused, with what is newer, and nothing is touched', () => {
    claimFormat(dataDir, { spool: 2, gate: 1, events: 1 })
    const before = readFileSync(path(), 'utf8')
    assert.throws(() => claimFormat(dataDir, { spool: 1, gate: 1 }), {
      code: 'data_directory_newer',
      message: /spool 2 \(this release knows 1\), events 1 \(this release knows none\)/,
    })
    assert.equal(readFileSync(path(), 'utf8'), before)
  })

  test('that says something else is refused, not guessed', () => {
    for (const text of ['', '{}', '{"formats":{"spool":"two"}}', '{"formats":{"spool":null, "gate":1}}']) {
      writeFileSync(path(), text)
      assert.throws(() => claimFormat(dataDir, { spool: 1, gate: 1 }), /format\.json/)
      assert.ok(existsSync(path()))
    }
  })
})
