import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readLines, writeLines } from './tables.ts'

async function* one(batch: string[]) {
  yield batch
}

const readAll = async (path: string, ...limits: number[]) => {
  const batches: string[][] = []
  for await (const batch of readLines(path, ...limits)) batches.push(batch)
  return batches
}

test('a row comes back as it was saved, whatever Unicode calls a line', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lines-'))
  t.after(() => rm(directory, { recursive: true }))
  const path = join(directory, 'jobs.ndjson.gz')
  const rows = ['\u2028', '\u2029', '\u0085', '\r', '\n', 'ä\u{1F600}'].map((text) =>
    JSON.stringify({ query: `SELECT 1 --${text}here` }),
  )
  await writeLines(path, one(rows))
  assert.deepEqual((await readAll(path)).flat(), rows)
})

test('rows larger than what is read at once come whole, and never too many together', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lines-'))
  t.after(() => rm(directory, { recursive: true }))
  const path = join(directory, 'jobs.ndjson.gz')
  const rows = [
    JSON.stringify('€'.repeat(100_000)),
    ...Array.from({ length: 5 }, (_, i) => JSON.stringify(i)),
  ]
  await writeLines(path, one(rows))
  assert.deepEqual(
    (await readAll(path, 2, 1_000)).map((batch) => batch.length),
    [1, 2, 2, 1],
  )
  assert.deepEqual((await readAll(path, 2, 1_000)).flat(), rows)
})

test('no rows are no lines', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lines-'))
  t.after(() => rm(directory, { recursive: true }))
  const path = join(directory, 'jobs.ndjson.gz')
  await writeLines(path, (async function* () {})())
  assert.deepEqual(await readAll(path), [])
})

test('a file that cannot be read is an error of the caller', async () => {
  await assert.rejects(readAll('/nowhere/jobs.ndjson.gz'), { code: 'ENOENT' })
})
