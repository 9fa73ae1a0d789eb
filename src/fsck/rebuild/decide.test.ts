import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decide, type Evidence, type FoundChunk } from './decide.ts'

const NO_EVIDENCE: Evidence = {
  ownerOf: (path) =>
    path.startsWith('m') ? path.replace(/^m(\d+).*/, 'merge:$1') : path === 'b1' ? 'job:3:1' : path,
  releasedOf: () => undefined,
  wasLive: () => undefined,
  wasCommitted: () => undefined,
}
const common = { tableId: 1n, rows: 10, modifiedAtMs: 0, replaces: undefined }

const loaded = (offset: number, epoch = 1n): FoundChunk => ({
  ...common,
  path: `s${offset}${epoch === 1n ? '' : `/${epoch}`}`,
  owner: `spool:a:1:${offset}`,
  writer: { kind: 'spool', spool: 'a', epoch, position: { generation: 1, offset } },
})
const merged = (attempt: number, paths: string[], { part = 0, of = 1, leftOut = 0 } = {}): FoundChunk => ({
  ...common,
  path: `m${attempt}${part === 0 ? '' : `-${part}`}`,
  owner: `merge:${attempt}`,
  writer: { kind: 'rewrite' },
  replaces: { part, of, leftOut, paths },
})
const bulk: FoundChunk = {
  ...common,
  path: 'b1',
  owner: 'job:3:1',
  writer: { kind: 'bulk-import', session: 1n, job: 3n, attempt: 1 },
}
const fatesOf = (files: FoundChunk[], evidence: Partial<Evidence> = {}) => {
  const { fates, warnings } = decide(files, { ...NO_EVIDENCE, ...evidence })
  const short = Object.fromEntries([...fates].sort().map(([path, { fate }]) => [path, fate]))
  return warnings.length === 0 ? short : { ...short, warnings: warnings.length }
}

describe('which files of a table count', () => {
  test('those that loaders wrote, of each position the last owner’s only', () => {
    assert.deepEqual(fatesOf([loaded(1), loaded(2), loaded(2, 2n)]), {
      s1: 'take',
      s2: 'unfinished',
      's2/2': 'take',
    })
  })

  test('not those whose requests will be loaded from the spool again', () => {
    const releasedOf = () => ({ generation: 1, offset: 2 })
    assert.deepEqual(fatesOf([loaded(1), loaded(2), loaded(3)], { releasedOf }), {
      s1: 'take',
      s2: 'again',
      s3: 'again',
    })
  })

  test('a merge in the place of what it was made from, gone or still there', () => {
    const expected = { m7: 'take', s1: 'replaced', s2: 'replaced' }
    assert.deepEqual(fatesOf([loaded(1), loaded(2), merged(7, ['s1', 's2'])]), expected)
    assert.deepEqual(fatesOf([loaded(2), merged(7, ['s1', 's2'])]), { m7: 'take', s2: 'replaced' })
    assert.deepEqual(fatesOf([merged(7, ['s1', 's2'])]), { m7: 'take' })
  })

  test('a merge of merges in the place of all of them', () => {
    assert.deepEqual(
      fatesOf([loaded(1), loaded(2), merged(7, ['s1', 's2']), loaded(3), merged(9, ['m7', 's3'])]),
      { m7: 'replaced', m9: 'take', s1: 'replaced', s2: 'replaced', s3: 'replaced' },
    )
  })

  test('the other pieces of a merge when one of them was merged on', () => {
    const pieces = [merged(7, ['s1'], { of: 2 }), merged(7, ['s1'], { part: 1, of: 2 })]
    assert.deepEqual(fatesOf([...pieces, loaded(3), merged(9, ['m7', 's3'])]), {
      m7: 'replaced',
      'm7-1': 'take',
      m9: 'take',
      s3: 'replaced',
    })
    // Also when the one that was merged on is gone.
    assert.deepEqual(fatesOf([pieces[1]!, loaded(1), merged(9, ['m7', 's3'])]), {
      'm7-1': 'take',
      m9: 'take',
      s1: 'replaced',
    })
  })

  test('not a merge of which files are missing, as long as what it was made from is there', () => {
    assert.deepEqual(fatesOf([loaded(1), loaded(2), merged(7, ['s1', 's2'], { of: 2 })]), {
      m7: 'unfinished',
      s1: 'take',
      s2: 'take',
    })
    assert.deepEqual(fatesOf([loaded(2), merged(7, ['s1', 's2'], { of: 2 })]), {
      m7: 'take',
      s2: 'replaced',
      warnings: 1,
    })
  })

  test('of two merges of the same rows one: that which holds what is nowhere else, or the later one', () => {
    const [early, late] = [merged(7, ['s1', 's2']), merged(10, ['s1', 's2', 's3'])]
    assert.deepEqual(fatesOf([early, late, loaded(3)]), { m10: 'take', m7: 'unfinished', s3: 'replaced' })
    assert.deepEqual(fatesOf([early, late]), { m10: 'take', m7: 'unfinished' })
    assert.deepEqual(fatesOf([loaded(1), loaded(2), loaded(3), early, late]), {
      m10: 'take',
      m7: 'unfinished',
      s1: 'replaced',
      s2: 'replaced',
      s3: 'replaced',
    })
    const other = merged(11, ['s2', 's4'])
    assert.deepEqual(fatesOf([late, other]), { m10: 'take', m11: 'undecided' })
  })

  test('after a deletion what it left, once something says that it came to its end', () => {
    const cut = merged(7, ['s1'], { leftOut: 4 })
    assert.deepEqual(fatesOf([cut]), { m7: 'take' })
    assert.deepEqual(fatesOf([loaded(1), cut]), { m7: 'undecided', s1: 'take' })
    assert.deepEqual(fatesOf([loaded(1), cut, merged(8, ['m7'])]), {
      m7: 'replaced',
      m8: 'take',
      s1: 'replaced',
    })
    const wasLive = (file: FoundChunk) => file.path === 'm7'
    assert.deepEqual(fatesOf([loaded(1), cut], { wasLive }), { m7: 'take', s1: 'replaced' })
    const before = (file: FoundChunk) => file.path === 's1'
    assert.deepEqual(fatesOf([loaded(1), cut], { wasLive: before }), { m7: 'replaced', s1: 'take' })
  })

  test('what the snapshot names and what came after it, not what it had let go', () => {
    const wasLive = (file: FoundChunk) => (file.path === 's3' ? undefined : file.path === 's2')
    assert.deepEqual(fatesOf([loaded(1), loaded(2), loaded(3)], { wasLive }), {
      s1: 'replaced',
      s2: 'take',
      s3: 'take',
    })
  })

  test('not a merge with rows that are still in the spool', () => {
    const releasedOf = () => ({ generation: 1, offset: 2 })
    const files = [loaded(1), loaded(2), merged(7, ['s1', 's2'])]
    assert.deepEqual(fatesOf(files, { releasedOf }), { m7: 'unfinished', s1: 'take', s2: 'again' })
    assert.deepEqual(fatesOf(files.slice(1), { releasedOf }), { m7: 'take', s2: 'again', warnings: 1 })
  })

  test('bulk imports that were committed', () => {
    assert.deepEqual(fatesOf([bulk]), { b1: 'undecided' })
    assert.deepEqual(fatesOf([bulk], { wasCommitted: () => true }), { b1: 'take' })
    assert.deepEqual(fatesOf([bulk], { wasCommitted: () => false }), { b1: 'unfinished' })
    assert.deepEqual(fatesOf([bulk, merged(7, ['b1'])]), { b1: 'replaced', m7: 'take' })
    assert.deepEqual(fatesOf([bulk], { wasLive: () => true }), { b1: 'take' })
  })

  test('rows of SQL whose job came to its end', () => {
    const inserted: FoundChunk = {
      ...common,
      path: 'b1',
      owner: 'job:3:1',
      writer: { kind: 'insert', job: 3n, attempt: 1 },
    }
    assert.deepEqual(fatesOf([inserted]), { b1: 'undecided' })
    assert.deepEqual(fatesOf([inserted], { wasCommitted: () => true }), { b1: 'take' })
    assert.deepEqual(fatesOf([inserted], { wasCommitted: () => false }), { b1: 'unfinished' })
    assert.deepEqual(fatesOf([inserted, merged(7, ['b1'])]), { b1: 'replaced', m7: 'take' })
    assert.deepEqual(fatesOf([inserted], { wasLive: () => true }), { b1: 'take' })
  })

  test('not a rewritten file that does not say what it stands for', () => {
    assert.deepEqual(fatesOf([{ ...merged(7, []), replaces: undefined }]), { m7: 'undecided' })
  })
})
