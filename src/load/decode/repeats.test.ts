import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createTableBatch, type FinishedBatch } from './index.ts'
import { hashText } from './repeats.ts'
import { cellsOf, encodeRecord } from './testing.ts'

const OPTIONS = { receivedAtSeconds: 1_795_342_228 }

function payloadOf(texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.map((text) => encodeRecord([['s', { kind: 'str', bytes: Buffer.from(text), lengthBytes: 4 }]])),
  )
}

function textColumn(batch: FinishedBatch) {
  const { data } = batch.columns.find(({ key }) => key === 's')!
  assert.ok(data.values.physical === 'BYTE_ARRAY')
  return { cells: cellsOf(batch.columns[1]!, batch.rows), values: data.values }
}

function scan(texts: readonly string[]) {
  const batch = createTableBatch({ known: [] })
  batch.addImport(payloadOf(texts), OPTIONS)
  return textColumn(batch.finish())
}

const someTexts = fc
  .array(
    fc.oneof(fc.string({ maxLength: 9 }), fc.constantFrom('', '\0', '\0\0', 'aaaa', 'aaaaa', 'é', '日本語')),
    {
      minLength: 1,
      maxLength: 20,
    },
  )
  .chain((pool) => fc.array(fc.constantFrom(...pool), { minLength: 1, maxLength: 60 }))

describe('texts that repeat', () => {
  test('stand once: two cells start at the same place exactly when their texts are equal', () => {
    fc.assert(
      fc.property(someTexts, (texts) => {
        const { cells, values } = scan(texts)
        assert.deepEqual(cells, texts)
        assert.equal(values.interned, true)
        const placeOf = new Map(texts.map((text, i) => [text, values.words[2 * i]!]))
        for (const [i, text] of texts.entries()) assert.equal(values.words[2 * i], placeOf.get(text))
        assert.equal(new Set(placeOf.values()).size, placeOf.size)
        assert.ok(values.words.every((word, i) => i % 2 === 1 || word % 4 === 0))
      }),
    )
  })

  test('stay what they are when they were first seen in what is rolled back', () => {
    fc.assert(
      fc.property(someTexts, someTexts, (dropped, kept) => {
        const batch = createTableBatch({ known: [] })
        batch.addImport(payloadOf(kept.slice(0, 1)), OPTIONS)
        const mark = batch.mark()
        batch.addImport(payloadOf(dropped), OPTIONS)
        batch.rollbackTo(mark)
        batch.addImport(payloadOf(kept.slice(1)), OPTIONS)
        assert.deepEqual(textColumn(batch.finish()).cells, kept)
      }),
    )
  })

  test('are looked for while the table of texts is small, and stored all the same afterwards', () => {
    for (const distinct of [1, 64, 65, 1024, 1025]) {
      const texts = Array.from({ length: 3500 }, (_, i) => `text ${(i * 7) % distinct}`)
      const { cells, values } = scan(texts)
      assert.deepEqual(cells, texts)
      assert.equal(values.interned, distinct <= 1024, `${distinct} distinct texts`)
    }
  })

  test('are not looked for any more after a thousand that seldom do', () => {
    const texts = Array.from({ length: 1200 }, (_, i) => `text ${i % 700}`)
    assert.deepEqual([scan(texts).values.interned, scan(texts).cells], [true, texts])
    const seldom = Array.from({ length: 1200 }, (_, i) => `text ${i < 1100 ? i % 700 : i}`)
    assert.deepEqual([scan(seldom).values.interned, scan(seldom).cells], [false, seldom])
  })

  test('that were chosen to collide are stored as well, without a long search', () => {
    const colliding: string[] = []
    for (let n = 0; colliding.length < 80; n++) {
      const text = String(n).padStart(8, '0')
      const words = new Int32Array(Uint8Array.from(Buffer.from(text)).buffer)
      if ((hashText(words, 0, 8) & 1023) === 7) colliding.push(text)
    }
    const texts = [...colliding, ...colliding]
    const { cells, values } = scan(texts)
    assert.deepEqual(cells, texts)
    assert.equal(values.interned, false)
  })
})
