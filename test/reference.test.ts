import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { referencePages } from '../script/support/reference.ts'
import { errorTables, settingTables } from '../src/kernel/index.ts'

describe('the reference pages', () => {
  test('are what the code says now', async () => {
    for (const [path, text] of Object.entries(await referencePages())) {
      assert.equal(readFileSync(path, 'utf8'), text, `${path} is out of date: run node script/docs.ts`)
    }
  })

  test('know every table of settings and errors', async () => {
    await referencePages()
    const declared = (word: string) =>
      globSync('src/**/*.ts').filter(
        (file) => !file.startsWith('src/kernel/') && readFileSync(file, 'utf8').includes(`${word}(`),
      )
    assert.ok(errorTables().size >= declared('errorTable').length && errorTables().size > 5)
    assert.ok(settingTables().size >= declared('defineSettings').length && settingTables().size > 3)
  })

  test('give every error a sentence of help', async () => {
    await referencePages()
    const silent = [...errorTables()].flatMap(([capability, rows]) =>
      Object.entries(rows)
        .filter(([, row]) => !row.help)
        .map(([code]) => `${capability}: ${code}`),
    )
    assert.deepEqual(silent, [])
  })
})
