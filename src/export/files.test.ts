import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { draftOf, publish, sweepDrafts, targetOf, writeDraft } from './files.ts'

describe('the file of an export', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-export-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  const job = { id: 7n, attempt: 1, accountId: 3n }
  const request = {
    table: 't',
    format: 'jsonl.gz',
    bucket: 'daily',
    prefix: 'a/b-',
    from: null,
    to: null,
  } as const
  const target = targetOf(job, request)
  const never = new AbortController().signal
  const write = (text: string, attempt = 1) =>
    writeDraft(directory, draftOf({ ...job, attempt }), Readable.from([text]), never)
  const read = () => readFile(join(directory, target), 'utf8')

  test('is called by account, bucket, prefix and job, whichever attempt made it', () => {
    assert.equal(target, '3/daily/a/b-7.jsonl.gz')
    assert.equal(targetOf({ ...job, attempt: 2 }, request), target)
    assert.notEqual(draftOf(job), draftOf({ ...job, attempt: 2 }))
  })

  test('is not in its place before it is published, and once it is, publishing it again changes nothing', async () => {
    await write('whole')
    await assert.rejects(read(), { code: 'ENOENT' })
    assert.equal(await publish(directory, draftOf(job), target), true)
    assert.equal(await read(), 'whole')
    assert.equal(await publish(directory, draftOf(job), target), true)
    assert.equal(await read(), 'whole')
    assert.deepEqual(await readdir(join(directory, '.millrace')), [])
  })

  test('of a later attempt replaces that of an earlier one', async () => {
    await write('first')
    await publish(directory, draftOf(job), target)
    await write('second', 2)
    await publish(directory, draftOf({ ...job, attempt: 2 }), target)
    assert.equal(await read(), 'second')
    assert.deepEqual(await readdir(dirname(join(directory, target))), ['b-7.jsonl.gz'])
  })

  test('that is gone before it was published is said to be', async () => {
    assert.equal(await publish(directory, draftOf(job), target), false)
  })

  test('begins anew when a try of the same attempt was cut off', async () => {
    await mkdir(join(directory, '.millrace'))
    await writeFile(join(directory, draftOf(job)), 'half of something longer')
    assert.equal(await write('whole'), 5)
    await publish(directory, draftOf(job), target)
    assert.equal(await read(), 'whole')
  })

  test('leaves nothing of fenced attempts, and nothing that nobody waits for; what others write stays', async () => {
    for (const attempt of [1, 2, 3]) await write('x', attempt)
    const others = { ...job, id: 8n }
    await writeDraft(directory, draftOf(others), Readable.from(['x']), never)
    await writeDraft(directory, draftOf({ ...job, id: 9n }), Readable.from(['x']), never)
    const lastMonth = new Date(Date.now() - 30 * 24 * 3_600_000)
    await utimes(join(directory, draftOf({ ...job, id: 9n })), lastMonth, lastMonth)
    await sweepDrafts(directory, { ...job, attempt: 3 }, new Date())
    assert.deepEqual((await readdir(join(directory, '.millrace'))).sort(), ['7-3', '8-1'])
  })
})
