import type { PrestoType } from '../presto-type.ts'
import { alias, type Call, type FunctionDefinition, fail, native, scalar } from './define.ts'
import { choose, duckType } from './duck-type.ts'
import { formatText } from './format-text.ts'
import { pureFunction } from './javascript-helpers.ts'
import * as text from './text.ts'
import type { JavaScriptFunction } from './types.ts'

/** Text. Lengths and positions count code points, as in Presto. */

/** What Presto trims without being told: white space of Java, no-break spaces excluded. */
const WHITE_SPACE =
  "'\t\n\v\f\r\u001c\u001d\u001e\u001f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000'"

const TEXT = 'INVALID_FUNCTION_ARGUMENT'

const trim = (name: string, native: string) => [
  ...scalar(`${name}(varchar(x)) -> varchar(x)`, `${native}($1, ${WHITE_SPACE})`),
  ...scalar(`${name}(varchar(x), varchar) -> varchar(x)`, `${native}($1, $2)`),
]

/**
 * Presto's substr: position 0 and anything outside give '', negative positions count from the end. DuckDB's own takes 0 as 1 and
 * reaches back beyond the start.
 */
function substring({ args }: Call): string {
  const [s, from, length] = args
  const start = `CASE WHEN ${from} > 0 THEN ${from} WHEN ${from} < 0 AND -(${from}) <= length(${s}) THEN length(${s}) + ${from} + 1 END`
  const part =
    length === undefined ? `substring(${s}, ${start})` : `substring(${s}, ${start}, greatest(${length}, 0))`
  return `CASE WHEN ${from} = 0 OR -(${from}) > length(${s})${length === undefined ? '' : ` OR ${length} <= 0`} THEN left(${s}, 0) ELSE ${part} END`
}

const substr = scalar(
  ['substr(varchar(x), bigint) -> varchar(x)', 'substr(varchar(x), bigint, bigint) -> varchar(x)'],
  substring,
)

const pad = (name: string) =>
  scalar(`${name}(varchar, bigint, varchar) -> varchar`, (call) => {
    const [s, size, padding] = call.args
    return choose(
      [
        [
          `${size} < 0 OR ${size} > 2147483647`,
          fail(call, TEXT, 'Target length must be in the range [0..2147483647]'),
        ],
        [`${padding} = ''`, fail(call, TEXT, 'Padding string must not be empty')],
      ],
      `${name}(${s}, CAST(${size} AS INTEGER), ${padding})`,
    )
  })

/** NULL if any argument is NULL, which is what || does and DuckDB's concat does not. */
const joined = ({ args }: Call): string => `(${args.join(' || ')})`

const strpos = [
  ...scalar('strpos(varchar, varchar) -> bigint', 'CAST(strpos($1, $2) AS BIGINT)'),
  ...scalar('strpos(varchar, varchar, bigint) -> bigint', 'p_strpos($1, $2, $3)'),
]

function formatCall({ args, types }: Call): string {
  const [pattern, ...values] = args
  const kinds = types.slice(1).map(formatKind).join(',')
  return `p_format(${pattern}, [${values.map((value, i) => formatArgument(value, types[i + 1]!)).join(', ')}]::VARCHAR[], '${kinds}')`
}

const formatKind = (type: PrestoType): string =>
  ({ real: 'double', varchar: 'text', char: 'text' })[type.kind as string] ?? type.kind
const formatArgument = (sql: string, type: PrestoType): string =>
  type.kind.startsWith('timestamp') || type.kind === 'date'
    ? `CAST(CAST(${sql} AS TIMESTAMP) AS VARCHAR)`
    : `CAST(${sql} AS VARCHAR)`

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
  ...scalar('length(varchar) -> bigint', native('length')),
  ...scalar('length(varbinary) -> bigint', native('octet_length')),
  ...scalar('lower(varchar(x)) -> varchar(x)', native('lower')),
  ...scalar('upper(varchar(x)) -> varchar(x)', native('upper')),
  ...scalar('concat(varchar, varchar, varchar...) -> varchar', joined),
  ...scalar('concat(varbinary, varbinary, varbinary...) -> varbinary', joined),
  ...scalar('concat_ws(varchar, varchar...) -> varchar', ({ args }) =>
    args.length === 1 ? `CASE WHEN ${args[0]} IS NOT NULL THEN '' END` : `concat_ws(${args.join(', ')})`,
  ),
  ...scalar(
    'concat_ws(varchar, array(varchar)) -> varchar',
    'array_to_string(list_filter($2, lambda "$c": "$c" IS NOT NULL), $1)',
  ),
  ...trim('trim', 'trim'),
  ...trim('ltrim', 'ltrim'),
  ...trim('rtrim', 'rtrim'),
  ...pad('lpad'),
  ...pad('rpad'),
  ...substr,
  ...alias('substring', substr),
  ...scalar('reverse(varchar(x)) -> varchar(x)', native('reverse')),
  ...scalar('reverse(varbinary) -> varbinary', 'p_reverse_bytes($1)'),
  ...scalar('replace(varchar, varchar) -> varchar', "CASE WHEN $2 = '' THEN $1 ELSE replace($1, $2, '') END"),
  ...scalar(
    'replace(varchar, varchar, varchar) -> varchar',
    "CASE WHEN $2 = '' THEN p_replace_nothing($1, $3) ELSE replace($1, $2, $3) END",
  ),
  ...strpos,
  ...scalar('starts_with(varchar, varchar) -> boolean', native('starts_with')),
  ...scalar('translate(varchar, varchar, varchar) -> varchar', 'p_translate($1, $2, $3)'),
  ...scalar('split(varchar, varchar) -> array(varchar)', (call) =>
    choose(
      [[`${call.args[1]} = ''`, fail(call, TEXT, 'The delimiter may not be the empty string')]],
      `string_split(${call.args.join(', ')})`,
    ),
  ),
  ...scalar('split(varchar, varchar, bigint) -> array(varchar)', 'p_split($1, $2, $3)'),
  ...scalar('split_part(varchar, varchar, bigint) -> varchar', (call) =>
    choose(
      [
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
  ...scalar('levenshtein_distance(varchar, varchar) -> bigint', 'CAST(p_levenshtein($1, $2) AS BIGINT)'),
  ...scalar('hamming_distance(varchar, varchar) -> bigint', (call) =>
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
  ...scalar('normalize(varchar, varchar) -> varchar', 'p_normalize($1, $2)'),
  ...scalar('normalize(varchar) -> varchar', "p_normalize($1, 'NFC')"),
  ...scalar('soundex(varchar) -> varchar(4)', 'p_soundex($1)'),
  ...scalar('luhn_check(varchar) -> boolean', 'p_luhn_check($1)'),
  ...scalar('to_utf8(varchar) -> varbinary', native('encode')),
  ...scalar('from_utf8(varbinary) -> varchar', "p_from_utf8($1, '\uFFFD')"),
  ...scalar('from_utf8(varbinary, varchar) -> varchar', 'p_from_utf8($1, $2)'),
  ...scalar('from_utf8(varbinary, bigint) -> varchar', 'p_from_utf8($1, p_chr($2))'),
  ...scalar('format(varchar, ANY, ANY...) -> varchar', formatCall),
]

type Bytes = { bytes: Uint8Array }
type List = { items: (string | null)[] }

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
  pureFunction('p_luhn_check(VARCHAR) -> BOOLEAN', text.luhnCheck),
  pureFunction('p_from_utf8(BLOB, VARCHAR) -> VARCHAR', (blob: Bytes, replacement: string) =>
    text.fromUtf8(blob.bytes, replacement),
  ),
  pureFunction('p_reverse_bytes(BLOB) -> BLOB', ({ bytes }: Bytes) => ({ bytes: bytes.slice().reverse() })),
  pureFunction(
    'p_format(VARCHAR, VARCHAR[], VARCHAR) -> VARCHAR',
    (pattern: string, values: List, kinds: string) => formatText(pattern, values.items, kinds.split(',')),
  ),
]
