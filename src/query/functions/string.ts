import { QueryError } from '../errors.ts'
import type { PrestoType } from '../presto-type.ts'
import * as bytes from './bytes.ts'
import {
  alias,
  boundedText,
  type Call,
  type FunctionDefinition,
  fail,
  native,
  scalar,
  type TypedCall,
} from './define.ts'
import { choose, duckType } from './duck-type.ts'
import { pureFunction } from './javascript-helpers.ts'
import * as text from './text.ts'
import type { JavaScriptFunction } from './types.ts'
import { wordStem } from './word-stem.ts'

/** Text. Lengths and positions count code points, as in Presto. */

/** What Presto trims without being told: white space of Java, no-break spaces excluded. */
const WHITE_SPACE =
  "'\t\n\v\f\r\u001c\u001d\u001e\u001f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000'"

const TEXT = 'INVALID_FUNCTION_ARGUMENT'

const trim = (name: string) => [
  ...scalar(`${name}(char(x)) -> varchar(x)`, `${name}(rtrim($1, ' '), ${WHITE_SPACE})`),
  ...scalar(`${name}(char(x), codepoints) -> varchar(x)`, `${name}(rtrim($1, ' '), $2)`),
  ...scalar(`${name}(varchar(x)) -> varchar(x)`, `${name}($1, ${WHITE_SPACE})`),
  ...scalar(`${name}(varchar(x), codepoints) -> varchar(x)`, `${name}($1, $2)`),
]

/** The engine takes no offsets and lengths beyond 32 bits. */
const WITHIN = '4294967295'

/**
 * Presto's substr: position 0 and anything outside give '', negative positions count from the end. DuckDB's own takes 0 as 1 and
 * reaches back beyond the start.
 */
function substring({ args, constants }: Call): string {
  const [s, from, length] = args
  const [, begin, count] = constants
  const whole = length === undefined
  if (typeof begin === 'bigint' && begin > 0n && begin <= 4294967295n) {
    if (whole) return `substring(${s}, ${begin})`
    if (typeof count === 'bigint' && count > 0n && count <= 4294967295n)
      return `substring(${s}, ${begin}, ${count})`
  }
  const start = `CASE WHEN ${from} > 0 THEN least(${from}, ${WITHIN}) ELSE length(${s}) + ${from} + 1 END`
  const part = whole ? start : `${start}, least(${length}, ${WITHIN})`
  const nothing = [`${from} = 0`, `${from} < -length(${s})`, ...(whole ? [] : [`${length} <= 0`])]
  const unknown = [s, from, ...(whole ? [] : [length])].map((arg) => `${arg} IS NULL`)
  return choose(
    [
      [unknown.join(' OR '), 'NULL'],
      [nothing.join(' OR '), `''`],
    ],
    `substring(${s}, ${part})`,
  )
}

const substr = [
  ...scalar(
    ['char', 'varchar'].flatMap((type) => [
      `substr(${type}(x), bigint) -> varchar(x)`,
      `substr(${type}(x), bigint, bigint) -> varchar(x)`,
    ]),
    substring,
  ),
  ...scalar('substr(varbinary, bigint) -> varbinary', 'p_substr_bytes($1, $2, 9223372036854775807)'),
  ...scalar('substr(varbinary, bigint, bigint) -> varbinary', 'p_substr_bytes($1, $2, $3)'),
]

const RANGE = 'Target length must be in the range [0..2147483647]'

const pad = (name: string) => [
  ...scalar(`${name}(varbinary, bigint, varbinary) -> varbinary`, `p_${name}_bytes($1, $2, $3)`),
  ...scalar(`${name}(varchar(x), bigint, varchar(y)) -> varchar`, (call) => {
    const [s, size, padding] = call.args
    return choose(
      [
        [`${size} < 0 OR ${size} > 2147483647`, fail(call, TEXT, RANGE)],
        [`${padding} = ''`, fail(call, TEXT, 'Padding string must not be empty')],
      ],
      `${name}(${s}, CAST(${size} AS INTEGER), ${padding})`,
    )
  }),
]

/** DuckDB's own makes ẞ of ß, which has no simple upper case. */
const UPPER = `CASE WHEN contains($1, 'ß') THEN array_to_string(list_transform(string_split($1, 'ß'), lambda "$u": upper("$u")), 'ß') ELSE upper($1) END`

function atLeastTwo({ types, result }: TypedCall): PrestoType {
  if (types.length >= 2) return result
  throw new QueryError(TEXT, 'There must be two or more concatenation arguments')
}

/** NULL if any argument is NULL, which is what || does and DuckDB's concat does not. */
const joined = ({ args }: Call): string => `(${args.join(' || ')})`

const strpos = [
  ...scalar('strpos(varchar(x), varchar(y)) -> bigint', 'CAST(strpos($1, $2) AS BIGINT)'),
  ...scalar('strpos(varchar(x), varchar(y), bigint) -> bigint', 'p_strpos($1, $2, $3)'),
]

/** Each entry a key and a value; splits at the first delimiter only. */
const splitToMap = (name: string, result: string) =>
  scalar(`${name}(varchar, varchar, varchar) -> ${result}`, `p_${name}($1, $2, $3)`)

export const definitions: FunctionDefinition[] = [
  ...scalar('chr(bigint) -> varchar(1)', 'p_chr($1)'),
  ...scalar(
    'codepoint(varchar(1)) -> integer',
    (call) =>
      `CASE WHEN ${call.args[0]} = '' THEN ${fail(call, TEXT, 'Input string must be a single character string')} ELSE unicode(${call.args[0]}) END`,
  ),
  ...scalar(['length(char(x)) -> bigint', 'length(varchar(x)) -> bigint'], native('length')),
  ...scalar('length(varbinary) -> bigint', native('octet_length')),
  ...scalar(['lower(char(x)) -> char(x)', 'lower(varchar(x)) -> varchar(x)'], native('lower')),
  ...scalar(['upper(char(x)) -> char(x)', 'upper(varchar(x)) -> varchar(x)'], UPPER),
  ...scalar('concat(varchar...) -> varchar', joined, { result: atLeastTwo }),
  ...scalar('concat(varbinary...) -> varbinary', joined, { result: atLeastTwo }),
  ...scalar('concat(char(x), char(y)) -> char(x)', joined, {
    result: ({ bindings: { numbers } }) => {
      const length = (numbers.get('x') ?? 0) + (numbers.get('y') ?? 0)
      if (length <= 65_536) return { kind: 'char', length }
      throw new QueryError('TYPE_NOT_FOUND', `Unknown type: char(${length})`)
    },
  }),
  ...scalar('concat_ws(varchar, varchar...) -> varchar', native('concat_ws'), {
    result: ({ types }) => {
      if (types.length > 1) return { kind: 'varchar' }
      throw new QueryError('INVALID_FUNCTION_ARGUMENT', 'There must be two or more arguments to concat_ws')
    },
  }),
  ...scalar(
    'concat_ws(varchar, array(varchar)) -> varchar',
    'CASE WHEN $1 IS NOT NULL THEN array_to_string(list_filter($2, lambda "$c": "$c" IS NOT NULL), $1) END',
  ),
  ...trim('trim'),
  ...trim('ltrim'),
  ...trim('rtrim'),
  ...pad('lpad'),
  ...pad('rpad'),
  ...substr,
  // Of bytes there is no other name.
  ...alias(
    'substring',
    substr.filter(({ signature }) => !signature.text.includes('varbinary')),
  ),
  // DuckDB's own keeps marks with their letters.
  ...scalar(
    'reverse(varchar(x)) -> varchar(x)',
    'CASE WHEN length($1) = strlen($1) THEN reverse($1) ELSE p_reverse_text($1) END',
  ),
  ...scalar('reverse(varbinary) -> varbinary', 'p_reverse_bytes($1)'),
  ...scalar(
    'replace(varchar(x), varchar(y)) -> varchar(x)',
    "CASE WHEN $2 = '' THEN $1 ELSE replace($1, $2, '') END",
  ),
  ...scalar(
    'replace(varchar(x), varchar(y), varchar(z)) -> varchar(u)',
    "CASE WHEN $2 = '' THEN p_replace_nothing($1, $3) ELSE replace($1, $2, $3) END",
    {
      result({ bindings: { numbers } }) {
        const z = numbers.get('z')
        if (z === undefined) return { kind: 'varchar' }
        return boundedText(numbers.get('x'), (x) => x + z * (x + 1))
      },
    },
  ),
  ...strpos,
  ...scalar('starts_with(varchar(x), varchar(y)) -> boolean', native('starts_with')),
  ...scalar('translate(varchar(x), varchar(y), varchar(z)) -> varchar', 'p_translate($1, $2, $3)'),
  ...scalar('split(varchar(x), varchar(y)) -> array(varchar(x))', (call) =>
    choose(
      [
        [`${call.args[1]} IS NULL`, 'NULL'],
        [`${call.args[1]} = ''`, fail(call, TEXT, 'The delimiter may not be the empty string')],
      ],
      `string_split(${call.args.join(', ')})`,
    ),
  ),
  ...scalar('split(varchar(x), varchar(y), bigint) -> array(varchar(x))', 'p_split($1, $2, $3)'),
  ...scalar('split_part(varchar(x), varchar(y), bigint) -> varchar(x)', (call) =>
    choose(
      [
        [`${call.args[1]} IS NULL`, 'NULL'],
        [`${call.args[2]} <= 0`, fail(call, TEXT, 'Index must be greater than zero')],
        [
          `${call.args[1]} = ''`,
          `CASE WHEN ${call.args[2]} <= length(${call.args[0]}) THEN substring(${call.args[0]}, ${call.args[2]}, 1) END`,
        ],
      ],
      `string_split(${call.args[0]}, ${call.args[1]})[${call.args[2]}]`,
    ),
  ),
  ...splitToMap('split_to_map', 'map(varchar, varchar)'),
  ...splitToMap('split_to_multimap', 'map(varchar, array(varchar))'),
  ...scalar(
    'levenshtein_distance(varchar(x), varchar(y)) -> bigint',
    'CAST(p_levenshtein($1, $2) AS BIGINT)',
  ),
  ...scalar('hamming_distance(varchar(x), varchar(y)) -> bigint', (call) =>
    choose(
      [
        [
          `length(${call.args[0]}) <> length(${call.args[1]})`,
          fail(call, TEXT, 'The input strings to hamming_distance function must have the same length'),
        ],
        [`${call.args[0]} = ''`, '0'],
      ],
      `CAST(p_hamming(${call.args.join(', ')}) AS ${duckType(call.result)})`,
    ),
  ),
  ...scalar('normalize(varchar(x), varchar(y)) -> varchar', 'p_normalize($1, $2)'),
  ...scalar('normalize(varchar) -> varchar', "p_normalize($1, 'NFC')"),
  ...scalar('soundex(varchar) -> varchar(4)', 'p_soundex($1)'),
  ...scalar('word_stem(varchar(x)) -> varchar(x)', "p_word_stem($1, 'en')"),
  ...scalar('word_stem(varchar(x), varchar(2)) -> varchar(x)', 'p_word_stem($1, $2)'),
  ...scalar('luhn_check(varchar) -> boolean', 'p_luhn_check($1)'),
  ...scalar('to_utf8(varchar(x)) -> varbinary', native('encode')),
  ...scalar('from_utf8(varbinary) -> varchar', "p_from_utf8($1, '\uFFFD')"),
  ...scalar('from_utf8(varbinary, varchar(x)) -> varchar', 'p_from_utf8($1, $2)'),
  ...scalar('from_utf8(varbinary, bigint) -> varchar', 'p_from_utf8($1, p_replacement($2))'),
]

type Bytes = { bytes: Uint8Array }

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_chr(BIGINT) -> VARCHAR', text.chr),
  pureFunction('p_strpos(VARCHAR, VARCHAR, BIGINT) -> BIGINT', text.position),
  pureFunction('p_split(VARCHAR, VARCHAR, BIGINT) -> VARCHAR[]', text.split),
  pureFunction('p_split_to_map(VARCHAR, VARCHAR, VARCHAR) -> MAP(VARCHAR, VARCHAR)', text.splitToMap),
  pureFunction(
    'p_split_to_multimap(VARCHAR, VARCHAR, VARCHAR) -> MAP(VARCHAR, VARCHAR[])',
    text.splitToMultimap,
  ),
  pureFunction('p_replace_nothing(VARCHAR, VARCHAR) -> VARCHAR', text.replaceNothing),
  pureFunction('p_translate(VARCHAR, VARCHAR, VARCHAR) -> VARCHAR', text.translate),
  pureFunction('p_levenshtein(VARCHAR, VARCHAR) -> BIGINT', text.levenshtein),
  pureFunction('p_hamming(VARCHAR, VARCHAR) -> BIGINT', text.hamming),
  pureFunction('p_normalize(VARCHAR, VARCHAR) -> VARCHAR', text.normalize),
  pureFunction('p_soundex(VARCHAR) -> VARCHAR', text.soundex),
  pureFunction('p_word_stem(VARCHAR, VARCHAR) -> VARCHAR', wordStem),
  pureFunction('p_luhn_check(VARCHAR) -> BOOLEAN', text.luhnCheck),
  pureFunction('p_from_utf8(BLOB, VARCHAR) -> VARCHAR', (blob: Bytes, replacement: string) =>
    text.fromUtf8(blob.bytes, replacement),
  ),
  pureFunction('p_replacement(BIGINT) -> VARCHAR', text.replacementOf),
  pureFunction('p_reverse_text(VARCHAR) -> VARCHAR', (value: string) => [...value].reverse().join('')),
  pureFunction('p_substr_bytes(BLOB, BIGINT, BIGINT) -> BLOB', bytes.substring),
  pureFunction('p_lpad_bytes(BLOB, BIGINT, BLOB) -> BLOB', bytes.padLeft),
  pureFunction('p_rpad_bytes(BLOB, BIGINT, BLOB) -> BLOB', bytes.padRight),
  pureFunction('p_reverse_bytes(BLOB) -> BLOB', ({ bytes }: Bytes) => ({ bytes: bytes.slice().reverse() })),
]
