import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { QueryError } from '../../src/query/errors.ts'
import { parseScript } from '../../src/query/index.ts'
import { grammarOracle, type Oracle } from './grammar-oracle.ts'
import { corpus, mutated } from './parser-texts.ts'
import { seeded } from './random.ts'

const RUNS = Number(process.env.MILLRACE_GRAMMAR_RUNS ?? 60)
const SEED = Number(process.env.MILLRACE_GRAMMAR_SEED ?? 1)

/** What Trino refuses after its grammar has accepted the text: the oracle is the grammar alone. */
const REFUSED_LATER =
  /identifiers must not start with a digit|backquoted identifiers|Zero-length delimited|Binary literal|Unicode|escaped? (character|string)|nested too deeply|must have specification/

/** The message with which we refuse the text's syntax. */
function refusal(text: string): string | undefined {
  try {
    parseScript(text)
    return undefined
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    return error.errorName === 'SYNTAX_ERROR' ? error.message : undefined
  }
}

/** Refusals where the oracle sees none. It takes statements that follow each other without a semicolon: hence one in parentheses. */
function wronglyRefused(oracle: Oracle, texts: string[]): string[] {
  return texts.flatMap((text) => {
    const message = refusal(text)
    if (message === undefined || REFUSED_LATER.test(message) || text.trim() === '') return []
    return oracle.accepts(`EXPLAIN ${text}`) && oracle.accepts(`(${text})`) ? [`${text}\n  ${message}`] : []
  })
}

describe("Trino's grammar", () => {
  let oracle: Oracle
  let texts: string[]
  before(async () => {
    oracle = await grammarOracle()
    texts = corpus().filter((text) => text.length < 300)
  })

  test('accepts no query of the case files that we refuse', () => {
    assert.deepEqual(wronglyRefused(oracle, texts), [])
  })

  test('accepts no query made wrong at random that we refuse', () => {
    const random = seeded(SEED)
    const wrong = Array.from({ length: RUNS }, () => mutated(random, texts))
    assert.deepEqual(wronglyRefused(oracle, wrong), [])
  })
})
