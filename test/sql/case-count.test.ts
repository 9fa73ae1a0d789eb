import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordedFacts } from '../peers/facts.ts'

const LEAST = 12_000

test(`the case files record at least ${LEAST} facts of the language`, () => {
  const facts = recordedFacts()
  assert.ok(facts.length >= LEAST, `only ${facts.length}`)
})
