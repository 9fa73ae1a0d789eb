import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { MAX_QUERY_CHARACTERS as issued } from '../../src/jobs/parameters.ts'
import { QueryError } from '../../src/query/errors.ts'
import { parseScript } from '../../src/query/index.ts'
import { MAX_QUERY_CHARACTERS } from '../../src/query/parse/lexer.ts'
import { corpus, deepTexts, mutated, noise, randomTokens } from './parser-texts.ts'
import { type Random, seeded } from './random.ts'

const RUNS = Number(process.env.MILLRACE_PARSER_RUNS ?? 60_000)
const SEED = Number(process.env.MILLRACE_PARSER_SEED ?? 1)
/** Some ten times what a text takes. */
const mostMs = (text: string) => 300 + text.length / 50

/** Of this thread alone: what else the machine does must not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** True when the text was parsed; a refusal must say where. */
function parsed(text: string): boolean {
  const startedMs = cpuMs()
  try {
    parseScript(text)
    return true
  } catch (error) {
    if (!(error instanceof QueryError))
      throw new Error(`crashed on ${JSON.stringify(text.slice(0, 500))}`, { cause: error })
    const { line, column } = error.position ?? {}
    assert.ok(
      line !== undefined && column !== undefined,
      `${error.message} has no place: ${JSON.stringify(text.slice(0, 500))}`,
    )
    const lines = text.split('\n')
    assert.ok(
      line >= 1 && line <= lines.length && column >= 1,
      `${error.message} lies outside: ${JSON.stringify(text.slice(0, 500))}`,
    )
    return false
  } finally {
    const tookMs = cpuMs() - startedMs
    assert.ok(tookMs < mostMs(text), `${Math.round(tookMs)} ms for ${JSON.stringify(text.slice(0, 300))}`)
  }
}

describe('the parser, given anything at all,', () => {
  let texts: string[]
  const { stackTraceLimit } = Error
  before(() => {
    texts = corpus()
    // Stack traces of so many refusals would be most of the work.
    Error.stackTraceLimit = 0
  })
  after(() => {
    Error.stackTraceLimit = stackTraceLimit
  })

  const kinds: { name: string; part: number; least: number; most: number; make(random: Random): string }[] = [
    { name: 'words in any order', part: 0.6, least: 0, most: 0.2, make: randomTokens },
    {
      name: 'right texts made wrong',
      part: 0.3,
      least: 0.05,
      most: 0.9,
      make: (random) => mutated(random, texts),
    },
    { name: 'noise', part: 0.1, least: 0, most: 0.1, make: noise },
  ]
  for (const { name, part, least, most, make } of kinds) {
    test(`answers ${name} with a tree or with a refusal that says where`, () => {
      const runs = Math.round(RUNS * part)
      const random = seeded(SEED)
      let accepted = 0
      for (let run = 0; run < runs; run += 1) if (parsed(make(random))) accepted += 1
      const share = accepted / runs
      assert.ok(
        share >= least && share <= most,
        `${share} of them were accepted: are they what they should be?`,
      )
    })
  }

  test('neither overflows nor crawls however deep a text nests', () => {
    for (const text of deepTexts()) parsed(text)
  })

  test('refuses ten megabytes in no time and politely, as the job API does before', () => {
    const text = `SELECT ${'1 + '.repeat(2_500_000)}1`
    const startedMs = cpuMs()
    assert.throws(() => parseScript(text), {
      errorName: 'GENERIC_USER_ERROR',
      message: `Query text length (${text.length}) exceeds the maximum length (1000000)`,
    })
    assert.ok(cpuMs() - startedMs < 100)
    assert.equal(issued, MAX_QUERY_CHARACTERS)
  })
})
