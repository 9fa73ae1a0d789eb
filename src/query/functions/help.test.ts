import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { functionExamples } from './examples.ts'
import { functionList, helpTexts, type ListedFunction } from './function-list.ts'

const functions = functionList()
const namesWithout = (has: (listed: ListedFunction) => boolean): string[] =>
  functions.filter((listed) => !has(listed)).map(({ name, family }) => `${family}: ${name}`)

describe('the reference of functions', () => {
  test('says in a sentence what each is for', () => {
    assert.deepEqual(
      namesWithout(({ help }) => help !== undefined),
      [],
    )
  })

  // What td-geo answers depends on files of the operator's; its own test brings some.
  test('shows for each a case that runs as a test', () => {
    const examples = functionExamples(functions)
    assert.deepEqual(
      namesWithout(({ name, family }) => examples.has(name) || family === 'td-geo'),
      [],
    )
  })

  test('describes nothing that does not exist, and everything in one line that ends as a sentence', () => {
    const offered = new Set(functions.map(({ name }) => name))
    assert.deepEqual(
      helpTexts().filter(([name, text]) => !offered.has(name) || !/^[^\n|]{8,160}\.$/.test(text)),
      [],
    )
  })
})
