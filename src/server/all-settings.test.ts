import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { checkAllSettings, settingVariables } from './all-settings.ts'

test('every setting that the sources declare is known where all of them are checked', () => {
  const declaring = globSync('src/**/*.ts').filter(
    (file) =>
      !/\.test\.ts$|^src\/kernel\//.test(file) && /= defineSettings\(/.test(readFileSync(file, 'utf8')),
  )
  const declared = declaring.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\benv: '(MILLRACE_\w+)'/g)].map((match) => match[1]!),
  )
  assert.ok(declared.length > 50)
  const known = new Set(settingVariables())
  assert.deepEqual(
    declared.filter((name) => !known.has(name)),
    [],
    'add the reader of its capability to src/server/all-settings.ts',
  )
  checkAllSettings({})
  assert.throws(() => checkAllSettings({ MILLRACE_SPOOL_SEGMENT_BYTES: 'many' }), { code: 'setting_invalid' })
})
