import { readdirSync, readFileSync } from 'node:fs'
import { RESERVED } from '../../src/query/parse/keywords.ts'
import { recordedFacts } from '../peers/facts.ts'
import type { Random } from './random.ts'

/** Texts for the parser: right ones, right ones with something wrong, words in any order, noise, and depth. */

const OTHER_WORDS = [
  'a',
  'b',
  't',
  '"q"',
  '"a""b"',
  "'x'",
  "''",
  "X'0f'",
  "U&'\\00e9'",
  '1',
  '0',
  '1.5',
  '.5',
  '1e9',
  '0xff',
  '1_000',
  '?',
  'time',
  'OVER',
  'PARTITION',
  'RANGE',
  'ROWS',
  'GROUPS',
  'PRECEDING',
  'FOLLOWING',
  'FILTER',
  'INTERVAL',
  'DAY',
  'YEAR',
  'TO',
  'SECOND',
  'ARRAY',
  'MAP',
  'ROW',
  'TRY_CAST',
  'TRY',
  'IF',
  'COALESCE',
  'DATE',
  'TIMESTAMP',
  'WITHIN',
  'ZONE',
  'LIMIT',
  'OFFSET',
  'FETCH',
  'FIRST',
  'TIES',
  'ONLY',
  'TABLESAMPLE',
  'BERNOULLI',
  'ORDINALITY',
  'LATERAL',
  'SETS',
  'ROLLUP',
  'CUBE',
  'ALL',
  'ANY',
  'SOME',
  'SHOW',
  'TABLES',
  'SET',
  'SESSION',
  'EXPLAIN',
  'ANALYZE',
  'NULLS',
  'LAST',
  'IGNORE',
  'RESPECT',
  'POSITION',
  'SUBSTRING',
  'TRIM',
  'LISTAGG',
  'AT',
  'JSON_VALUE',
  'RETURNING',
  'WITHOUT',
  'WRAPPER',
  'PASSING',
  'DECIMAL',
  'VARCHAR',
  'bigint',
  'count',
  'max',
  'PIVOT',
]
const MARKS = [
  '(',
  ')',
  '(',
  ')',
  ',',
  ',',
  '.',
  ';',
  '[',
  ']',
  '+',
  '-',
  '*',
  '/',
  '%',
  '=',
  '<>',
  '<',
  '>=',
  '||',
  '->',
  '=>',
  '?',
  ':',
  '--c\n',
  '/* c */',
  '{',
  '}',
]
const VOCABULARY = [...RESERVED, ...OTHER_WORDS, ...MARKS]
const NOISE = [
  '\0',
  '\ufeff',
  '\u00a0',
  '\r',
  '\n',
  '\t',
  "'",
  '"',
  '`',
  '\\',
  '$',
  '@',
  '#',
  '!',
  '~',
  '^',
  '|',
  '&',
  'é',
  '日',
  '😀',
  '\ud800',
  '\udc00',
  '--',
  '/*',
  '*/',
  '0x',
  '1e',
  '.',
  '_',
  'U&',
  "X'",
]

/** The right texts: the benchmarks' queries and what the case files ask. */
export function corpus(): string[] {
  const queries = ['tpch', 'tpcds'].flatMap((suite) =>
    readdirSync(new URL(suite, import.meta.url))
      .filter((file) => /^q\d\d\.sql$/.test(file))
      .map((file) => readFileSync(new URL(`${suite}/${file}`, import.meta.url), 'utf8')),
  )
  return [...recordedFacts().map(({ sql }) => sql), ...queries]
}

export function randomTokens(random: Random): string {
  const words = Array.from({ length: 1 + random.below(40) }, () => random.pick(VOCABULARY))
  return `${random.pick(['', 'SELECT ', 'SELECT * FROM ', 'WITH a AS ('])}${words.join(' ')}`
}

export function noise(random: Random): string {
  return Array.from({ length: 1 + random.below(60) }, () =>
    random.chance(0.5)
      ? random.pick(NOISE)
      : String.fromCharCode(random.below(random.chance(0.9) ? 128 : 0xffff)),
  ).join('')
}

/** A text of the corpus with one to three tokens lost, doubled, swapped, replaced or cut off, or joined with another. */
export function mutated(random: Random, texts: string[]): string {
  let tokens: string[] = random.pick(texts).match(/'(?:[^']|'')*'|"[^"]*"|\w+|\s+|[^\w\s]/g) ?? []
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
    const at = random.below(tokens.length)
    switch (random.below(6)) {
      case 0:
        tokens = tokens.toSpliced(at, 1)
        break
      case 1:
        tokens = tokens.toSpliced(at, 0, tokens[at] ?? '')
        break
      case 2:
        tokens = tokens.toSpliced(at, 1, random.pick(VOCABULARY))
        break
      case 3:
        tokens = tokens.toSpliced(at, 0, ' ', random.pick(VOCABULARY), ' ')
        break
      case 4:
        tokens = tokens.slice(0, at)
        break
      default: {
        const other = random.pick(texts)
        tokens = [...tokens.slice(0, at), ' ', other.slice(random.below(other.length))]
      }
    }
  }
  return tokens.join('')
}

const DEEP: ((depth: number) => string)[] = [
  (n) => `SELECT ${'('.repeat(n)}1${')'.repeat(n)}`,
  (n) => `SELECT ${'('.repeat(n)}`,
  (n) => `SELECT ${'(1,'.repeat(n)}1${')'.repeat(n)}`,
  (n) => `SELECT * FROM ${'(SELECT * FROM '.repeat(n)}t${')'.repeat(n)}`,
  (n) => `SELECT * FROM ${'('.repeat(n)}t${')'.repeat(n)}`,
  (n) => `${'('.repeat(n)}SELECT 1${')'.repeat(n)}`,
  (n) => `SELECT ${'NOT '.repeat(n)}true`,
  (n) => `SELECT ${'- '.repeat(n)}1`,
  (n) => `SELECT ${'ARRAY['.repeat(n)}1${']'.repeat(n)}`,
  (n) => `SELECT a${'[1]'.repeat(n)}`,
  (n) => `SELECT a${'.b'.repeat(n)}`,
  (n) => `SELECT ${'x -> '.repeat(n)}1`,
  (n) => `SELECT ${'f('.repeat(n)}1${')'.repeat(n)}`,
  (n) => `SELECT ${'CASE WHEN true THEN '.repeat(n)}1${' END'.repeat(n)}`,
  (n) => `SELECT CAST(NULL AS ${'array('.repeat(n)}bigint${')'.repeat(n)})`,
  (n) => `SELECT CAST(NULL AS ${'row(a '.repeat(n)}bigint${')'.repeat(n)})`,
  (n) => `SELECT ${'1 + '.repeat(n)}1`,
  (n) => `SELECT ${'true AND '.repeat(n)}true`,
  (n) => `SELECT ${"'a' || ".repeat(n)}'a'`,
  (n) => `SELECT 1${' UNION ALL SELECT 1'.repeat(n)}`,
  (n) => `SELECT 1${' UNION SELECT 1 INTERSECT SELECT 2'.repeat(n)}`,
  (n) => `SELECT * FROM t${' CROSS JOIN t'.repeat(n)}`,
  (n) => `SELECT * FROM ${'t JOIN '.repeat(n)}t${' ON true'.repeat(n)}`,
  (n) => `${'EXPLAIN '.repeat(n)}SELECT 1`,
  (n) => `${'PREPARE a FROM '.repeat(n)}SELECT 1`,
  (n) => `${'WITH a AS ('.repeat(n)}SELECT 1${') SELECT 1'.repeat(n)}`,
  (n) => `SELECT 1 IN (${'SELECT 1 IN ('.repeat(n)}SELECT 1${')'.repeat(n)})`,
  (n) => `SELECT a ${'AT TIME ZONE b '.repeat(n)}`,
  (n) => 'SELECT 1;'.repeat(n),
  (n) => `SELECT ${"'".repeat(n)}`,
  (n) => `SELECT ${'/* '.repeat(n)}`,
  (n) => `SELECT x FROM t GROUP BY ${'('.repeat(n)}x${')'.repeat(n)}`,
  (n) => `SELECT x FROM t MATCH_RECOGNIZE (${'('.repeat(n)}`,
]

/** Every form of nesting, at depths at and far beyond the limit. */
export const deepTexts = (): string[] =>
  DEEP.flatMap((make) => [50, 199, 200, 201, 5000, 12_000].map(make)).filter(
    (text) => text.length <= 1_000_000,
  )
